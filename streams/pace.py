"""How long a bucket is, and what follows from it: how fast the past is forgotten, and which hour a bucket falls in."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from deskwatch.records import Utc

BUCKET_S: Final = 300
DAY_S: Final = 86_400
HOUR_S: Final = 3_600
LEAST_BUCKETS: Final = 14  # what is learnt from fewer says nothing, however long they are
CELLS: Final = 48  # hours of a weekday, hours of a weekend's day


class Pace:
    """Buckets of `step_s` seconds, numbered from 1970."""

    def __init__(self, step_s: int) -> None:
        self.step_s = step_s
        self._fades: dict[float, float] = {}

    @cached_property
    def day(self) -> float:
        """Return how many buckets a day has."""
        return DAY_S / self.step_s

    @cached_property
    def hour(self) -> float:
        """Return how many buckets an hour has; less than 1 where a bucket is longer."""
        return HOUR_S / self.step_s

    def fade(self, days: float) -> float:
        """Return what is left of the past after one bucket when half of it is left after so many days."""
        fade = self._fades.get(days)
        if fade is None:
            fade = self._fades[days] = float(0.5 ** (1 / max(days * self.day, LEAST_BUCKETS)))
        return fade

    def fade_of_hour(self, days: float) -> float:
        """Return the same for an hour of the day, which is met for an hour a day."""
        return float(0.5 ** (1 / max(days * self.day / 24, LEAST_BUCKETS / 24)))

    def buckets(self, seconds: float) -> int:
        """Return how many buckets so many seconds are, one at least."""
        return max(1, round(seconds / self.step_s))

    def bucket_of(self, at: datetime) -> int:
        """Return the number of the bucket an instant falls in."""
        return int(at.timestamp()) // self.step_s

    def start_of(self, bucket: int) -> Utc:
        """Return the instant at which a bucket starts."""
        return datetime.fromtimestamp(bucket * self.step_s, UTC)

    def cell(self, bucket: int) -> int:
        """Return the hour a bucket starts in: 0-23 on weekdays, 24-47 on weekends (UTC)."""
        day, of_day = divmod(bucket * self.step_s, DAY_S)
        weekend = (day + 3) % 7 >= 5  # day 0, 1 January 1970, was a Thursday
        return of_day // HOUR_S + (24 if weekend else 0)

    def within_hour(self, bucket: int) -> float:
        """Return where the middle of a bucket lies in its hour, from -0.5 to 0.5."""
        if self.step_s >= HOUR_S:
            return 0.0
        return (bucket * self.step_s % HOUR_S + self.step_s / 2) / HOUR_S - 0.5


PACE: Final = Pace(BUCKET_S)
DAYS: Final = Pace(DAY_S)
