"""What is normal for one theme: a level that follows slowly, the hours of the week, and how far counts scatter.

Source: `docs/decisions/0006-first-detector.md`; the gamma-Poisson level with discounting is that of West & Harrison
(1997), Bayesian Forecasting and Dynamic Models, 10.8; the tail is the negative binomial's, by the regularised
incomplete beta function (NIST DLMF 8.17.24).
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
from scipy.special import betainc

from streams.rules import BUCKET_S

DAY: Final = 86_400 // BUCKET_S  # buckets
HOUR: Final = 3_600 // BUCKET_S
LEVEL_FADE: Final = 0.5 ** (1 / (5 * DAY))  # half-lives: 5 days, 28 days, 7 days
SEASON_FADE: Final = 0.5 ** (1 / (28 * HOUR))  # an hour of the week is met for an hour a day
SCATTER_FADE: Final = 0.5 ** (1 / (7 * DAY))
PRIOR_SHAPE: Final = 0.5
PRIOR_RATE: Final = 0.5 / HOUR  # half an item an hour, until more is known
SEASON_WEIGHT: Final = 30.0  # items of the desk's rhythm that each hour of a theme starts with
RHYTHM_WEIGHT: Final = 20.0  # items of an even spread that the desk's rhythm starts with
SCATTER_PRIOR: Final = (2.0, 20.0)  # 0.10, as if 20 squared expectations had been seen
SCATTER_FLOOR: Final = 0.02
CELLS: Final = 48  # hours of a weekday, hours of a weekend's day
MAX_LOG: Final = 300.0  # a tail below 1e-300 is called that


class Rhythm(msgspec.Struct, kw_only=True):
    """How news of all themes together spreads over the hours of weekdays and weekends: where each theme starts from."""

    seen: list[float] = msgspec.field(default_factory=lambda: [0.0] * CELLS)
    due: list[float] = msgspec.field(default_factory=lambda: [0.0] * CELLS)

    def factor(self, cell: int) -> float:
        """Return how many times the mean an hour usually brings."""
        return (self.seen[cell] + RHYTHM_WEIGHT) / (self.due[cell] + RHYTHM_WEIGHT)

    def fade(self, bucket: int) -> None:
        """Forget a little of the bucket's hour; once a bucket, before the themes are learnt."""
        cell = cell_of(bucket)
        self.seen[cell] *= SEASON_FADE
        self.due[cell] *= SEASON_FADE


class Baseline(msgspec.Struct, kw_only=True):
    """The learnt state of one theme; a few hundred numbers. `rhythm` is that of the desk."""

    shape: float = PRIOR_SHAPE
    exposure: float = PRIOR_SHAPE / PRIOR_RATE
    seen: list[float] = msgspec.field(default_factory=lambda: [0.0] * CELLS)
    due: list[float] = msgspec.field(default_factory=lambda: [0.0] * CELLS)
    scatter: list[tuple[float, float]] = []
    learnt: int = 0  # buckets observed

    def expected(self, bucket: int, rhythm: Rhythm) -> float:
        """Return how much evidence a healthy bucket normally holds."""
        return self.shape / self.exposure * self._season(bucket, rhythm)

    def variance_factor(self, window: int) -> float:
        """Return phi of window number `window`: counts with mean M scatter with variance M + phi M^2."""
        numerator, denominator = self.scatter[window] if window < len(self.scatter) else SCATTER_PRIOR
        return max(SCATTER_FLOOR, numerator / denominator) + 1 / self.shape

    def learn(self, bucket: int, rhythm: Rhythm, count: int, health: float, sums: list[tuple[int, float]]) -> None:
        """Take in one settled, observed bucket.

        Args:
            bucket: Which one.
            rhythm: Learns too.
            count: Its evidence.
            health: Share of the feeds that answered, in (0, 1].
            sums: Observed and expected over each window that ends with this bucket.
        """
        mean = self.expected(bucket, rhythm) * health
        # What stands out leaks in slowly: an event must not become normal within its own hours.
        kept = min(float(count), mean + 3 * math.sqrt(mean + self.variance_factor(0) * mean * mean) + 1)
        cell, season = cell_of(bucket), self._season(bucket, rhythm)
        rate = self.shape / self.exposure
        self.seen[cell] = self.seen[cell] * SEASON_FADE + kept
        self.due[cell] = self.due[cell] * SEASON_FADE + rate * health
        rhythm.seen[cell] += kept
        rhythm.due[cell] += rate * health
        self.shape = max(self.shape * LEVEL_FADE + kept, PRIOR_SHAPE / 2)
        self.exposure = self.exposure * LEVEL_FADE + season * health
        self.scatter = [
            _scattered(self.scatter[i] if i < len(self.scatter) else SCATTER_PRIOR, observed, expected)
            for i, (observed, expected) in enumerate(sums)
        ]
        self.learnt += 1

    def age(self) -> None:
        """Let a bucket pass unobserved: after a long gap what was normal before it counts for little."""
        if self.exposure > PRIOR_SHAPE / PRIOR_RATE:
            self.shape = max(self.shape * LEVEL_FADE, PRIOR_SHAPE / 2)
            self.exposure *= LEVEL_FADE
        (prior_n, prior_d), fade = SCATTER_PRIOR, SCATTER_FADE
        self.scatter = [(n * fade + prior_n * (1 - fade), d * fade + prior_d * (1 - fade)) for n, d in self.scatter]

    def accept(self, rate: float) -> None:
        """Take `rate` (evidence a bucket) as the new normal level."""
        self.shape = max(rate * self.exposure, PRIOR_SHAPE)

    def _season(self, bucket: int, rhythm: Rhythm) -> float:
        cell = cell_of(bucket)
        day, hour = divmod(cell, 24)
        before, after = day * 24 + (hour - 1) % 24, day * 24 + (hour + 1) % 24
        return (self._factor(before, rhythm) + 2 * self._factor(cell, rhythm) + self._factor(after, rhythm)) / 4

    def _factor(self, cell: int, rhythm: Rhythm) -> float:
        start = SEASON_WEIGHT * rhythm.factor(cell)
        return (self.seen[cell] + start) / (self.due[cell] + SEASON_WEIGHT)


def surprise(observed: int, mean: float, phi: float) -> float:
    """Return -log10 of the probability of `observed` or more under a negative binomial.

    Args:
        observed: A count.
        mean: Its expectation; with 0 nothing can be said and the answer is 0.
        phi: Its variance is mean + phi * mean^2; positive.
    """
    if observed <= 0 or mean <= 0:
        return 0.0
    size = 1 / phi
    tail = float(betainc(observed, size, mean / (mean + size)))
    return min(MAX_LOG, -math.log10(tail)) if tail > 0 else MAX_LOG


def normal_range(mean: float, phi: float) -> tuple[int, int]:
    """Return the 5 % and 95 % quantiles of the same negative binomial."""
    size, low = 1 / phi, -1
    share = mean / (mean + size)
    log_p = size * math.log1p(-share)
    total, count = 0.0, 0
    while True:
        total += math.exp(log_p)
        if low < 0 and total >= 0.05:
            low = count
        if total >= 0.95 or count > 100_000:
            return max(low, 0), count
        log_p += math.log((size + count) / (count + 1)) + (math.log(share) if share > 0 else -math.inf)
        count += 1


def _scattered(state: tuple[float, float], observed: int, expected: float) -> tuple[float, float]:
    deviation = min(float(observed), expected + 4 * math.sqrt(expected + 0.1 * expected**2) + 1) - expected
    numerator = state[0] * SCATTER_FADE + deviation * deviation - expected
    return numerator, state[1] * SCATTER_FADE + expected * expected


def cell_of(bucket: int) -> int:
    """Return the hour of the week's kind: 0-23 on weekdays, 24-47 on weekends (UTC)."""
    day, of_day = divmod(bucket, DAY)
    weekend = (day + 3) % 7 >= 5  # day 0, 1 January 1970, was a Thursday
    return of_day // HOUR + (24 if weekend else 0)
