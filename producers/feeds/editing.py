"""Feeds into the text of a feeds file: at the end of its list, in its style, everything else untouched.

Dumping the whole file again would lose what people wrote between the lines, so only ruamel's marks are used: where in
the text the list ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.feedrecords import Feed

_BOM: Final = "\ufeff"
_WORDS: Final = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))  # no text in some YAML
_PLAIN: Final = re.compile(r"(?!.*(: | #|:$))[^\W\d_](?:[\w ./:?=&%+~@()!;,'#-]*[\w./?=&%+~@()!;'-])?")


def append(text: str, feeds: Sequence[Feed], file: str) -> str:
    """Return the text of a feeds file with further feeds at the end of its list.

    Raises:
        ConfigError: the text has no place for them.
    """
    bom, text = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    newline = "\r\n" if "\r\n" in text else "\n"
    root = _compose(text, file)
    key, node = next(((k, v) for k, v in root.value if k.value == "feeds"), (None, None)) if root else (None, None)
    if root is None or key is None or node is None:
        body = text if not text or text.endswith("\n") else text + newline
        return bom + body + _block(["feeds:", *_entries(feeds, 2, 2)], newline)
    if isinstance(node, SequenceNode) and node.value and not node.flow_style:
        last: Node = node.value[-1]
        gap = max(last.start_mark.column - node.start_mark.column, 2)
        entries = _entries(feeds, node.start_mark.column, gap, spaced=_is_spaced(text, node))
        return bom + _insert(text, _end(last, text), _block(entries, newline))
    if isinstance(node, SequenceNode) and (node.value or root.flow_style):
        at = node.value[-1].end_mark.index if node.value else node.start_mark.index + 1
        flow = ", ".join(json.dumps(dict(fields_of(feed)), ensure_ascii=False) for feed in feeds)
        return bom + text[:at] + (", " if node.value else "") + flow + text[at:]
    if isinstance(node, MappingNode):
        raise ConfigError([Problem(file, node.start_mark.line + 1, 1, "expected a list of feeds")])
    if _width(node):  # `[]` or `null`
        text = text[: node.start_mark.index].rstrip(" ") + text[node.end_mark.index :]
    return bom + _insert(text, key.end_mark.index, _block(_entries(feeds, key.start_mark.column + 2, 2), newline))


def render(feeds: Sequence[Feed]) -> str:
    """Return a whole feeds file; every text is quoted, so nothing is read as a number or null."""
    if not feeds:
        return "feeds: []\n"
    return _block(["feeds:", *_entries(feeds, 2, 2, quoted=True)], "\n")


def fields_of(feed: Feed) -> Iterator[tuple[str, Any]]:
    """Yield what is written of a feed, in the order of the file."""
    for name in ("id", "url", "source", "language", "timezone", "category"):
        if value := getattr(feed, name):
            yield name, value
    if feed.ports:
        yield "ports", list(feed.ports)


def _compose(text: str, file: str) -> MappingNode | None:
    """Return the nodes of a file, which know where they stand; None if it is empty."""
    try:
        root = YAML(typ="rt", pure=True).compose(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError([Problem(file, 1, 1, f"not YAML: {str(error).splitlines()[0]}")]) from error
    if root is not None and not isinstance(root, MappingNode):
        raise ConfigError([Problem(file, 1, 1, "expected a mapping with the key 'feeds'")])
    return root


def _entries(feeds: Sequence[Feed], indent: int, gap: int, *, spaced: bool = False, quoted: bool = False) -> list[str]:
    lines = []
    for feed in feeds:
        lines += [""] if spaced else []
        for i, (name, value) in enumerate(fields_of(feed)):
            lead = "-".ljust(gap) if i == 0 else " " * gap
            lines.append(f"{' ' * indent}{lead}{name}: {_write(value, quoted)}")
    return lines


def _write(value: Any, quoted: bool) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if not quoted and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    printable = "".join(c if c.isprintable() else " " for c in value)
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _block(lines: Sequence[str], newline: str) -> str:
    return "".join(line + newline for line in lines)


def _insert(text: str, at: int, block: str) -> str:
    """Return the text with a block below the line of `at`."""
    end = text.find("\n", at)
    if end < 0:
        return text + ("\r\n" if "\r\n" in block else "\n") + block
    return text[: end + 1] + block + text[end + 1 :]


def _end(node: Node, text: str) -> int:
    """Return where the last text of a node ends; its own mark lies behind the comments that follow."""
    leaves = [node]
    end = node.start_mark.index
    while leaves:
        leaf = leaves.pop()
        if isinstance(leaf, MappingNode) and not leaf.flow_style:
            leaves += [each for pair in leaf.value for each in pair]
        elif isinstance(leaf, SequenceNode) and not leaf.flow_style:
            leaves += leaf.value
        elif _width(leaf):  # one left empty has its mark wherever the next thing is
            end = max(end, leaf.end_mark.index)
    return len(text[:end].rstrip())


def _width(node: Node) -> int:
    return int(node.end_mark.index - node.start_mark.index)


def _is_spaced(text: str, node: SequenceNode) -> bool:
    """Return whether the last two feeds stand apart by an empty line and nothing else."""
    if len(node.value) < 2:
        return False
    gap = text[_end(node.value[-2], text) : node.value[-1].start_mark.index]
    return gap.count("\n") > 1 and "#" not in gap
