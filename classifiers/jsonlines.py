"""JSON-lines files of unknown making, line by line: each line an object, or a problem with its place."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import msgspec

from deskwatch.configfile import Problem, nearest

MAX_LINE_BYTES: Final = 16 * 1024 * 1024

_BYTE: Final = re.compile(r" ?\(byte (\d+)\)$")
_ACTING: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_BOM: Final = b"\xef\xbb\xbf"


def encode_line(record: object) -> bytes:
    """Return a record as one line of JSON that can be shown: what acts on a terminal or turns text round is escaped."""
    text = msgspec.json.encode(record).decode()
    return _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode() + b"\n"


def read_lines(path: Path, problems: list[Problem]) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not blank with its number; gzip where the name ends in .gz.

    Args:
        path: The file.
        problems: Takes what cannot be read: the file, or a line that is too long, which is passed over.
    """
    number = 0
    try:
        with _open(path) as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    problems.append(Problem(str(path), number, 1, f"longer than {MAX_LINE_BYTES:,} bytes"))
                    while line and not line.endswith(b"\n"):
                        line = file.readline(MAX_LINE_BYTES)
                    continue
                line = line.removeprefix(_BOM) if number == 1 else line
                if line.strip():
                    yield number, line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problems.append(Problem(str(path), number + 1, 1, f"not gzip, or cut off: {error}"))
    except OSError as error:
        problems.append(Problem(str(path), number + 1, 1, f"cannot be read: {error.strerror or error}"))


def read_objects(path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line that is a JSON object with its number; `problems` takes the others."""
    for number, line in read_lines(path, problems):
        try:
            data = msgspec.json.decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            found = _BYTE.search(str(error))
            message = _BYTE.sub("", str(error)) or type(error).__name__
            problems.append(Problem(str(path), number, int(found[1]) + 1 if found else 1, f"not JSON: {message}"))
            continue
        if isinstance(data, dict):
            yield number, data
        else:
            problems.append(Problem(str(path), number, 1, f"expected an object, got {say(data)}"))


def take_text(data: Mapping[str, Any], key: str, at: tuple[str, int], problems: list[Problem]) -> str:
    """Return the text under `key`, empty where there is none; a number stands for its digits."""
    value = data.get(key)
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    problems.append(Problem(*at, 1, f"'{key}': expected text, got {say(value)}"))
    return ""


def take_themes(data: Mapping[str, Any], key: str, at: tuple[str, int], problems: list[Problem]) -> tuple[str, ...]:
    """Return the theme ids listed under `key`; none where it is missing or null."""
    value = data.get(key)
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(one, str) and one for one in value):
        return tuple(value)
    wrong = next((one for one in value if not isinstance(one, str) or not one), None) if isinstance(value, list) else 0
    got = f"one with {say(wrong)} in it" if isinstance(value, list) else say(value)
    problems.append(Problem(*at, 1, f"'{key}': expected a list of theme ids, got {got}"))
    return ()


def missing(data: Mapping[str, Any], keys: str, at: tuple[str, int], known: tuple[str, ...] = ()) -> Problem:
    """Return the problem that none of `keys` is there, with the key that was probably meant to be one of them."""
    strange = data.keys() - set(known)
    meant = next((name for key in keys.split(" or ") for name in strange if nearest(name, [key])), "")
    written = f"; is '{meant}' it?" if meant else ""
    return Problem(*at, 1, f"key {' or '.join(repr(key) for key in keys.split(' or '))} is missing{written}")


def say(value: object) -> str:
    """Return what kind of thing a value is, in words."""
    if value is None:
        return "nothing"
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    if value == "":
        return "empty text"
    return names.get(type(value), type(value).__name__)


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
