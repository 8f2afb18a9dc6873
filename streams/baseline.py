"""What is normal for one theme: a level that follows slowly, the hours of the week, and how far counts scatter.

The level is a gamma-Poisson one with discounting (West & Harrison 1997, Bayesian Forecasting and Dynamic Models,
10.8). The hours follow a daily wave, fitted to what was seen and drawn towards that of all themes together; an hour
that was seen often goes its own way. What is not yet known of the hours widens the scatter, which is learnt for each
window by itself. The tail is the negative binomial's, by the regularised incomplete beta function (NIST DLMF 8.17.24).
`docs/decisions/0012-a-daily-wave-and-an-alert-budget.md` has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from streams.pace import CELLS, PACE, Pace

LEVEL_DAYS: Final = 8.0  # half-lives
SEASON_DAYS: Final = 28.0
SCATTER_DAYS: Final = 40.0
PRIOR_SHAPE: Final = 0.5
PRIOR_RATE: Final = 0.5  # items an hour, until more is known
RHYTHM_WEIGHT: Final = 20.0  # items of an even spread that the desk's rhythm starts with
WAVE_WEIGHT: Final = 60.0  # items that the desk's wave counts for when that of a theme is fitted
LEVEL_WEIGHT: Final = 20.0  # the same for weekdays against weekends
OWN_WEIGHT: Final = 200.0  # items that the wave counts for against what an hour itself has shown
DAY_SCATTER: Final = 0.1  # phi of an hour on different days: ten days tell more than ten times the items of one
UNKNOWN_SEASON: Final = (0.2, 2.0)  # phi of an hour that was never seen; halved by so many items
SCATTER_PRIOR: Final = (2.0, 20.0)  # 0.10, as if 20 squared expectations had been seen
SCATTER_FLOOR: Final = 0.02
MAX_LOG: Final = 300.0  # a tail below 1e-300 is called that

Floats = NDArray[np.float64]

_HOURS: Final = (np.arange(24) + 0.5) * 2 * np.pi / 24
_WAVE: Final[Floats] = np.column_stack([np.ones(24), np.cos(_HOURS), np.sin(_HOURS)])


class Rhythm(msgspec.Struct, kw_only=True):
    """How news of all themes together spreads over the hours of weekdays and weekends: where each theme starts from."""

    seen: list[float] = msgspec.field(default_factory=lambda: [0.0] * CELLS)
    due: list[float] = msgspec.field(default_factory=lambda: [0.0] * CELLS)

    def factors(self) -> Floats:
        """Return how many times the mean each hour usually brings, shape (48,)."""
        return (np.array(self.seen) + RHYTHM_WEIGHT) / (np.array(self.due) + RHYTHM_WEIGHT)

    def fade(self, bucket: int, pace: Pace = PACE) -> None:
        """Forget a little of the bucket's hour; once a bucket, before the themes are learnt."""
        cell, fade = pace.cell(bucket), pace.fade_of_hour(SEASON_DAYS)
        self.seen[cell] *= fade
        self.due[cell] *= fade

    def start(self, seen: Sequence[float], due: Sequence[float]) -> None:
        """Take in what a theme has had in each hour before the desk began."""
        for cell, pair in enumerate(zip(seen, due, strict=True)):
            self.learn(cell, *pair)

    def learn(self, cell: int, seen: float, due: float) -> None:
        """Take in what a theme had in a bucket of this hour, and what its level alone would have brought."""
        self.seen[cell] += seen
        self.due[cell] += due


class Baseline(msgspec.Struct, kw_only=True):
    """The learnt state of one theme; a few hundred numbers. `rhythm` is that of the desk."""

    shape: float = PRIOR_SHAPE
    exposure: float = 0.0  # in buckets; 0: nothing learnt yet
    seen: list[float] = msgspec.field(default_factory=lambda: [0.0] * CELLS)
    due: list[float] = msgspec.field(default_factory=lambda: [0.0] * CELLS)
    days: list[float] = msgspec.field(default_factory=lambda: [0.0] * CELLS)  # on which each hour was seen
    season: list[float] = msgspec.field(default_factory=lambda: [1.0] * CELLS)
    known: list[float] = msgspec.field(default_factory=lambda: [0.0] * CELLS)  # items behind each hour of the season
    fitted: int = -1  # the hour for which the season was fitted
    scatter: list[tuple[float, float]] = []
    learnt: int = 0  # buckets observed

    def expected(self, bucket: int, pace: Pace = PACE) -> float:
        """Return how much evidence a healthy bucket normally holds."""
        return self.rate(pace) * self._season(bucket, pace)

    def rate(self, pace: Pace = PACE) -> float:
        """Return the level, in items a bucket."""
        return self.shape / (self.exposure or _prior_exposure(pace))

    def variance_factor(self, window: int, bucket: int, pace: Pace = PACE) -> float:
        """Return phi of window number `window` that ends with `bucket`: counts scatter with variance M + phi M^2."""
        most, halved = UNKNOWN_SEASON
        return self._scatter(window) + most / (1 + self.known[pace.cell(bucket)] / halved)

    def learn(
        self,
        bucket: int,
        rhythm: Rhythm,
        count: int,
        health: float,
        sums: list[tuple[int, float]],
        pace: Pace = PACE,
    ) -> None:
        """Take in one settled, observed bucket.

        Args:
            bucket: Which one.
            rhythm: Learns too.
            count: Its evidence.
            health: Share of the feeds that answered, in (0, 1].
            sums: Observed and expected over each window that ends with this bucket.
            pace: How long a bucket is.
        """
        cell = pace.cell(bucket)
        self.fit(cell, rhythm)
        season, rate, fade = self._season(bucket, pace), self.rate(pace), pace.fade_of_hour(SEASON_DAYS)
        mean = rate * season * health
        # What stands out leaks in slowly: an event must not become normal within its own hours.
        kept = min(float(count), mean + 3 * math.sqrt(mean + self._scatter(0) * mean * mean) + 1)
        self.seen[cell] = self.seen[cell] * fade + kept
        self.due[cell] = self.due[cell] * fade + rate * health
        self.days[cell] = self.days[cell] * fade + min(1 / pace.hour, 1.0)
        rhythm.learn(cell, kept, rate * health)
        level = pace.fade(LEVEL_DAYS)
        self.shape = max(self.shape * level + kept, PRIOR_SHAPE / 2)
        self.exposure = (self.exposure or _prior_exposure(pace)) * level + season * health
        self.scatter = [
            _scattered(self.scatter[i] if i < len(self.scatter) else SCATTER_PRIOR, observed, expected, pace)
            for i, (observed, expected) in enumerate(sums)
        ]
        self.learnt += 1

    def age(self, pace: Pace = PACE, buckets: int = 1) -> None:
        """Let buckets pass unobserved: after a long gap what was normal before it counts for little."""
        if self.exposure > (prior := _prior_exposure(pace)):
            once = pace.fade(LEVEL_DAYS)
            level = max(once**buckets, min(once, prior / self.exposure))
            self.shape = max(self.shape * level, PRIOR_SHAPE / 2)
            self.exposure *= level
        (prior_n, prior_d), fade = SCATTER_PRIOR, pace.fade(SCATTER_DAYS) ** buckets
        self.scatter = [(n * fade + prior_n * (1 - fade), d * fade + prior_d * (1 - fade)) for n, d in self.scatter]

    def accept(self, rate: float, pace: Pace = PACE) -> None:
        """Take `rate` (evidence a bucket) as the new normal level."""
        self.exposure = self.exposure or _prior_exposure(pace)
        self.shape = max(rate * self.exposure, PRIOR_SHAPE)

    def scale(self, factor: float, pace: Pace = PACE) -> None:
        """Take the level times `factor` (positive) as normal: feeds have come or gone."""
        self.exposure = (self.exposure or _prior_exposure(pace)) / max(factor, 0.05)

    def fit(self, cell: int, rhythm: Rhythm, *, again: bool = False) -> None:
        """Fit the season, unless it was fitted for this hour already."""
        if again or cell != self.fitted:
            self._fit(rhythm.factors())
            self.fitted = cell

    def _scatter(self, window: int) -> float:
        numerator, denominator = self.scatter[window] if window < len(self.scatter) else SCATTER_PRIOR
        return max(SCATTER_FLOOR, numerator / denominator) + 1 / self.shape

    def _season(self, bucket: int, pace: Pace) -> float:
        cell, at = pace.cell(bucket), pace.within_hour(bucket)
        day, hour = divmod(cell, 24)
        beside = day * 24 + (hour + (1 if at > 0 else -1)) % 24
        return self.season[cell] * (1 - abs(at)) + self.season[beside] * abs(at)

    def _fit(self, usual: Floats) -> None:
        """Fit the season to what was seen: weekdays against weekends, one wave over the day, and each hour itself."""
        seen, due, days = np.array(self.seen), np.array(self.due), np.array(self.days)
        parts = [slice(0, 24), slice(24, 48)]
        levels = np.array([_level(seen[p], due[p], days[p], usual[p].mean() / usual.mean()) for p in parts])
        hours = due[:24] * levels[0] + due[24:] * levels[1]
        weights = _telling(hours, days[:24] + days[24:])
        ratios = (seen[:24] + seen[24:]) / np.maximum(hours, 1e-9)
        wave = (usual[:24] / usual[:24].mean() + usual[24:] / usual[24:].mean()) / 2
        prior = np.linalg.lstsq(_WAVE, wave, rcond=None)[0]
        left = (_WAVE.T * weights) @ _WAVE + WAVE_WEIGHT * np.eye(3)
        right = (_WAVE.T * weights) @ ratios + WAVE_WEIGHT * prior
        shape = np.maximum(_WAVE @ np.linalg.solve(left, right), 0.05)
        smooth = np.concatenate([shape * level for level in levels])
        known = _telling(due, days)
        season = (seen / np.maximum(due, 1e-9) * known + OWN_WEIGHT * smooth) / (known + OWN_WEIGHT)
        # Rounded, so that a saved state and one that goes on in memory are the same.
        self.season = [round(value, 9) for value in season.tolist()]
        self.known = [round(value, 6) for value in known.tolist()]


def _level(seen: Floats, due: Floats, days: Floats, usual: float) -> float:
    weight = _telling(np.array([due.sum()]), np.array([max(days.sum() / 24, 1e-9)]), DAY_SCATTER / 2)[0]
    return float((seen.sum() / max(due.sum(), 1e-9) * weight + LEVEL_WEIGHT * usual) / (weight + LEVEL_WEIGHT))


def _telling(items: Floats, days: Floats, scatter: float = DAY_SCATTER) -> Floats:
    """Return how many independent items so many items on so many days are worth."""
    each = items / np.maximum(days, 1e-9)
    return days * each / (1 + scatter * each)


def _prior_exposure(pace: Pace) -> float:
    return PRIOR_SHAPE / PRIOR_RATE * pace.hour


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


def _scattered(state: tuple[float, float], observed: int, expected: float, pace: Pace) -> tuple[float, float]:
    fade = pace.fade(SCATTER_DAYS)
    deviation = min(float(observed), expected + 4 * math.sqrt(expected + 0.1 * expected**2) + 1) - expected
    return state[0] * fade + deviation * deviation - expected, state[1] * fade + expected * expected
