"""Buckets put together to hours or days, for a picture."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from deskwatch.charting import Cell
from deskwatch.counts import normal_range
from deskwatch.records import Bucket

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MAX_CELLS: Final = 24 * 45  # more bars than pixels show nothing


class _Sum:
    def __init__(self) -> None:
        self.observed = 0
        self.expected = 0.0
        self.scatter = 0.0  # times the expectation


class Tally:
    """What each theme had in each hour, or each day where hours are too many for a picture."""

    def __init__(self, span: timedelta, step: timedelta) -> None:
        self.width = max(step, HOUR if span / HOUR <= MAX_CELLS else DAY)
        self._sums: dict[str, dict[int, _Sum]] = {}
        self._observed: dict[tuple[str, datetime], int] = {}  # of the buckets that are not empty: they may be amended

    @property
    def themes(self) -> list[str]:
        """Return the themes that had any evidence."""
        return sorted({name for name, _ in self._observed})

    def add(self, bucket: Bucket) -> None:
        """Take in a bucket, or a later revision of it."""
        cell = self._sums.setdefault(bucket.theme, {}).setdefault(self._number(bucket.start), _Sum())
        place = (bucket.theme, bucket.start)
        cell.observed += bucket.observed - self._observed.get(place, 0)
        if bucket.observed or place in self._observed:
            self._observed[place] = bucket.observed
        if bucket.revision == 0:
            cell.expected += bucket.expected
            cell.scatter += bucket.scatter * bucket.expected

    def cells(self, theme: str) -> list[Cell]:
        """Return the bars of a theme without a hole between them; where no bucket was expected to hold anything, none
        was observed.
        """
        return list(self._cells(self._sums.get(theme, {})))

    def _cells(self, sums: dict[int, _Sum]) -> Iterator[Cell]:
        for number in range(min(sums, default=0), max(sums, default=-1) + 1):
            cell = sums.get(number, _Sum())
            low, high = 0, 0
            if cell.expected:
                low, high = normal_range(cell.expected, cell.scatter / cell.expected or 0.1)
            start = datetime.fromtimestamp(number * self.width.total_seconds(), UTC)
            yield Cell(start, cell.observed, cell.expected, low, high, cell.expected > 0)

    def _number(self, at: datetime) -> int:
        return int(at.timestamp() // self.width.total_seconds())
