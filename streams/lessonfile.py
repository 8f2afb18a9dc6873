"""Lessons as a file, one JSON object a line: written by `deskwatch backtest --learn`, read when a desk begins."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from deskwatch import codec
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.records import Learnt
from streams.lessons import wrong_with

MAX_BYTES: Final = 256 * 1024 * 1024

_DECODER: Final = msgspec.json.Decoder(Learnt)


def load(path: Path) -> dict[str, Learnt]:
    """Return the lessons of a file, by theme.

    Raises:
        ConfigError: with every line that is none, or that tells of a theme another one has told of.
    """
    problems: list[Problem] = []
    found: dict[str, Learnt] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(_bytes(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            learnt = _DECODER.decode(line)
            wrong = wrong_with(learnt)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            problems.append(Problem(str(path), number, 1, f"no lesson: {error}"))
            continue
        if learnt.theme in lines:
            wrong = wrong or f"line {lines[learnt.theme]} has told of '{learnt.theme}' already"
        if wrong:
            problems.append(Problem(str(path), number, 1, wrong))
        lines.setdefault(learnt.theme, number)
        found[learnt.theme] = learnt
    if problems or not found:
        raise ConfigError(problems or [Problem(str(path), 1, 1, "holds no lesson")])
    return found


def write(path: Path, lessons: Iterable[Learnt]) -> None:
    """Write lessons in one move: readers see the old file or the new one."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_bytes(b"".join(codec.encode(one) + b"\n" for one in lessons))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError([Problem(str(path), 1, 1, f"larger than {MAX_BYTES:,} bytes")])
        return path.read_bytes()
    except OSError as error:
        what = f"{error.strerror or error}: `deskwatch backtest --learn` writes such a file"
        raise ConfigError([Problem(str(path), 1, 1, what)]) from error
