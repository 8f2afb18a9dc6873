"""Quiet hours and digests: nights that people can check, then an oracle that only reads what clocks show.

The oracle turns UTC into local time and never the other way round, where gaps, folds and their rules are.
`DESKWATCH_CALENDAR_CASES` asks it more than the 10,000 questions of a plain run.
"""

from __future__ import annotations

import os
import random
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from alerting.rules.calendar import is_excepted, next_digest, next_summary, quiet_until
from alerting.rules.hours import DAYS
from alerting.rules.roster import Digest, QuietHours
from deskwatch.records import Severity

CASES: Final = int(os.environ.get("DESKWATCH_CALENDAR_CASES", "10000"))
SETTINGS: Final = 2  # quiet hours, or digests, tried on each clock
INSTANTS: Final = 20  # at which each is asked
DAY: Final = 1440  # minutes

ODD_NIGHTS: Final = (
    ("Australia/Lord_Howe", "2026-04-04"),  # half an hour back
    ("Australia/Lord_Howe", "2026-10-03"),
    ("America/Santiago", "2026-04-05"),  # 24:00 is 23:00
    ("America/Santiago", "2026-09-06"),  # no 00:00
    ("Africa/Cairo", "2026-04-23"),
    ("Africa/Cairo", "2026-10-29"),
    ("Asia/Beirut", "2026-03-28"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("America/St_Johns", "2010-11-07"),  # 00:01 is 23:01 of the day before
    ("America/St_Johns", "2010-03-14"),
    ("America/Scoresbysund", "2026-03-29"),  # 23:00 is 00:00 of the next day
    ("America/Scoresbysund", "2026-10-25"),
    ("Antarctica/Troll", "2026-03-29"),  # two hours
    ("Antarctica/Troll", "2026-10-25"),
    ("Africa/Casablanca", "2026-02-15"),  # back for Ramadan
    ("Pacific/Chatham", "2026-04-04"),  # 03:45 is 02:45
    ("America/Caracas", "2007-12-09"),
    ("Asia/Pyongyang", "2018-05-04"),
    ("Europe/Paris", "2026-03-29"),
    ("Europe/Paris", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Pacific/Apia", "2011-12-30"),  # a day left out
    ("Pacific/Fakaofo", "2011-12-30"),
    ("Pacific/Kiritimati", "1994-12-31"),
    ("Pacific/Kwajalein", "1993-08-21"),
    ("Pacific/Kwajalein", "1969-09-30"),  # 23 hours twice
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "hours", "days", "at", "until"),
    [
        ("UTC", "22:00-07:00", "mon-sun", "2026-06-01 21:59:59", None),
        ("UTC", "22:00-07:00", "mon-sun", "2026-06-01 22:00", "2026-06-02 07:00"),
        ("UTC", "22:00-07:00", "mon-sun", "2026-06-02 06:59:59.999999", "2026-06-02 07:00"),
        ("UTC", "22:00-07:00", "mon-sun", "2026-06-02 07:00", None),
        ("UTC", "22:00-07:00", "fri", "2026-06-06 03:00", "2026-06-06 07:00"),  # Friday's night on Saturday morning
        ("UTC", "22:00-07:00", "sat", "2026-06-06 03:00", None),
        ("UTC", "07:00-07:00", "mon-sun", "2026-06-06 12:00", None),  # refused in files; here it is nothing
        ("UTC", "09:00-17:00", "sat,sun", "2026-06-06 12:00", "2026-06-06 17:00"),
        ("Asia/Kolkata", "22:00-07:00", "mon-sun", "2026-06-01 16:30", "2026-06-02 01:30"),
        ("Europe/Paris", "22:00-07:00", "mon-sun", "2026-03-28 23:00", "2026-03-29 05:00"),  # an hour short
        ("Europe/Paris", "22:00-07:00", "mon-sun", "2026-10-24 23:00", "2026-10-25 06:00"),  # an hour long
        ("Europe/Paris", "22:00-02:30", "mon-sun", "2026-03-29 00:00", "2026-03-29 01:00"),  # `to` is in the gap
        ("Europe/Paris", "02:30-07:00", "mon-sun", "2026-03-29 00:59:59", None),
        ("Europe/Paris", "02:30-07:00", "mon-sun", "2026-03-29 01:00", "2026-03-29 05:00"),  # `from` is
        ("Europe/Paris", "02:10-02:50", "mon-sun", "2026-03-29 01:00", None),  # both are: no night at all
        ("Europe/Paris", "02:30-02:00", "mon-sun", "2026-03-29 00:30", "2026-03-30 00:00"),  # two nights meet
        ("Europe/Paris", "22:00-02:30", "mon-sun", "2026-10-25 00:29", "2026-10-25 01:30"),  # `to` is shown twice
        ("Europe/Paris", "22:00-02:30", "mon-sun", "2026-10-25 00:31", "2026-10-25 01:30"),  # and not woken between
        ("Europe/Paris", "02:30-07:00", "mon-sun", "2026-10-25 00:30", "2026-10-25 06:00"),  # `from` is shown twice
        ("Europe/Paris", "02:30-07:00", "mon-sun", "2026-10-25 01:00", "2026-10-25 06:00"),
        ("Australia/Lord_Howe", "22:00-01:45", "mon-sun", "2026-04-04 14:46", "2026-04-04 15:15"),
        ("America/Santiago", "00:00-06:00", "mon-sun", "2026-09-06 04:00", "2026-09-06 09:00"),  # there is no 00:00
        ("Africa/Cairo", "20:00-00:00", "mon-sun", "2026-04-23 21:59", "2026-04-23 22:00"),
        ("America/St_Johns", "00:00-06:00", "sun", "2010-11-07 02:45", "2010-11-07 09:30"),  # 23:15, after 00:00
        ("America/St_Johns", "23:45-23:30", "fri", "2010-11-07 02:30:30", "2010-11-07 03:00"),  # Sunday, then Saturday
        ("Pacific/Apia", "20:00-07:00", "mon-sun", "2011-12-30 07:00", "2011-12-30 17:00"),  # Thursday into Saturday
    ],
)
def test_quiet_hours_end_when_the_clock_on_the_wall_last_says_so(
    zone: str, hours: str, days: str, at: str, until: str | None
) -> None:
    start, _, end = hours.partition("-")

    found = quiet_until(QuietHours(start=start, end=end, days=days), ZoneInfo(zone), utc(at))

    assert found == (until and utc(until))


@pytest.mark.parametrize(
    ("zone", "times", "days", "after", "due"),
    [
        ("UTC", "17:00 07:00", "mon-sun", "2026-06-01 06:59:59", "2026-06-01 07:00"),
        ("UTC", "17:00 07:00", "mon-sun", "2026-06-01 07:00", "2026-06-01 17:00"),
        ("UTC", "17:00 07:00", "mon-sun", "2026-06-01 17:00", "2026-06-02 07:00"),
        ("UTC", "07:00", "mon-fri", "2026-06-05 07:00", "2026-06-08 07:00"),
        ("UTC", "07:00", "mon", "2026-06-01 07:00", "2026-06-08 07:00"),
        ("Asia/Tokyo", "07:00", "mon", "2026-05-31 21:00", "2026-05-31 22:00"),  # Monday comes early to Tokyo
        ("Europe/Paris", "02:30", "mon-sun", "2026-03-28 12:00", "2026-03-29 01:00"),
        ("Europe/Paris", "02:10 02:50", "mon-sun", "2026-03-29 01:00", "2026-03-30 00:10"),  # both were due at once
        ("Europe/Paris", "02:30", "mon-sun", "2026-10-24 12:00", "2026-10-25 00:30"),
        ("Europe/Paris", "02:30", "mon-sun", "2026-10-25 00:30", "2026-10-26 01:30"),  # not twice
        ("America/Santiago", "00:00", "mon-sun", "2026-09-05 12:00", "2026-09-06 04:00"),
        ("America/Scoresbysund", "23:30", "sat", "2026-03-28 12:00", "2026-03-29 01:00"),  # at the end of the gap
        ("Pacific/Apia", "07:00", "mon-sun", "2011-12-29 17:00", "2011-12-30 17:00"),  # Thursday, then Saturday
        ("Pacific/Apia", "07:00", "fri", "2011-12-23 17:00", "2012-01-05 17:00"),  # a fortnight between two Fridays
    ],
)
def test_a_digest_is_due_once_at_each_of_its_times(zone: str, times: str, days: str, after: str, due: str) -> None:
    assert next_digest(tuple(times.split()), days, ZoneInfo(zone), utc(after)) == utc(due)


def test_a_digest_without_a_time_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time"):
        next_digest((), "mon-sun", ZoneInfo("UTC"), utc("2026-06-01"))


@pytest.mark.parametrize(
    ("zone", "after", "due"),
    [
        ("UTC", "2026-06-01 06:59:59.5", "2026-06-01 07:00"),
        ("UTC", "2026-06-01 07:00", "2026-06-01 08:00"),
        ("Asia/Kathmandu", "2026-06-01 07:00", "2026-06-01 07:15"),
        ("Europe/Paris", "2026-10-25 00:30", "2026-10-25 01:00"),  # at the second 02:00, not at 03:00
    ],
)
def test_without_a_digest_what_was_held_is_told_at_the_full_hour(zone: str, after: str, due: str) -> None:
    assert next_summary(None, ZoneInfo(zone), utc(after)) == utc(due)


def test_with_a_digest_what_was_held_waits_for_it() -> None:
    digest = Digest(at=("07:00", "17:00"), days="mon-fri")

    assert next_summary(digest, ZoneInfo("Europe/Paris"), utc("2026-06-05 16:00")) == utc("2026-06-08 05:00")


@pytest.mark.parametrize(
    ("excepted", "waking"), [(Severity.CRITICAL, ["critical"]), (Severity.HIGH, ["high", "critical"]), (None, [])]
)
def test_an_alert_wakes_from_the_excepted_severity_on(excepted: Severity | None, waking: list[str]) -> None:
    quiet = QuietHours(start="22:00", end="07:00", except_severity=excepted)

    assert [str(severity) for severity in Severity if is_excepted(severity, quiet)] == waking


class Wall:
    """What a clock on a wall shows, minute after minute from four days before `middle` to 15 days after.

    `shows` counts the minutes from 1970-01-01 00:00 by that clock.
    """

    def __init__(self, name: str, middle: datetime) -> None:
        self.zone = ZoneInfo(name)
        self.first = middle - timedelta(days=4)
        offsets: list[int] = []
        for hour in (self.first + timedelta(hours=n) for n in range(19 * 24)):
            if self._offset(hour) == self._offset(hour + timedelta(hours=1)):  # no zone jumps to and fro in an hour
                offsets += [self._offset(hour)] * 60
            else:
                offsets += [self._offset(hour + timedelta(minutes=n)) for n in range(60)]
        self.shows = int(self.first.timestamp()) // 60 + np.arange(len(offsets)) + np.array(offsets)
        self.days = [int(day) for day in np.unique(self.shows // DAY)]

    def _offset(self, at: datetime) -> int:
        offset = at.astimezone(self.zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds()) // 60

    def quiet(self, start: int, end: int, days: set[int]) -> NDArray[np.bool_]:
        """Return of each minute whether it is quiet."""
        quiet = np.zeros(len(self.shows), dtype=bool)
        for day in range(self.days[0] - 1, self.days[-1] + 1):
            if (day + 3) % 7 in days:  # 1970 began on a Thursday
                until = (day + 1 if end < start else day) * DAY + end
                begun = np.flatnonzero(self.shows >= day * DAY + start)
                before = np.flatnonzero(self.shows <= until)
                if begun.size and before.size:
                    is_shown = self.shows[before[-1]] == until
                    quiet[begun[0] : before[-1] + (0 if is_shown else 1)] = True
        return quiet

    def due(self, times: set[int], days: set[int]) -> list[int]:
        """Return the minutes in which a digest is due, ascending."""
        past = [
            np.flatnonzero(self.shows >= day * DAY + t) for day in self.days if (day + 3) % 7 in days for t in times
        ]
        return sorted(int(one[0]) for one in past if one.size)


@cache
def zones() -> list[str]:
    return sorted(name for name in zoneinfo.available_timezones() if "/" in name)


def jumps(name: str, year: int) -> list[datetime]:
    """Return the days of a year on which the offset of a zone changes."""
    zone, new_year = ZoneInfo(name), datetime(year, 1, 1, tzinfo=UTC)
    days = [new_year + timedelta(days=n) for n in range(366)]
    return [day for day in days if len({at.astimezone(zone).utcoffset() for at in (day, day + timedelta(days=1))}) > 1]


def clocks(seed: str) -> Iterator[tuple[random.Random, Wall]]:
    """Yield clocks, by turns of an odd night and of any zone, there on the day of a jump if the year has one."""
    for n in range(CASES // (SETTINGS * INSTANTS)):
        rng = random.Random(f"{seed} {n}")
        name, night = ODD_NIGHTS[n // 2 % len(ODD_NIGHTS)]
        middle = utc(night) + timedelta(hours=12)
        if n % 2:
            name, year = rng.choice(zones()), rng.randint(1975, 2060)
            middle = rng.choice(jumps(name, year) or [datetime(year, 6, 1, tzinfo=UTC)]) + timedelta(hours=12)
        yield rng, Wall(name, middle)


def some_time(rng: random.Random) -> int:
    """Return a time of day in minutes, mostly one at which clocks jump."""
    near = (rng.choice((0, 60, 120, 180, 1380)) + rng.choice((-30, -15, -1, 0, 0, 1, 15, 30))) % DAY
    return rng.choice((near, near, rng.randrange(DAY)))


def some_days(rng: random.Random) -> set[int]:
    return set(range(7)) if rng.random() < 0.5 else set(rng.sample(range(7), rng.randint(1, 7)))


def some_instants(rng: random.Random) -> Iterator[tuple[int, timedelta]]:
    """Yield minutes of a wall around its middle, and a part of a minute."""
    for _ in range(INSTANTS):
        yield rng.randint(2 * DAY + DAY // 2, 5 * DAY + DAY // 2), rng.choice((0, 1)) * timedelta(seconds=59.999999)


def clock_time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def spelled(days: set[int]) -> str:
    return ",".join(DAYS[day] for day in sorted(days))


@pytest.mark.parametrize(("name", "night"), ODD_NIGHTS)
def test_odd_nights_have_a_jump(name: str, night: str) -> None:
    wall = Wall(name, utc(night) + timedelta(hours=12))

    around = wall.shows[3 * DAY : 5 * DAY]
    assert (np.diff(around) != 1).sum() == 1


@pytest.mark.slow
def test_quiet_hours_agree_with_the_clock_on_the_wall_in_ten_thousand_cases() -> None:
    held = []
    for rng, wall in clocks("quiet"):
        for _ in range(SETTINGS):
            start, days = some_time(rng), some_days(rng)
            end = rng.choice([end for end in (some_time(rng), (start - 1) % DAY, 420) if end != start])
            hours = QuietHours(start=clock_time(start), end=clock_time(end), days=spelled(days))
            quiet = wall.quiet(start, end, days)
            for minute, part in some_instants(rng):
                at = wall.first + timedelta(minutes=minute) + part
                until = minute + int(np.argmin(quiet[minute:]))
                expected = wall.first + timedelta(minutes=until) if quiet[minute] else None
                assert quiet_until(hours, wall.zone, at) == expected, (wall.zone, hours, at)
                held.append(quiet[minute])
    assert 0.25 < np.mean(held) < 0.75  # neither answer is the rare one


@pytest.mark.slow
def test_digests_agree_with_the_clock_on_the_wall_in_ten_thousand_cases() -> None:
    for rng, wall in clocks("digest"):
        for _ in range(SETTINGS):
            times, days = {some_time(rng) for _ in range(rng.randint(1, 3))}, some_days(rng)
            due = wall.due(times, days)
            for minute, part in some_instants(rng):
                at = wall.first + timedelta(minutes=minute) + part
                expected = wall.first + timedelta(minutes=next(one for one in due if one > minute))
                found = next_digest(tuple(map(clock_time, times)), spelled(days), wall.zone, at)
                assert found == expected, (wall.zone, times, days, at)
