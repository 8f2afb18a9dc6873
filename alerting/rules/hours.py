"""Times of day and days of the week as subscription files write them, and the nearest right spelling of a wrong one."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Final

from deskwatch.configfile import nearest

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

LONGEST: Final = timedelta(days=30)  # of a silence, or until an escalation

LENGTH: Final = re.compile(r"(\d{1,4})([mhd])")
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400}
TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_ALMOST_TIME: Final = re.compile(r"([01]?[0-9]|2[0-4])(?:[:.h]?([0-5][0-9]))?")
_HALF_DAY: Final = re.compile(r"(0?[1-9]|1[0-2])(?:[:.]([0-5][0-9]))? ?([ap])\.?m\.?")
_ALMOST_LENGTH: Final = re.compile(r"(\d{1,4}) *(m|h|d)(?:in(?:ute)?s?|(?:ou)?rs?|ays?)?")
PART: Final = re.compile("({0})(?:-({0}))?".format("|".join(DAYS)))
_WORDS: Final = dict(
    zip(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), DAYS, strict=True),
    **{day: day for day in DAYS},
    **{"daily": "mon-sun", "everyday": "mon-sun", "weekdays": "mon-fri", "weekends": "sat,sun"},
)


def read_time(text: str) -> time:
    """Return the time of day that `text`, such as `07:00`, stands for.

    Raises:
        ValueError: with a sentence for whoever wrote it.
    """
    found = TIME.fullmatch(text)
    if not found:
        raise ValueError(f"'{text}' is no time of day, such as \"07:00\"")
    return time(int(found[1]), int(found[2]))


def read_days(text: str) -> frozenset[int]:
    """Return the days that `text`, such as `mon-fri` or `sat,sun`, stands for; Monday is 0.

    A range may run over the end of the week: `fri-mon` are four days.

    Raises:
        ValueError: with a sentence for whoever wrote it.
    """
    days: set[int] = set()
    for part in text.split(","):
        found = PART.fullmatch(part)
        if not found:
            raise ValueError(f"'{text}' are no days, such as mon-fri or sat,sun")
        first, last = DAYS.index(found[1]), DAYS.index(found[2] or found[1])
        named = {(first + n) % 7 for n in range((last - first) % 7 + 1)}
        if twice := days & named:
            raise ValueError(f"'{text}' names {DAYS[min(twice)]} twice")
        days |= named
    return frozenset(days)


def nearest_time(text: str) -> str:
    """Return the time of day that was probably meant, or an empty string."""
    text = text.strip().strip("\"'").lower()
    if found := _HALF_DAY.fullmatch(text):
        return f"{int(found[1]) % 12 + (12 if found[3] == 'p' else 0):02}:{found[2] or '00'}"
    found = _ALMOST_TIME.fullmatch(text)
    return f"{int(found[1]) % 24:02}:{found[2] or '00'}" if found else ""


def nearest_days(text: str) -> str:
    """Return the days that were probably meant, or an empty string."""
    meant = ",".join("-".join(_nearest_day(day) for day in part.split("-")) for part in text.split(",")[: len(DAYS)])
    try:
        read_days(meant)
    except ValueError:
        return ""
    return meant


def _nearest_day(word: str) -> str:
    word = word.strip().lower()[:20]
    alike = [known for known in _WORDS if known[0] == word[:1]]  # "lun" is not meant as "sun"
    return _WORDS.get(nearest(word, alike), "")


def read_length(text: str) -> timedelta:
    """Return the length that `10m`, `2h` or `1d` stands for.

    Raises:
        ValueError: it is none, or longer than 30 days.
    """
    found = LENGTH.fullmatch(text)
    length = timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else timedelta()
    if not timedelta() < length <= LONGEST:
        raise ValueError(f"'{text}' is no length such as 30m, 4h or 7d, of at most 30 days")
    return length


def nearest_length(text: str) -> str:
    """Return the length that was probably meant, or an empty string."""
    found = _ALMOST_LENGTH.fullmatch(text.strip().lower())
    meant = f"{int(found[1])}{found[2]}" if found else ""
    try:
        read_length(meant)
    except ValueError:
        return ""
    return meant
