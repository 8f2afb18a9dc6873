"""How far the desk has heard everything: the least tick over all shards and partitions, gaps and excuses minded.

A tick counts only once every offset before it in its partition of `articles` is covered: known to be classified.
"""

from __future__ import annotations

from bisect import insort
from datetime import datetime

import msgspec

from deskwatch.records import Utc


class Progress(msgspec.Struct, kw_only=True):
    """What is known of one partition of `articles`."""

    covered: int = 0  # every offset below this one is classified
    runs: list[tuple[int, int]] = []  # covered beyond a gap: first and last, sorted, apart
    waiting: list[tuple[int, int, Utc]] = []  # ticks beyond a gap: offset, shard, time
    ticks: dict[int, Utc] = {}  # the latest tick of each shard that counts


class Watermark(msgspec.Struct, kw_only=True):
    """The state of all partitions, and the watermark `at` that follows from it. It never steps back."""

    shards: int
    partitions: list[Progress]
    excused: dict[int, list[int]] = {}  # shard -> partitions in which it has ticked again
    at: Utc | None = None

    def cover(self, partition: int, first: int, last: int) -> None:
        """Note that the offsets from `first` to `last` (both inclusive) of a partition are classified."""
        progress = self.partitions[partition]
        if last >= progress.covered:
            insort(progress.runs, (first, last))
            progress.runs = _joined(progress.runs)
            if progress.runs[0][0] <= progress.covered:
                progress.covered = progress.runs.pop(0)[1] + 1
                self._count_waiting(partition)

    def skip(self, partition: int, before: int) -> None:
        """Take what stands before an offset of a partition as classified: nobody can say any more whether it is."""
        if before > 0:
            self.cover(partition, 0, before - 1)

    def tick(self, partition: int, offset: int, shard: int, at: datetime) -> None:
        """Note a tick that stands at `offset` of a partition."""
        if shard >= self.shards:
            return
        progress = self.partitions[partition]
        if offset <= progress.covered:  # everything before it is covered, itself does not matter
            self._count(partition, shard, at)
        elif (offset, shard, at) not in progress.waiting:
            insort(progress.waiting, (offset, shard, at))

    def excuse(self, shard: int) -> None:
        """Stop waiting for a shard, until it has ticked again in every partition."""
        if shard < self.shards:
            self.excused[shard] = []
            for progress in self.partitions:
                progress.ticks.pop(shard, None)

    def move(self) -> bool:
        """Bring `at` up to what the ticks allow; return whether it moved."""
        expected = [shard for shard in range(self.shards) if shard not in self.excused]
        heard = [progress.ticks.get(shard) for progress in self.partitions for shard in expected]
        least = min((at for at in heard if at is not None), default=None)
        if least is None or None in heard or (self.at is not None and least <= self.at):
            return False
        self.at = least
        return True

    def gaps(self) -> dict[int, list[tuple[int, int]]]:
        """Return per partition the ranges that are not covered although something beyond them is."""
        found: dict[int, list[tuple[int, int]]] = {}
        for partition, progress in enumerate(self.partitions):
            start = progress.covered
            for first, last in progress.runs:
                found.setdefault(partition, []).append((start, first - 1))
                start = last + 1
        return found

    def _count_waiting(self, partition: int) -> None:
        progress = self.partitions[partition]
        while progress.waiting and progress.waiting[0][0] <= progress.covered:
            _, shard, at = progress.waiting.pop(0)
            self._count(partition, shard, at)

    def _count(self, partition: int, shard: int, at: datetime) -> None:
        ticks = self.partitions[partition].ticks
        if shard not in ticks or at > ticks[shard]:
            ticks[shard] = at
        if shard in self.excused:
            again = self.excused[shard]
            if partition not in again:
                again.append(partition)
            if len(again) == len(self.partitions):
                del self.excused[shard]


def _joined(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out = [runs[0]]
    for first, last in runs[1:]:
        if first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out
