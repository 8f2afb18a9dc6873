"""What a server and its document say about when to come again; nothing they write is taken at its word."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from producers.reading.jobs import DocumentHints

CAP_S: Final = 86_400.0  # "saw 88 h once"; nobody stays away for more than a day because of a hint
FAST_S: Final = 60.0  # who promises nothing for longer than this may be asked each minute

_ABSURD_S: Final = 30 * 86_400.0  # file servers send a year for everything: that says nothing about a feed
_HOUR: Final = timedelta(hours=1)


def server_hint_s(headers: Mapping[str, str], document: DocumentHints | None, now: datetime) -> float | None:
    """Return for how many seconds from `now` nothing new is promised, at most a day; None if nobody says.

    Args:
        headers: Of the answer, names in lower case.
        document: What the document says; None if there was none.
    """
    said = (_cache_s(headers, now), _sane(document.ttl_s) if document is not None else None)
    hints = [hint for hint in said if hint is not None]
    return min(max(hints), CAP_S) if hints else None


def is_fast(headers: Mapping[str, str]) -> bool:
    """Return whether the server says that its answer is old within a minute.

    `max-age=0` is no such thing: it is what frameworks send when nobody has thought about it.
    """
    _, max_age_s = _read_cache_control(headers)
    return max_age_s is not None and max_age_s <= FAST_S


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most a day; None if it does not say."""
    value = headers.get("retry-after", "").strip()
    seconds = _digits(value)
    if seconds is None:
        at = _date(value)
        seconds = None if at is None else max((at - now).total_seconds(), 0.0)
    return None if seconds is None else min(seconds, CAP_S)


def postpone(at: datetime, *, skip_hours: int, skip_days: int, active: int) -> datetime:
    """Return `at`, or when the hours end in which the feed says that it sleeps and never was seen awake.

    Args:
        skip_hours: Bit h: hour h UTC.
        skip_days: Bit d: weekday d, Monday 0.
        active: Bit h: something was published in hour h; bit 24 + d: on weekday d. Without any history nothing is
            skipped: most of these elements were copied from an example.
    """
    hours, days = skip_hours & ~active, skip_days & ~(active >> 24)
    if not active or not (hours or days):
        return at
    latest = at + timedelta(seconds=CAP_S)
    while at < latest and (hours >> at.hour & 1 or days >> at.weekday() & 1):
        at = at.replace(minute=0, second=0, microsecond=0) + _HOUR
    return min(at, latest)


def _cache_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return for how long HTTP lets an answer be kept from now on."""
    forbidden, max_age_s = _read_cache_control(headers)
    if forbidden:
        return None
    if max_age_s is not None:
        return _sane(max_age_s - (_digits(headers.get("age", "").strip()) or 0.0))
    expires = _date(headers.get("expires", ""))
    if expires is None:
        return None
    return _sane((expires - (_date(headers.get("date", "")) or now)).total_seconds())


def _read_cache_control(headers: Mapping[str, str]) -> tuple[bool, float | None]:
    """Return whether the answer may not be kept at all, and its max-age, if that is a sane one."""
    max_age_s: float | None = None
    for directive in headers.get("cache-control", "").split(","):
        name, _, value = directive.strip().lower().partition("=")
        if name in ("no-store", "no-cache"):
            return True, None
        if name == "max-age" and max_age_s is None:
            max_age_s = _sane(_digits(value.strip().strip('"')))
    return False, max_age_s


def _sane(seconds: float | None) -> float | None:
    if seconds is None or not math.isfinite(seconds) or not 0 < seconds < _ABSURD_S:
        return None
    return seconds


def _digits(value: str) -> float | None:
    return float(value[:12]) if value.isascii() and value.isdigit() else None


def _date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
