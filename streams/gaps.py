"""Which offsets of `articles` nobody classifies any more: a pure watch over what is covered and what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

AGAIN_S: Final = 30.0  # a range that was handed out is left alone for this long
MAX_STEP_S: Final = 2.0  # time in which the watch was not asked (its process was stopped, say) proves nothing


class Gap(NamedTuple):
    """Offsets of one partition, both ends inclusive."""

    partition: int
    first: int
    last: int


Run = tuple[int, int]  # first and last offset, both inclusive


class GapWatch:
    """Tells which offsets to mend: gaps that stay, and backlogs without progress.

    Faust loses input silently now and then, and a worker may be stuck with its partitions; both look alike from the
    desk log: offsets that exist and are not covered.

    Args:
        gap_s: How long offsets may stay uncovered while later ones of their partition are covered.
        stall_s: How long a partition may have a backlog of which nothing is covered.
        again_s: How long a range is left alone after it was handed out.
    """

    def __init__(self, *, gap_s: float, stall_s: float, again_s: float = AGAIN_S) -> None:
        self._gap_s = gap_s
        self._stall_s = stall_s
        self._again_s = again_s
        self._asked_at: float | None = None
        self._time = 0.0  # of the watch itself: it runs only while it is asked
        self._seen: dict[tuple[int, int], float] = {}  # partition and first offset of a gap: since when
        self._stalled: dict[int, tuple[int, float]] = {}  # partition: first offset not covered, since when
        self._out: dict[Gap, float] = {}  # handed out: until when

    def find(
        self,
        now_s: float,
        covered: Mapping[int, int],
        beyond: Mapping[int, Sequence[Run]],
        ends: Mapping[int, int],
    ) -> list[Gap]:
        """Return the ranges to mend now, in the order of partition and offset; call it every half second or so.

        Args:
            now_s: Monotonic seconds.
            covered: Of each partition, the first offset that is not covered.
            beyond: Of each partition, the runs that are covered beyond that, ascending.
            ends: Of each partition of `articles`, the offset that its next record will get.
        """
        if self._asked_at is not None:
            self._time += min(max(0.0, now_s - self._asked_at), MAX_STEP_S)
        self._asked_at = now_s
        self._out = {gap: until for gap, until in self._out.items() if until > self._time}
        gaps = [gap for partition in sorted(ends) for gap in _gaps(partition, covered, beyond)]
        wanted = self._lasting(gaps) + self._backlogs(covered, beyond, ends)
        found = [gap for gap in sorted(wanted) if not any(_overlap(gap, out) for out in self._out)]
        self._out.update((gap, self._time + self._again_s) for gap in found)
        return found

    def _lasting(self, gaps: Sequence[Gap]) -> list[Gap]:
        # A gap is known by where it begins: one that is being filled from below makes progress and is let be.
        self._seen = {
            (gap.partition, gap.first): self._seen.get((gap.partition, gap.first), self._time) for gap in gaps
        }
        return [gap for gap in gaps if self._time - self._seen[gap.partition, gap.first] >= self._gap_s]

    def _backlogs(
        self, covered: Mapping[int, int], beyond: Mapping[int, Sequence[Run]], ends: Mapping[int, int]
    ) -> list[Gap]:
        stalled: dict[int, tuple[int, float]] = {}
        found = []
        for partition, end in ends.items():
            # What comes after the last covered offset; holes before it are gaps.
            first = max([covered.get(partition, 0), *(last + 1 for _, last in beyond.get(partition, ()))])
            if end <= first:
                continue
            known, since = self._stalled.get(partition, (-1, 0.0))
            stalled[partition] = (first, since if known == first else self._time)
            if self._time - stalled[partition][1] >= self._stall_s:
                found.append(Gap(partition, first, end - 1))
        self._stalled = stalled
        return found


def _gaps(partition: int, covered: Mapping[int, int], beyond: Mapping[int, Sequence[Run]]) -> list[Gap]:
    found = []
    at = covered.get(partition, 0)
    for first, last in beyond.get(partition, ()):
        if first > at:
            found.append(Gap(partition, at, first - 1))
        at = max(at, last + 1)
    return found


def _overlap(one: Gap, other: Gap) -> bool:
    return one.partition == other.partition and one.first <= other.last and other.first <= one.last
