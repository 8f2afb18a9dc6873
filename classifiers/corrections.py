"""The file in which stands what people said about single articles.

The file only grows. A later word on the same article and theme counts instead of an earlier one; `withdrawn` takes it
back altogether.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from classifiers.jsonlines import encode_line, missing, read_objects, take_text, take_themes
from deskwatch.configfile import Problem, nearest
from deskwatch.errors import ConfigError
from deskwatch.records import Record, Utc

FILE: Final = "corrections.jsonl"
MAX_CHARS: Final = 4_000  # of one field

_TEXTS: Final = ("id", "title", "summary", "text", "by", "note")
_LISTS: Final = ("is", "not", "withdrawn")
_KEYS: Final = (*_TEXTS, *_LISTS, "at")


class Correction(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody said about one article: it is about some themes, not about others, of the rest nothing."""

    id: str
    title: str = ""
    summary: str = ""
    text: str = ""
    is_: tuple[str, ...] = msgspec.field(default=(), name="is")
    not_: tuple[str, ...] = msgspec.field(default=(), name="not")
    withdrawn: tuple[str, ...] = ()
    by: str = ""
    at: Utc
    note: str = ""


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """A correction and where it stands."""

    file: str
    line: int
    correction: Correction

    def problem(self, message: str, suggestion: str = "") -> Problem:
        """Return a problem of this line."""
        return Problem(self.file, self.line, 1, message, suggestion)


def append(path: Path, correction: Correction) -> None:
    """Add a correction to the file, which is made if it is missing; it is on the disk when this returns.

    Several processes may do so at once. What a crash left unfinished at the end is closed off, and costs no other line.

    Raises:
        ConfigError: the file cannot be written; it is as it was.
    """
    try:
        is_new = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            try:
                _write(handle, (b"\n" if torn else b"") + encode(correction))
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)  # gives the lock back
        if is_new:
            _sync_directory(path.parent)
    except OSError as error:
        raise ConfigError([Problem(str(path), 1, 1, f"cannot be written: {error.strerror or error}")]) from error


def encode(correction: Correction) -> bytes:
    """Return a correction as one line of the file, its texts cut to MAX_CHARS and free of half characters."""
    texts = {name: _storable(getattr(correction, name)) for name in _TEXTS}
    return encode_line(msgspec.structs.replace(correction, **texts))


def read(path: Path) -> tuple[list[Filed], list[Problem]]:
    """Return the corrections of a file in its order, and what is wrong with its other lines; nothing without a file."""
    problems: list[Problem] = []
    filed: list[Filed] = []
    if not path.exists():
        return filed, problems
    for number, data in read_objects(path, problems):
        wrong: list[Problem] = []
        correction = _correction(data, (str(path), number), wrong)
        if correction is not None:
            filed.append(Filed(file=str(path), line=number, correction=correction))
        problems += wrong
    return filed, sorted(problems)


def current(filed: Iterable[Filed]) -> list[Filed]:
    """Return the corrections with only those themes that no later one speaks of; what says nothing more is left out."""
    seen: set[tuple[str, str]] = set()
    left: list[Filed] = []
    for one in reversed(list(filed)):
        said = one.correction
        is_, not_ = (tuple(t for t in themes if (said.id, t) not in seen) for themes in (said.is_, said.not_))
        seen |= {(said.id, theme) for theme in (*said.is_, *said.not_, *said.withdrawn)}
        if is_ or not_:
            kept = msgspec.structs.replace(said, is_=is_, not_=not_, withdrawn=())
            left.append(msgspec.structs.replace(one, correction=kept))
    return left[::-1]


def corrected(filed: Iterable[Filed]) -> set[tuple[str, str]]:
    """Return the pairs of article id and theme on which there is a word."""
    return {
        (one.correction.id, theme) for one in current(filed) for theme in (*one.correction.is_, *one.correction.not_)
    }


def _correction(data: dict[str, Any], at: tuple[str, int], wrong: list[Problem]) -> Correction | None:
    """Return the correction of a line; None, and all that is wrong with the line, if it is none."""
    for key in data.keys() - set(_KEYS):
        wrong.append(Problem(*at, 1, f"unknown key '{key}'", nearest(key, _KEYS)))
    texts = {key: take_text(data, key, at, wrong) for key in _TEXTS}
    themes = {key: take_themes(data, key, at, wrong) for key in _LISTS}
    for key in ("id", "at"):
        if not data.get(key):
            wrong.append(missing(data, key, at, _KEYS))
    if not (texts["title"] + texts["summary"] + texts["text"]).strip():
        wrong.append(missing(data, "title or summary or text", at, _KEYS))
    if not any(themes.values()):
        wrong.append(missing(data, "is or not", at, _KEYS))
    for theme in sorted(set(themes["is"]) & set(themes["not"])):
        wrong.append(Problem(*at, 1, f"'{theme}' stands under 'is' and under 'not'"))
    when: datetime | None = None
    if data.get("at"):
        try:
            when = msgspec.convert(data["at"], Utc)
        except msgspec.ValidationError:
            wrong.append(Problem(*at, 1, "'at': expected a time such as 2026-11-25T08:00:00Z"))
    if wrong or when is None:
        return None
    return Correction(**texts, is_=themes["is"], not_=themes["not"], withdrawn=themes["withdrawn"], at=when)


def _storable(text: str) -> str:
    return text[:MAX_CHARS].encode("utf-8", "replace").decode()


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
