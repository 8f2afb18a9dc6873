"""What a feed says about when to come again, read from its bytes: a document without news is not parsed."""

from __future__ import annotations

import re
from typing import Final

from producers.reading.jobs import DocumentHints

_TTL: Final = re.compile(rb"<ttl\s*>\s*(\d{1,7})\s*<", re.IGNORECASE)
_PERIOD: Final = re.compile(rb"<(?:\w+:)?updatePeriod\s*>\s*([a-z]{4,12})\s*<", re.IGNORECASE)
_FREQUENCY: Final = re.compile(rb"<(?:\w+:)?updateFrequency\s*>\s*(\d{1,4})\s*<", re.IGNORECASE)
_SKIP: Final = re.compile(rb"<skip(Hours|Days)\s*>(.{0,2000}?)</skip", re.IGNORECASE | re.DOTALL)
_HOUR: Final = re.compile(rb"<hour\s*>\s*(\d{1,2})\s*<", re.IGNORECASE)
_DAY: Final = re.compile(rb"<day\s*>\s*([a-z]{3})[a-z]*\s*<", re.IGNORECASE)
_PERIODS_S: Final = {
    b"hourly": 3_600, b"daily": 86_400, b"weekly": 604_800, b"monthly": 2_592_000, b"yearly": 31_536_000,
}  # fmt: skip
_DAYS: Final = (b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun")


def read_hints(frame: bytes) -> DocumentHints:
    """Return the hints in what a document holds beside its items.

    A ttl or frequency of 0 is none. Hour 24 is hour 0.
    """
    ttl_s: float | None = None
    if ttl := _TTL.search(frame):
        ttl_s = int(ttl[1]) * 60.0
    elif period := _PERIOD.search(frame):
        frequency = _FREQUENCY.search(frame)
        ttl_s = _PERIODS_S.get(period[1].lower(), 0) / max(int(frequency[1]) if frequency else 1, 1)
    hours = days = 0
    for what, listed in _SKIP.findall(frame):
        if what.lower() == b"hours":
            hours |= sum({1 << (int(hour) % 24) for hour in _HOUR.findall(listed) if int(hour) <= 24})
        else:
            days |= sum({1 << _DAYS.index(day.lower()) for day in _DAY.findall(listed) if day.lower() in _DAYS})
    return DocumentHints(ttl_s=ttl_s or None, skip_hours=hours, skip_days=days)
