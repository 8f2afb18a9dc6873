"""The `measured` block of a theme file: put in, or replaced, with every other byte left as somebody typed it.

Dumping the file again would lose what people wrote between the lines, so ruamel's marks say where the block stands, and
the file as it would be is read again before it takes the place of the old one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node

from classifiers.definition import Figure, Measured
from classifiers.evaluating import Estimate, Report
from deskwatch.configfile import Problem, convert, parse
from deskwatch.errors import ConfigError

KEY: Final = "measured"

_DIGITS: Final = 3
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_PLAIN: Final = re.compile(r"[A-Za-z]+|\d{4}-\d\d-\d\d")  # words and dates, which need no quotes
_NOT_TEXT: Final = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def data_hash(paths: Sequence[Path]) -> str:
    """Return what identifies the contents of files, whatever their names and order: `sha256:` and 16 digits."""
    whole = hashlib.sha256()
    for digest in sorted(hashlib.sha256(path.read_bytes()).digest() for path in paths):
        whole.update(digest)
    return f"sha256:{whole.hexdigest()[:16]}"


def measured_in(report: Report, *, date: str, data: str, classifier: str) -> dict[str, Measured]:
    """Return by theme what a report says of its first variant; nothing of themes that no article carries.

    Args:
        report: Of `evaluate`.
        date: The day, as 2026-11-25.
        data: From `data_hash`.
        classifier: The name of what judged.
    """
    measured = {}
    for result in report.themes:
        score = result.scores[report.variants[0]]
        recall, f1 = _figure(score.recall), _figure(score.f1)
        if recall is not None and f1 is not None:
            measured[result.theme] = Measured(
                precision=_figure(score.precision)
                or Figure(value=0.0, low=0.0, high=0.0),  # nothing found, nothing right
                recall=recall,
                f1=f1,
                articles=report.articles,
                positives=result.positives,
                date=date,
                data=data,
                classifier=classifier,
            )
    return measured


def write_measured(path: Path, measured: Measured) -> None:
    """Put `measured` into a theme file, in place of what was measured before.

    The file changes as a whole or not at all. Figures are rounded to three digits.

    Raises:
        ConfigError: the file is wrong as it stands, cannot be written, or has a form in which a block has no place.
    """
    path = path.resolve()  # a link stays a link
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        old = path.read_bytes()
        new = with_measured(old, measured, str(path))
        if new == old:
            return
        try:
            with draft.open("xb") as file:
                file.write(new)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(path, draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError([Problem(str(path), 1, 1, f"cannot be written: {error.strerror or error}")]) from error


def with_measured(raw: bytes, measured: Measured, file: str) -> bytes:
    """Return the contents of a theme file with `measured` in them; see `write_measured`."""
    before, problems = parse(raw, file)
    if problems:
        raise ConfigError(problems)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(file, 1, 1, "cannot be added to: it is not UTF-8")]) from error
    root = YAML(typ="rt", pure=True).compose(text)
    if not isinstance(root, MappingNode) or root.flow_style or not root.value:
        raise ConfigError([before.problem((), "cannot be added to: write it as 'key: value' lines")])
    new = _replace(text, root, measured).encode()
    after, problems = parse(new, file)
    kept = {key: value for key, value in before.data.items() if key != KEY}
    if not problems and {key: value for key, value in after.data.items() if key != KEY} == kept:
        back, problems = convert(after, Measured, at=(KEY,)) if KEY in after.data else (None, [])
        if back is not None and _plain(back) == _plain(measured):
            return new
    raise ConfigError([before.problem((KEY,), f"cannot be added to: write '{KEY}' by hand, as the last key")])


def _replace(text: str, root: MappingNode, measured: Measured) -> str:
    found = _LINE_END.search(text)
    newline = found[0] if found else "\n"
    indent = " " * root.value[0][0].start_mark.column
    block = newline.join(indent + line for line in _lines(_plain(measured)))
    for key, value in root.value:
        if key.value == KEY:
            start = key.start_mark.index
            end = _LINE_END.search(text, max(key.end_mark.index, _end(value)))
            return text[:start] + block.lstrip() + (text[end.start() :] if end else "")
    ends = not text or text[-1] in "\r\n"
    return text + ("" if ends else newline) + newline + block + newline


def _end(node: Node) -> int:
    """Return where the last character of a value stands; the marks of a block itself lie behind comments after it."""
    if isinstance(node, CollectionNode) and not node.flow_style:
        parts = (part for entry in node.value for part in (entry if isinstance(entry, tuple) else (entry,)))
        return max((_end(part) for part in parts), default=0)
    if not isinstance(node, CollectionNode) and not node.value and node.style is None:
        return 0  # nothing was written, and the mark is wherever the next thing is
    return int(node.end_mark.index)


def _figure(estimate: Estimate) -> Figure | None:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return Figure(value=estimate.value, low=estimate.low, high=estimate.high)


def _plain(measured: Measured) -> dict[str, Any]:
    return {key: _rounded(value) for key, value in msgspec.to_builtins(measured).items()}


def _rounded(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _rounded(value) for key, value in data.items()}
    return round(data, _DIGITS) if isinstance(data, float) else data


def _lines(plain: Mapping[str, Any]) -> Iterator[str]:
    yield f"{KEY}: # written by `deskwatch model evaluate --write`"
    for key, value in plain.items():
        if isinstance(value, dict):
            yield f"  {key}: {{{', '.join(f'{name}: {_scalar(one)}' for name, one in value.items())}}}"
        else:
            yield f"  {key}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    return msgspec.json.encode(value).decode()
