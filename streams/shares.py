"""Which feeds a theme's evidence usually comes from: what is missing when one is silent, what is new when one joins.

A feed that joins does not count as evidence until its share is known, then the level is raised by it; one that is gone
takes its share of the level with it. So neither fakes a spike or a silence.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from streams.pace import PACE, Pace

KEPT: Final = 32  # feeds remembered one by one; the others count together
HALF_LIFE_DAYS: Final = 28.0
PLAIN: Final = 20.0  # pieces of evidence for which all feeds are thought to give alike
JOINING_DAYS: Final = 3  # after which the share of a new feed is known
GONE_DAYS: Final = 7  # a feed that has not answered for so long is not waited for
CAREFUL: Final = 5.0  # pieces by which a new feed's share is drawn towards none


class Shares(msgspec.Struct, kw_only=True):
    """Evidence by feed. Newer pieces weigh more, instead of the older ones fading: nothing has to be touched meanwhile.

    Attributes:
        since: The bucket whose pieces weigh 1.
        weights: Of the feeds that give most.
        rest: Of all others.
        cohorts: For each day on which feeds joined, what they have given since and what the others have.
    """

    since: int = 0
    weights: dict[str, float] = {}
    rest: float = 0.0
    cohorts: dict[int, tuple[int, int]] = {}

    def hear(self, feed: str, bucket: int, pace: Pace = PACE) -> None:
        """Take in a piece of evidence."""
        self.weights[feed] = self.weights.get(feed, 0.0) + self._worth(bucket, pace)
        if len(self.weights) > KEPT:
            least = min(self.weights, key=lambda name: (self.weights[name], name))
            self.rest += self.weights.pop(least)

    def compare(self, joined: int | None, days: Collection[int]) -> None:
        """Count a piece that a feed of cohort `joined` gave, or one of the others (None), for each cohort of `days`."""
        for day in days if joined is None else (joined,):
            own, others = self.cohorts.get(day, (0, 0))
            self.cohorts[day] = (own + (joined is not None), others + (joined is None))

    def admit(self, day: int) -> float:
        """Let a cohort count from now on; return by which factor it raises the level."""
        own, others = self.cohorts.pop(day, (0, 0))
        return 1 + own / (others + CAREFUL)

    def dismiss(self, feeds: Collection[str], bucket: int, pace: Pace = PACE) -> float:
        """Forget feeds; return which share of the level is left."""
        total = self._total(bucket, pace)
        return 1 - sum(self.weights.pop(feed, 0.0) for feed in feeds) / total

    def as_of(self, bucket: int, pace: Pace = PACE) -> Shares:
        """Return the same with the pieces of this bucket weighing 1."""
        worth = self._worth(bucket, pace)
        weights = {feed: weight / worth for feed, weight in self.weights.items()}
        return Shares(since=bucket, weights=weights, rest=self.rest / worth, cohorts=dict(self.cohorts))

    def health(self, down: Collection[str], feeds: int, bucket: int, pace: Pace = PACE) -> float:
        """Return the share of the usual evidence whose feeds answer, when those of `down` do not, of so many."""
        plain = self.rest + PLAIN * self._worth(bucket, pace)
        missing = sum(weight for feed, weight in self.weights.items() if feed in down) + plain * len(down) / feeds
        return 1 - missing / self._total(bucket, pace)

    def _total(self, bucket: int, pace: Pace) -> float:
        return sum(self.weights.values()) + self.rest + PLAIN * self._worth(bucket, pace)

    def _worth(self, bucket: int, pace: Pace) -> float:
        return float(2.0 ** ((bucket - self.since) / (HALF_LIFE_DAYS * pace.day)))
