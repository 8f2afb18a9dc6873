"""Articles as JSON lines of anybody's making: the rim of `deskwatch stories`."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import msgspec

from classifiers.jsonlines import MAX_LINE_BYTES
from deskwatch.configfile import Problem
from streams.grouping import Text

_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_HOUR_S: Final = 3600.0


class Item(msgspec.Struct, kw_only=True):
    """A line of input; keys beyond these are ignored."""

    id: str | int
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    source: Any = None
    published: Any = None

    def body(self) -> str:
        """Return the text, or what there is of it."""
        return self.text or self.summary or ""

    def outlet(self) -> str:
        """Return who published it; empty where that does not say."""
        return self.source.strip() if isinstance(self.source, str) else ""

    def compared(self) -> Text:
        """Return what tells whether others carry the same text."""
        return Text(self.title or "", self.body(), self.outlet())

    def at_h(self) -> float | None:
        """Return when it was published, in hours since 1970; None where that does not say."""
        at = instant_of(self.published)
        return None if at is None else at.timestamp() / _HOUR_S


def read_items(file: BinaryIO, name: str, problems: list[Problem]) -> Iterator[Item]:
    """Yield the lines that are articles; `problems` takes the others. What is gzip is unpacked."""
    decode = msgspec.json.Decoder(Item).decode
    for number, line in lines_of(file, name, problems):
        try:
            if len(line) > MAX_LINE_BYTES:
                raise ValueError(f"longer than {MAX_LINE_BYTES:,} bytes")
            yield decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            problems.append(Problem(name, number, 1, str(error)))


def lines_of(file: BinaryIO, name: str, problems: list[Problem]) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not blank with its number; `problems` takes where gzip breaks off."""
    number = 0
    try:
        for number, line in enumerate(_unpacked(file), 1):
            plain = line.removeprefix(_BOM) if number == 1 else line
            if plain.strip():
                yield number, plain
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problems.append(Problem(name, number + 1, 1, f"not gzip, or cut off: {error}"))


def instant_of(written: Any) -> datetime | None:
    """Return an instant in ISO 8601 (UTC unless it says otherwise) or seconds since 1970; None for anything else."""
    try:
        if isinstance(written, str):
            at = datetime.fromisoformat(written.strip())
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        if isinstance(written, int | float) and not isinstance(written, bool):
            return datetime.fromtimestamp(written, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    first = file.readline(MAX_LINE_BYTES + 1)
    if first.startswith(_GZIP) and hasattr(file, "seek") and file.seekable():
        file.seek(0)
        with gzip.open(file) as unpacked:
            yield from unpacked
        return
    if first:
        yield first
    while line := file.readline(MAX_LINE_BYTES + 1):
        yield line
