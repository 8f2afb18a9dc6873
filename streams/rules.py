"""The numbers that the desk counts by; one value of `Rules` is part of every generation's hash."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import ClassVar, Final

import msgspec

from streams.pace import DAY_S, DAYS, HOUR_S, PACE, Pace

YOUNG_DAYS: Final = 2.0  # a baseline this old asks 1.37 times the threshold
FALSE_A_MONTH: Final = 0.7  # false alerts a theme and month at the threshold, on the simulator
DECADES: Final = 0.87  # by which they get fewer for each power of ten that is asked of the tail probability
MANY_OWNERS: Final = 10  # with fewer, each may say more before it has said enough
COUNTING: Final = ("grace_s", "settle_s", "story_s", "owner_cap", "owner_cap_s", "windows", "min_owners", "min_health")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as evidence and what counts as a spike.

    Source: research of our own on a simulator with known events; `docs/decisions/0006-first-detector.md` and
    `0012-a-daily-wave-and-an-alert-budget.md`.
    """

    pace: ClassVar[Pace] = PACE
    instant_s: ClassVar[int] = 60  # decisions fall on whole minutes of log time
    peaks: ClassVar[tuple[int, ...]] = (1, 3, 6, 12)  # windows whose peaks are compared, in buckets: 5 min to 1 h

    grace_s: int = 120  # a bucket closes when the watermark passes its end by this
    settle_s: int = 6 * 3600  # later than this nothing amends a bucket; only then the baseline learns from it
    reach_s: int = 1800  # a window that ended at most this long ago may still open an episode
    story_s: int = 72 * 3600  # how long a story takes in copies, and an article id is known
    owner_cap: int = 2  # new stories of one owner that count within `owner_cap_s`
    owner_cap_s: int = 6 * 3600
    windows: tuple[int, ...] = (3, 6, 12, 24, 48)  # buckets: 15 min to 4 h
    min_stories: int = 3
    min_owners: int = 3
    threshold: float = 3.6  # -log10 of the tail probability: about 0.7 false alerts a theme and month, measured
    silent_s: int = 24 * 3600  # observed time before a theme may alert at all
    quiet_s: int = 3 * 3600  # an episode ends after this long below everything
    longest_s: int = 48 * 3600  # after this an episode is the new normal
    min_health: float = 0.3  # with less of a theme's usual evidence answering, a bucket is unobserved
    peak_s: int = 1800  # of so long the reports above normal are compared
    past_peak_s: int = 3600  # without more of them for so long an episode is past its peak
    new_story_s: int = 3600  # how often, at most, an episode tells that another story dominates
    wide_owners: int = 15  # that took one story over are worth a notice
    silent_score: float = 4.0  # -log10 of the probability of a silence that is worth one
    silent_health: float = 0.8  # silence says nothing where less answers

    @property
    def hour_window(self) -> int:
        """Return which of the windows is an hour long, or the first that is longer."""
        hour = self.pace.buckets(HOUR_S)
        return next((i for i, length in enumerate(self.windows) if length >= hour), len(self.windows) - 1)

    def needed(self, age_days: float) -> float:
        """Return -log10 of the probability to reach; higher while a baseline is young."""
        return self.threshold * (1 + math.exp(-age_days / YOUNG_DAYS))

    def false_rate(self, score: float) -> float:
        """Return how many false alerts a theme has a month where this multiple of the threshold is asked."""
        return float(f"{FALSE_A_MONTH * 10 ** (-DECADES * (score - 1) * self.threshold):.3g}")

    def owners_needed(self, active: int | None) -> int:
        """Return how many owners must have reported, of so many that report at all; None: nobody knows yet."""
        return self.min_owners if active is None else max(1, min(self.min_owners, active))

    def cap(self, active: int | None) -> int | None:
        """Return how many new stories of one owner count within `owner_cap_s`; None: all of them.

        The cap keeps one outlet's flood from passing for news. Where there are so few that all of them must have
        reported, that is what keeps it; in between, each may say the more the fewer there are.
        """
        if active is None:
            return self.owner_cap
        if active <= self.min_owners:
            return None
        return max(self.owner_cap, math.ceil(self.owner_cap * MANY_OWNERS / active))

    def fingerprint(self) -> str:
        """Return a short hash of these numbers, and of none that a subclass adds."""
        return self._hash(Rules.__struct_fields__)

    def counting(self) -> str:
        """Return a short hash of those that say what is counted and learnt; the others only judge it."""
        return self._hash(COUNTING)

    def _hash(self, names: Iterable[str]) -> str:
        numbers = {name: getattr(self, name) for name in names}
        return hashlib.blake2b(msgspec.json.encode(numbers), digest_size=6).hexdigest()


class DayRules(Rules, frozen=True, kw_only=True):
    """The same for articles that only say on which day they appeared, or are few: all lengths are days."""

    pace: ClassVar[Pace] = DAYS
    instant_s: ClassVar[int] = DAY_S
    peaks: ClassVar[tuple[int, ...]] = (1, 3)

    grace_s: int = 0
    settle_s: int = DAY_S
    reach_s: int = 0
    owner_cap_s: int = DAY_S
    windows: tuple[int, ...] = (1, 3)
    threshold: float = 1.7  # a day is judged once: 45 tests a month, by which 3.6 of the minutes' 1,200 come to this
    silent_s: int = 7 * DAY_S
    quiet_s: int = DAY_S
    longest_s: int = 14 * DAY_S
    peak_s: int = DAY_S
    past_peak_s: int = DAY_S
    new_story_s: int = DAY_S
