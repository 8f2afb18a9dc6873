"""Keeps a theme that alerts too often from alerting: beyond its budget, only what breaks its own record may open.

A tail probability is as good as the law behind it, and counts of mentions have heavier tails than any law that learns
from a few weeks. A theme that has opened more than BUDGET episodes lately must exceed its own largest peaks to open
again, the more so the further it is beyond.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from streams.pace import PACE, Pace

BUDGET: Final = (4.0, 8.0)  # openings, discounted, at which the guard begins to ask, and at which it asks for a record
OPENINGS_DAYS: Final = 28.0  # half-lives
RECORD_DAYS: Final = 28.0
SPREAD_DAYS: Final = 7.0
LEAST_RECORD: Final = 3.0  # standard deviations: a record below this is none
CLIP: Final = 6.0  # times the expectation: what exceeds that tells nothing about how far counts usually stray

Sums = list[tuple[int, float]]


class Guard(msgspec.Struct, kw_only=True):
    """What a theme has been through; a dozen numbers."""

    spread: list[float] = []  # mean squared deviation of each window
    record: list[float] = []  # largest deviation of each window, in standard deviations, slowly forgotten
    openings: float = 0.0

    def demand(self) -> float:
        """Return the share of its own record that a theme must reach to open: 0 within its budget, at most 1."""
        low, high = BUDGET
        return min(max((self.openings - low) / (high - low), 0.0), 1.0)

    def standing(self, sums: Sums) -> float:
        """Return the largest deviation over the windows, as a share of the record."""
        shares = (self._deviation(i, *one) / max(self._record(i), LEAST_RECORD) for i, one in enumerate(sums))
        return max(shares, default=0.0)

    def learn(self, sums: Sums, pace: Pace = PACE) -> None:
        """Take in the windows that end with one settled, observed bucket."""
        fade, keep = pace.fade(RECORD_DAYS), pace.fade(SPREAD_DAYS)
        deviations = [self._deviation(i, *one) for i, one in enumerate(sums)]
        self.record = [max(self._record(i) * fade, one) for i, one in enumerate(deviations)]
        self.spread = [
            self._spread(i) * keep + (1 - keep) * (min(float(observed), CLIP * expected) - expected) ** 2
            for i, (observed, expected) in enumerate(sums)
        ]

    def opened(self) -> None:
        """Note that an episode has opened."""
        self.openings += 1

    def age(self, pace: Pace = PACE) -> None:
        """Let a bucket pass."""
        self.openings *= pace.fade(OPENINGS_DAYS)

    def _deviation(self, window: int, observed: int, expected: float) -> float:
        return (observed - expected) / math.sqrt(self._spread(window) + expected + 1)

    def _spread(self, window: int) -> float:
        return self.spread[window] if window < len(self.spread) else 0.0

    def _record(self, window: int) -> float:
        return self.record[window] if window < len(self.record) else 0.0
