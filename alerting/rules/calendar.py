"""When a target is left alone, and when its digests are due: wall-clock times of its subscriber as instants in UTC.

A clock that is set forward skips some times, one that is set back shows some twice. Here

- a time that is skipped counts at the first instant after the gap;
- quiet hours begin when the clock first shows `from` and end when it last shows `to`: nobody is woken earlier than the
  clock on the wall allows, and nobody is left alone, woken and left alone again in one night;
- a digest goes out when the clock first shows its time, so once a day.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from alerting.rules.hours import read_days, read_time
from alerting.rules.matching import RANK
from alerting.rules.roster import Digest, QuietHours
from deskwatch.records import Severity

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_FAR: Final = 15  # days: this Monday's time is over, and a zone leaves the next one out


def is_excepted(severity: Severity, quiet: QuietHours) -> bool:
    """Return whether an alert of this severity is sent during quiet hours too."""
    return quiet.except_severity is not None and RANK[severity] >= RANK[quiet.except_severity]


def quiet_until(quiet: QuietHours, zone: ZoneInfo, at: datetime) -> datetime | None:
    """Return when the quiet hours around `at` end, or None when `at` is in none.

    `days` name the days on which the hours begin. Where the clock's jump leaves nothing between two nights, they are
    one: at the instant returned it is not quiet.

    Args:
        at: Any aware time.
    """
    until = at
    while (end := _stretch_end(quiet, zone, until)) is not None:
        until = end
    return until if until > at else None


def next_digest(times: tuple[str, ...], days: str, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the first of the digest's times that is later than `after`.

    Each of the times comes once on each of the days, be it at the end of a gap; a day that a zone left out (Samoa had
    no 30 December 2011) has no digest.

    Args:
        times: At least one, in any order.
        after: Any aware time.

    Raises:
        ValueError: there is no time.
    """
    if not times:
        raise ValueError("a digest needs a time of day")
    weekdays, clock_times = read_days(days), sorted(read_time(text) for text in times)
    today = after.astimezone(zone).date()
    due = (
        _instant(datetime.combine(day, clock_time), zone, fold=0)
        for day in (today + n * _DAY for n in range(_FAR))
        if day.weekday() in weekdays and _exists(day, zone)
        for clock_time in clock_times
    )
    return next(one for one in due if one > after)


def next_summary(digest: Digest | None, zone: ZoneInfo, after: datetime) -> datetime:
    """Return when to tell what was held back: with the next digest, or, where there is none, at the next full hour."""
    if digest is not None:
        return next_digest(digest.at, digest.days, zone, after)
    local = after.astimezone(zone)
    passed = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return after.astimezone(UTC) + _HOUR - passed


def _stretch_end(quiet: QuietHours, zone: ZoneInfo, at: datetime) -> datetime | None:
    """Return when a night ends that `at` is part of."""
    days, start, end = read_days(quiet.days), read_time(quiet.start), read_time(quiet.end)
    length = _DAY if end < start else timedelta()
    today = at.astimezone(zone).date()
    for day in (today + n * _DAY for n in (-2, -1, 0, 1)):  # a clock may be set back over midnight
        if day.weekday() in days and _instant(datetime.combine(day, start), zone, fold=0) <= at:
            until = _instant(datetime.combine(day + length, end), zone, fold=1)
            if until > at:
                return until
    return None


def _instant(wall: datetime, zone: ZoneInfo, *, fold: Literal[0, 1]) -> datetime:
    """Return when a clock of `zone` shows `wall` for the first (0) or the last (1) time, or else is first past it."""
    at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if _shown(at, zone) == wall:
        return at
    # In a gap fold 1 reckons with the offset after it and so falls before it; fold 0 falls after it (PEP 495).
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    seconds = range(int((after - before).total_seconds()))
    past = bisect_left(seconds, True, key=lambda second: _shown(before + timedelta(seconds=second), zone) >= wall)
    return before + timedelta(seconds=past)


def _shown(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def _exists(day: date, zone: ZoneInfo) -> bool:
    first, last = (_instant(datetime.combine(one, time()), zone, fold=0) for one in (day, day + _DAY))
    return first < last
