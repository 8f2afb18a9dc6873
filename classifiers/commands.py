"""The command of this package: `deskwatch classify`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from classifiers import Classifier
from classifiers.loading import load_classifier
from deskwatch.cli import load_settings
from deskwatch.records import Record, ThemeScore

MAX_LINE_BYTES: Final = 16 * 1024 * 1024


class Item(msgspec.Struct):
    """One line of input; what else it holds is ignored."""

    id: str | int
    title: str
    summary: str | None = None
    text: str | None = None


class Verdict(Record, frozen=True, kw_only=True):
    """One line of output."""

    id: str | int
    themes: tuple[ThemeScore, ...]


class BadLineError(ValueError):
    """A line of input that is no item."""


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--config",
    "config_dir",
    type=click.Path(path_type=Path),
    help="Directory that holds themes/ and perhaps model/ [default: the setting config_dir].",
)
@click.pass_context
def classify(ctx: click.Context, file: BinaryIO, config_dir: Path | None) -> None:
    """Give articles their themes.

    FILE (default: standard input) has one JSON object a line with `id`, `title` and, if there is one, `summary` or
    `text`; further keys are ignored. For each, one line goes to standard output: {"id", "themes": [{"theme", "score",
    "evidence": [...]}]}, only the themes that it assigns (score >= 1). A line that is no article is named on standard
    error and skipped; so is a model that cannot be used: then the terms judge alone.

    \b
    Exit codes: 0 every line was an article, 1 one was not or the themes are wrong.
    """
    directory = config_dir or Path(load_settings(ctx).config_dir)
    loaded = load_classifier(directory)
    if loaded.trouble:
        click.echo(f"warning: {loaded.trouble}", err=True)
    name = getattr(file, "name", "-")
    name = "-" if name in ("<stdin>", "-") else str(name)
    out = click.get_binary_stream("stdout")
    bad = 0
    for number, line in enumerate(_lines(file), 1):
        try:
            out.write(verdict_on(line, loaded.classifier))
        except BadLineError as error:
            bad += 1
            click.echo(f"{name}:{number}: {error}", err=True)
    out.flush()
    sys.exit(1 if bad else 0)


def verdict_on(line: bytes, classifier: Classifier) -> bytes:
    """Return the line of output for a line of input; nothing for a blank one.

    Raises:
        BadLineError: it is no item; the message says why.
    """
    if not line.strip():
        return b""
    if len(line) > MAX_LINE_BYTES:
        raise BadLineError(f"longer than {MAX_LINE_BYTES:,} bytes")
    try:
        item = msgspec.json.decode(line, type=Item)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadLineError(str(error)) from error
    scores = classifier.judge(item.title, item.summary or "", item.text or "")
    return _ENCODER.encode(Verdict(id=item.id, themes=scores)) + b"\n"


def _lines(file: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines, without the byte-order mark that some programs put first."""
    for number, line in enumerate(file):
        yield line.removeprefix(b"\xef\xbb\xbf") if not number else line


_ENCODER: Final = msgspec.json.Encoder()
