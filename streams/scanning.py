"""One series of counts, bucket by bucket, by the same baseline, test and budget as a theme: `deskwatch detect`.

Of a series only the counts are known: no stories, no owners, nothing that comes late. So a bucket is judged when it is
over, and learnt from at once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from streams.baseline import Baseline, Rhythm, surprise
from streams.guard import Guard
from streams.pace import BUCKET_S, DAY_S, Pace
from streams.rules import Rules

TESTS_A_MONTH: Final = 1190.0  # so many independent ones are in buckets of five minutes: by them, and by
THRESHOLD: Final = 3.25  # this, false alerts are two in three months; the desk's is higher, as it judges each minute
WINDOWS_A_BUCKET: Final = 1.5  # longer buckets are judged once each, over windows that overlap
LEAST_LEARNT: Final = 7  # buckets, however long they are
MONTH_S: Final = 30 * DAY_S
LEAST_COUNT: Final = 3  # in a window; fewer are no spike, whatever was expected


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a bucket; at a score of 1 it is worth an alert."""

    expected: float
    score: float
    opens: bool


class Scanner:
    """Judges the buckets of one series in their order; what comes later has no say."""

    def __init__(self, step_s: int, first: int, rules: Rules | None = None) -> None:
        """Take the length of a bucket in seconds and the number of the first one."""
        self._rules = rules or Rules(threshold=threshold_of(step_s))
        self._pace = Pace(step_s)
        self._windows = _lengths([length * BUCKET_S for length in self._rules.windows], self._pace)
        self._peaks = _lengths([length * BUCKET_S for length in Rules.peaks], self._pace)
        self._held: deque[tuple[int, float]] = deque(maxlen=max(*self._windows, *self._peaks))
        self._baseline, self._guard = Baseline(), Guard()
        self._next = first
        self._quiet = math.inf  # buckets since the last one worth an alert

    def skip(self, buckets: int = 1) -> None:
        """Let buckets pass of which nothing is known."""
        for _ in range(buckets):
            self._held.append((0, 0.0))
            self._baseline.age(self._pace)
            self._guard.age(self._pace)
            self._quiet += 1
            self._next += 1

    def go_to(self, bucket: int) -> None:
        """Go on at a later bucket, as if those between had not been."""
        self._next = bucket

    def step(self, count: int, health: float = 1.0) -> Verdict:
        """Judge the next bucket, then learn from it.

        Args:
            count: What it holds.
            health: Share of what feeds the series that was there, in (0, 1].
        """
        bucket, pace = self._next, self._pace
        mean = self._baseline.expected(bucket, pace) * health
        self._held.append((count, mean))
        sums, peaks = self._sums(self._windows), self._sums(self._peaks)
        score = self._score(bucket, sums, peaks)
        opens = score >= 1 and self._quiet * pace.step_s > self._rules.quiet_s
        self._quiet = 0 if score >= 1 else self._quiet + 1
        self._guard.age(pace)
        if opens:
            self._guard.opened()
        self._guard.learn(peaks, pace)
        alone = Rhythm()  # of no other series: what is usual for all of them must not be what this one did
        self._baseline.learn(bucket, alone, count, health, sums, pace)
        self._next += 1
        return Verdict(expected=mean, score=score, opens=opens)

    def _score(self, bucket: int, sums: list[tuple[int, float]], peaks: list[tuple[int, float]]) -> float:
        age = self._baseline.learnt / self._pace.day
        if self._baseline.learnt < max(self._pace.buckets(self._rules.silent_s), LEAST_LEARNT):
            return 0.0
        best = max(
            surprise(observed, expected, self._baseline.variance_factor(i, bucket, self._pace))
            if observed >= LEAST_COUNT
            else 0.0
            for i, (observed, expected) in enumerate(sums)
        )
        score = best / self._rules.needed(age)
        demand = self._guard.demand()
        return min(score, self._guard.standing(peaks) / demand) if demand else score

    def _sums(self, lengths: list[int]) -> list[tuple[int, float]]:
        """Return observed and expected over the last buckets, for each of the ascending lengths."""
        out: list[tuple[int, float]] = []
        observed, expected, done = 0, 0.0, 0
        for length in lengths:
            for at in range(done + 1, min(length, len(self._held)) + 1):
                observed += self._held[-at][0]
                expected += self._held[-at][1]
            done = max(done, min(length, len(self._held)))
            out.append((observed, expected))
        return out


def threshold_of(step_s: int) -> float:
    """Return -log10 of the probability to reach in buckets of so many seconds: longer ones are fewer tests."""
    tests = min(WINDOWS_A_BUCKET * MONTH_S / step_s, TESTS_A_MONTH)
    return THRESHOLD - math.log10(TESTS_A_MONTH / max(tests, 1.0))


def _lengths(seconds: Sequence[int], pace: Pace) -> list[int]:
    """Return windows of so many seconds in buckets, each once; of long buckets at least one and three together."""
    lengths = sorted({pace.buckets(one) for one in seconds})
    return lengths if pace.step_s < DAY_S / 24 else sorted({*lengths, 1, 3})
