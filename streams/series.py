"""One theme's last hours in buckets: what was counted, what was expected, and who wrote it.

Buckets are numbered from 1970. A closed one is published and has an expectation; it may still be amended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

UNOBSERVED: Final = -1.0


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence over the buckets [`start`, `end`), of which only the observed ones count on either side."""

    number: int  # which of the rules' windows
    start: int
    end: int
    observed: int
    expected: float


class Cell:
    """What one bucket of one theme holds; rebuilt from the stories after a restart, so never saved."""

    __slots__ = ("articles", "counted", "evidence", "owners", "stories", "waiting")

    def __init__(self) -> None:
        self.articles = 0
        self.evidence = 0
        self.counted: Counter[str] = Counter()  # evidence by owner
        self.waiting: Counter[str] = Counter()  # by owner, of feeds that are new
        self.owners: Counter[str] = Counter()  # of all articles, copies too
        self.stories: Counter[str] = Counter()  # articles of each

    def add(self, owner: str, story: str) -> None:
        """Take in an article."""
        self.articles += 1
        self.owners[owner] += 1
        self.stories[story] += 1

    def remove(self, owner: str, story: str) -> None:
        """Take out an article again."""
        self.articles -= 1
        for counter, name in ((self.owners, owner), (self.stories, story)):
            counter[name] -= 1
            if counter[name] <= 0:
                del counter[name]

    def add_waiting(self, owner: str, by: int = 1) -> None:
        """Take in what would be evidence if its feed were not new, or with -1 take it out again."""
        self.waiting[owner] += by

    def add_evidence(self, owner: str, by: int = 1) -> None:
        """Take in a piece of evidence, or with -1 take it out again."""
        self.evidence += by
        self.counted[owner] += by
        if self.counted[owner] <= 0:
            del self.counted[owner]


class Closed(msgspec.Struct, kw_only=True):
    """The saved part: expectation and health of each closed bucket from `first` on."""

    first: int
    expected: list[float] = []  # times the health; UNOBSERVED where too few feeds answered
    healths: list[float] = []
    revisions: dict[int, int] = {}  # how often a published bucket was amended


class Series:
    """The buckets of one theme."""

    def __init__(self, closed: Closed) -> None:
        self.saved = closed
        self.cells: dict[int, Cell] = {}

    @property
    def next(self) -> int:
        """Return the first bucket that is not closed."""
        return self.saved.first + len(self.saved.expected)

    def cell(self, bucket: int) -> Cell:
        """Return the cell of a bucket, made empty if it is new."""
        found = self.cells.get(bucket)
        if found is None:
            found = self.cells[bucket] = Cell()
        return found

    def close(self, expected: float, health: float) -> None:
        """Close the next bucket."""
        self.saved.expected.append(expected if expected == UNOBSERVED else round(expected, 9))
        self.saved.healths.append(round(health, 4))

    def expected(self, bucket: int) -> float:
        """Return what a closed bucket was expected to hold; UNOBSERVED also for one that is not held."""
        at = bucket - self.saved.first
        return self.saved.expected[at] if 0 <= at < len(self.saved.expected) else UNOBSERVED

    def health(self, bucket: int) -> float:
        """Return the share of the feeds that answered in a closed bucket."""
        return self.saved.healths[bucket - self.saved.first]

    def sums(self, end: int, lengths: Iterable[int], floor: int = 0) -> list[tuple[int, float]]:
        """Return observed and expected over the last buckets before `end`, for each of the ascending lengths.

        Nothing before bucket `floor` is counted.
        """
        out: list[tuple[int, float]] = []
        observed, expected, bucket = 0, 0.0, end
        first, rates, cells = self.saved.first, self.saved.expected, self.cells
        floor = max(first, floor)
        for length in lengths:
            stop = max(end - length, floor)
            while bucket > stop:
                bucket -= 1
                if bucket - first < len(rates) and (rate := rates[bucket - first]) != UNOBSERVED:
                    expected += rate
                    if bucket in cells:
                        observed += cells[bucket].evidence
            out.append((observed, expected))
        return out

    def counted(self, owner: str, start: int, end: int, *, waiting: bool = False) -> int:
        """Return how much evidence an owner gave in [`start`, `end`), or how much of it waits."""
        cells = [self.cells[b] for b in range(start, end) if b in self.cells]
        return sum((cell.waiting if waiting else cell.counted)[owner] for cell in cells)

    def prune(self, before: int) -> None:
        """Forget everything before a bucket."""
        drop = before - self.saved.first
        if drop > 0:
            del self.saved.expected[:drop], self.saved.healths[:drop]
            self.saved.first = before
            self.saved.revisions = {b: n for b, n in self.saved.revisions.items() if b >= before}
            self.cells = {b: cell for b, cell in self.cells.items() if b >= before}
