"""A file of counts, `timestamp,value` a line, and the verdict on each line: the rim of `deskwatch detect`."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Final

import msgspec

from deskwatch.configfile import Problem
from streams.scanning import Scanner, Verdict

COLUMNS: Final = ("timestamp", "value")
ADDED: Final = ("expected", "score", "alert")
MOST: Final = 1e12  # a count beyond this is a mistake
LONGEST_GAP: Final = 200_000  # buckets; a longer hole says no more than this one


class Row(msgspec.Struct, frozen=True):
    """A line that can be read."""

    line: int
    timestamp: str  # as it was written
    at: float  # seconds since 1970
    value: str
    count: float


def read_rows(lines: Iterable[str], name: str, problems: list[Problem]) -> list[Row]:
    """Return the lines that hold an instant after the one before and a count; `problems` takes all others.

    An instant is ISO 8601 (UTC unless it says otherwise) or seconds since 1970. A first line of names may be there.
    """
    rows: list[Row] = []
    for number, cells in enumerate(csv.reader(_plain(lines)), 1):
        if not cells or (number == 1 and _instant(cells[0]) is None):
            if cells and [cell.strip().lower() for cell in cells[:2]] != list(COLUMNS):
                problems.append(Problem(name, 1, 1, f"the first line is {','.join(cells)!r}", ",".join(COLUMNS)))
            continue
        row, wrong = _row(number, cells), ""
        if row is None:
            wrong = f"{','.join(cells)[:80]!r} is no instant and a count"
        elif rows and row.at <= rows[-1].at:
            wrong = f"{row.timestamp} is not later than line {rows[-1].line}"
        if row is None or wrong:
            problems.append(Problem(name, number, 1, wrong))
        else:
            rows.append(row)
    return rows


def step_of(rows: list[Row]) -> int:
    """Return the usual distance between lines in whole seconds; 300 where there are too few to tell."""
    gaps = [after.at - before.at for before, after in pairwise(rows)]
    return max(1, round(median(gaps))) if gaps else 300


def judge_rows(rows: list[Row], step_s: int) -> Iterator[tuple[Row, Verdict | None]]:
    """Yield each line with its verdict; None for a second one of the same step, which is not counted."""
    if not rows:
        return
    next_bucket = first = int(rows[0].at // step_s)
    scanner = Scanner(step_s, first)
    for row in rows:
        # The nearest step after the first line: clocks that drift by a little leave no holes.
        bucket = first + round((row.at - rows[0].at) / step_s)
        if bucket < next_bucket:
            yield row, None
            continue
        scanner.skip(min(bucket - next_bucket, LONGEST_GAP))
        scanner.go_to(bucket)
        yield row, scanner.step(round(row.count))
        next_bucket = bucket + 1


def _plain(lines: Iterable[str]) -> Iterator[str]:
    return (line.replace("\0", "").lstrip("\ufeff") for line in lines)


def _row(number: int, cells: list[str]) -> Row | None:
    at = _instant(cells[0])
    if at is None or len(cells) < 2:
        return None
    try:
        count = float(cells[1])
    except ValueError:
        return None
    return Row(number, cells[0], at, cells[1], count) if 0 <= count <= MOST and math.isfinite(count) else None


def _instant(text: str) -> float | None:
    text = text.strip()
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds < 1e11 else None
