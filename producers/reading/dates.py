"""Dates as feeds write them to instants, with how far each can be trusted; what cannot be read for sure is missing.

feedparser's own dates are not used: it takes zone names such as IST, MSK or CET for UTC and reads some forms wrongly.

The time, the offset and the day are taken out of the text one after the other; every word and number left over must be
known to mean nothing, or the date is missing. So a form that nobody thought of is never read as something else.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from deskwatch.records import DateQuality
from producers.reading.calendars import MONTHS, WEEKDAYS, fold, make_date
from producers.reading.clocks import Clock, take_clock, take_late_offset
from producers.reading.days import take_day
from producers.reading.zones import EXPLICIT, find_zone, is_zone, read_bare_offset, read_offset, take_iana, take_phrase

MAX_AHEAD: Final = timedelta(minutes=15)
EARLIEST_YEAR: Final = 2000
MAX_LENGTH: Final = 100

Dated = tuple[datetime | None, DateQuality]

_MISSING: Final[Dated] = (None, DateQuality.MISSING)
_MAX_PREFIX: Final = 4  # words before the first digit that may be anything: a weekday, "Published on"

_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_RFC: Final = re.compile(
    r"(?:[A-Za-z]{3},\s?)?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d)(?::(\d\d))?(?: ([+-]\d{4}|GMT|UTC|Z))?",
    re.ASCII,
)
_EPOCH: Final = re.compile(r"(?:/Date\()?(\d{10})(\d{3})?(?:\d{3})?(?:\.\d+)?(?:[+-]\d{4})?(?:\)/)?", re.ASCII)
_LETTER_ZONE: Final = re.compile(r"\d\s?[a-gi-y]$")  # military; half of the world counts them backwards
_COMMENT: Final = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_TOKEN: Final = re.compile(r"\d+|[^\d\s,;،、\-–—/|()\[\]·•]+")
# What stands between and behind the parts of a date and means nothing.
_FILLERS: Final = (
    "at on of the de del di do da den der d' t st nd rd th er o a um uhr am klo kl alle ore ora las les le il el los em"
    " as à om godz godzina г год года в р року о об saat pukul jam luc ngay nam น เวลา ปี ค.ศ พ.ศ วันที่ ساعت الساعه"
    " الساعة בשעה hrs hours h hod cas casa u i"
)
_NOTHING: Final = frozenset(_FILLERS.split())


def read_date(raw: str, *, zone: tzinfo | None, now: datetime, language: str = "") -> Dated:
    """Return the instant that `raw` means, in UTC, and its quality.

    Args:
        raw: The date as the feed has it.
        zone: What a date without a zone means in this feed; UTC is assumed if it is None.
        now: The present, to tell implausible dates.
        language: Of the feed; with `zone` it tells whether 03/12 is in March or in December.

    Returns:
        No instant (MISSING) if the date cannot be read or could mean two days. An IMPLAUSIBLE one is returned all the
        same: it lies in the future or long ago.
    """
    text = " ".join(raw[: 10 * MAX_LENGTH].split())
    if not text or len(text) > MAX_LENGTH:
        return _MISSING
    try:
        at, quality = _read_usual(text, zone) or _read_any(text, zone, language)
    except (ValueError, OverflowError):
        return _MISSING
    plausible = at.year >= EARLIEST_YEAR and at <= now + MAX_AHEAD
    return at, quality if plausible else DateQuality.IMPLAUSIBLE


def _read_usual(text: str, zone: tzinfo | None) -> tuple[datetime, DateQuality] | None:
    """Read the forms that nearly all feeds use, quickly."""
    if iso := _ISO.fullmatch(text):
        clock = Clock.read(iso[4], iso[5], iso[6], iso[7])
        return _place(make_date(int(iso[1]), int(iso[2]), int(iso[3])), clock, read_offset(iso[8]), "", zone)
    rfc = _RFC.fullmatch(text)
    if rfc and (month := MONTHS.get(rfc[2].lower())):
        clock = Clock.read(rfc[4], rfc[5], rfc[6])
        return _place(make_date(int(rfc[3]), month, int(rfc[1])), clock, read_offset(rfc[7]), "", zone)
    if epoch := _EPOCH.fullmatch(text):
        passed = timedelta(seconds=int(epoch[1]), milliseconds=int(epoch[2] or 0))
        return datetime(1970, 1, 1, tzinfo=UTC) + passed, DateQuality.EXPLICIT_TZ
    return None


def _read_any(text: str, default: tzinfo | None, language: str) -> tuple[datetime, DateQuality]:
    """Read a date of any form by taking it apart.

    Raises:
        ValueError: there is something in it that cannot be explained.
    """
    text, named = take_iana(text)
    rest, place = take_phrase(fold(text))
    comments = _COMMENT.findall(rest)
    rest = _COMMENT.sub(" ", rest)
    prefix = _find_prefix(rest)
    if _LETTER_ZONE.search(rest):
        raise ValueError("a zone of one letter")
    rest, clock, offset = take_clock(rest)
    if offset is None:
        rest, offset = take_late_offset(rest)
    rest, days = take_day(rest, default, language)
    if offset is None:
        rest, offset = take_late_offset(rest)
    zones, weekdays = _explain(rest, prefix)
    for comment in comments:
        offset = offset or read_bare_offset(comment)
        try:
            more = _explain(comment, frozenset())
        except ValueError:
            if offset is None and named is None and not zones:
                raise  # it may name a zone
            continue
        zones, weekdays = zones | more[0], weekdays | more[1]
    if len(days) > 1:
        days = tuple(day for day in days if day.weekday() in weekdays)
    if len(days) != 1:
        raise ValueError("no day, or several")
    explicit = zones & EXPLICIT
    if explicit and not (zones - EXPLICIT):
        named = place = None
    elif len(zones) > 1 and offset is None:
        raise ValueError("several zones")
    return _place(days[0], clock or Clock(), offset or named or place, next(iter(zones), ""), default)


def _place(
    day: date | None, clock: Clock, given: tzinfo | None, name: str, default: tzinfo | None
) -> tuple[datetime, DateQuality]:
    """Return the instant of a day and a time in the given zone or else the one of that name or else the feed's."""
    if day is None:
        raise ValueError("no such day")
    local = datetime(day.year, day.month, day.day) + clock.passed()
    if given is not None:
        quality = DateQuality.NAMED_TZ if isinstance(given, ZoneInfo) else DateQuality.EXPLICIT_TZ
    elif name:
        given, quality = find_zone(name, local, default)
    elif default is not None:
        given, quality = default, DateQuality.FEED_TZ
    else:
        given, quality = UTC, DateQuality.ASSUMED_UTC
    return local.replace(tzinfo=given).astimezone(UTC), quality


def _find_prefix(text: str) -> frozenset[str]:
    """Return the words before the first digit, which may be any: a weekday, `Published on`."""
    words = _words(re.split(r"\d", text, maxsplit=1)[0])
    return frozenset(words) if len(words) <= _MAX_PREFIX else frozenset()


def _explain(text: str, ignored: frozenset[str]) -> tuple[frozenset[str], frozenset[int]]:
    """Return the zone names and weekdays in what is left of a date.

    Raises:
        ValueError: there are other words or numbers.
    """
    zones: set[str] = set()
    weekdays: set[int] = set()
    for word in _words(text):
        if word in WEEKDAYS:
            weekdays.add(WEEKDAYS[word])
        elif is_zone(word):
            zones.add(word)
        elif word not in _NOTHING and word not in ignored:
            raise ValueError(f"what is {word}")
    return frozenset(zones), frozenset(weekdays)


def _words(text: str) -> list[str]:
    return [word for word in (token.strip(".:'\"") for token in _TOKEN.findall(text)) if word]
