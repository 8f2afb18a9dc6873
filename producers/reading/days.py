"""The day in a date: numbers in every order, months by name, weeks, eras."""

from __future__ import annotations

import re
from datetime import date, timedelta, tzinfo
from typing import Final

from producers.reading.calendars import (
    ERA_NAMES,
    PERSIAN_MONTHS,
    WEEKDAYS,
    find_months,
    is_thai,
    make_date,
    make_era_date,
)

_YEAR_FIRST: Final = re.compile(
    r"(?<![\d.])(?P<year>\d{4})\s?(?P<sep>[-/.年년])\s?(?P<month>\d{1,2})\s?(?P<other>[-/.月월])\s?(?P<day>\d{1,2})(?!\d)"
    r"(?:\s?[日号號일]|\.)?"
)
_ERA: Final = re.compile(
    rf"(?P<era>{'|'.join(ERA_NAMES)})?\s?(?<!\d)(?P<year>\d{{1,3}}|元)\s?年\s?(?P<month>\d{{1,2}})\s?月"
    r"\s?(?P<day>\d{1,2})\s?[日號号]"
)
_WEEK: Final = re.compile(r"(?<!\d)(\d{4})-?w(\d{2})-?([1-7])(?!\d)")
_ORDINAL: Final = re.compile(r"(?<!\d)(\d{4})-(\d{3})(?!\d)")
_NUMBERS: Final = re.compile(
    r"(?<![\d.])(?P<a>\d{1,2})\s?(?P<sep>[-/.])\s?(?P<b>\d{1,2})\s?(?P=sep)\s?(?P<c>\d{4}|\d{2})(?!\d)\.?"
)
_NUMBERED_MONTH: Final = re.compile(r"\bthang\s?(\d{1,2})(?!\d)")  # Vietnamese
_ENGLISH_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TOKEN: Final = re.compile(r"\d+|[^\d\s,;،、\-–—/|()\[\]·•]+")

_MONTH_FIRST_TAGS: Final = frozenset(("en-us", "en-ph", "es-us"))
_MONTH_FIRST_ZONES: Final = frozenset(
    (
        "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix",
        "America/Detroit", "America/Anchorage", "America/Boise", "Pacific/Honolulu", "Asia/Manila",
    )
)  # fmt: skip
_DAY_FIRST: Final = "fr de es it pt nl pl ru uk be tr id ro cs sk no nb nn da fi el hr sr bs sl bg mk ar he vi ca et is"
_DAY_FIRST_LANGUAGES: Final = frozenset(_DAY_FIRST.split())


def take_day(text: str, zone: tzinfo | None, language: str) -> tuple[str, tuple[date, ...]]:
    """Return a folded text without its day, and every day that this can mean.

    Args:
        text: Without time and offset.
        zone: The feed's; where it is tells whether the day or the month comes first.
        language: The feed's; the same.
    """
    if match := _YEAR_FIRST.search(text):
        if match["sep"] in "-/." and match["sep"] != match["other"]:
            return text, ()
        day = make_date(int(match["year"]), int(match["month"]), int(match["day"]))
    elif match := _ERA.search(text):
        era = match["era"] or ("民國" if len(match["year"]) == 3 else "")
        year = 1 if match["year"] == "元" else int(match["year"])
        day = make_era_date(era, year, int(match["month"]), int(match["day"])) if era else None
    elif match := _WEEK.search(text):
        day = date.fromisocalendar(int(match[1]), int(match[2]), int(match[3]))
    elif match := _ORDINAL.search(text):
        day = date(int(match[1]), 1, 1) + timedelta(days=int(match[2]) - 1)
        day = day if day.year == int(match[1]) else None
    elif match := _NUMBERS.search(text):
        return _without(text, match), _read_numbers(match, _find_order(zone, language))
    else:
        return _take_named_day(text, language)
    return _without(text, match), (day,) if day else ()


def _read_numbers(match: re.Match[str], order: str) -> tuple[date, ...]:
    """Return the days that three numbers can mean, the first of which is no year of four digits."""
    a, b, c = int(match["a"]), int(match["b"]), int(match["c"])
    short = len(match["c"]) == 2
    year = _complete(c) if short else c
    found = {"day": make_date(year, b, a), "month": make_date(year, a, b)}
    if short and len(match["a"]) == 2:
        found["year"] = make_date(_complete(a), b, c)
    if match["sep"] == "." and found["day"]:
        found["month"] = None  # nobody puts the month first and writes dots
    sure = found.get(order)
    return (sure,) if sure else tuple({day for day in found.values() if day})


def _find_order(zone: tzinfo | None, language: str) -> str:
    """Return what comes first where the feed is from: `day`, `month`, or "" if that is not sure."""
    tag, key = language.lower().replace("_", "-"), getattr(zone, "key", "")
    votes = set()
    if tag in _MONTH_FIRST_TAGS or key in _MONTH_FIRST_ZONES or key.startswith("US/"):
        votes.add("month")
    if tag.partition("-")[0] in _DAY_FIRST_LANGUAGES and tag not in _MONTH_FIRST_TAGS:
        votes.add("day")
    if key.startswith(("Europe/", "Africa/")):
        votes.add("day")
    return votes.pop() if len(votes) == 1 else ""


def _take_named_day(text: str, language: str) -> tuple[str, tuple[date, ...]]:
    """Return the text without day, month's name and year, and every day that they can mean."""
    text = _NUMBERED_MONTH.sub(_name_month, text)
    tokens = list(_TOKEN.finditer(text))
    words = [token[0].strip(".'") for token in tokens]
    numbers = [i for i, word in enumerate(words) if word.isdecimal()]
    months = [i for i, word in enumerate(words) if find_months(word, language) or word in PERSIAN_MONTHS]
    if len(months) > 1:  # `mar` is a weekday as well
        months = [i for i in months if words[i] not in WEEKDAYS] or months[-1:]
    if len(months) != 1 or len(numbers) != 2:
        return text, ()
    name = words[months[0]]
    day, year = (words[i] for i in numbers)
    if len(day) == 4 and numbers[0] < months[0]:
        day, year = year, day
    used = {months[0], *numbers}
    left = " ".join(token[0] for i, token in enumerate(tokens) if i not in used)
    return left, _read_named_day(name, int(day), year, language) if len(day) <= 2 else ()


def _read_named_day(name: str, day: int, year: str, language: str) -> tuple[date, ...]:
    number = int(year)
    if name in PERSIAN_MONTHS:
        days = [make_date(number, PERSIAN_MONTHS[name], day) if 1300 <= number <= 1500 else None]
    elif len(year) == 4 and not 1300 <= number <= 1500:
        days = [make_date(number, month, day) for month in find_months(name, language)]
    elif len(year) == 2 and not is_thai(name):
        days = [make_date(_complete(number), month, day) for month in find_months(name, language)]
    else:
        days = []
    return tuple(found for found in days if found)


def _name_month(match: re.Match[str]) -> str:
    number = int(match[1])
    return f" {_ENGLISH_MONTHS[number - 1]} " if 1 <= number <= 12 else match[0]


def _complete(year: int) -> int:
    return year + (2000 if year < 69 else 1900)


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"
