"""Dates as feeds write them to instants, with how far each can be trusted; what cannot be read for sure is missing.

feedparser's own dates are not used: it takes zone names such as IST, MSK or CET for UTC and reads some forms wrongly.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deskwatch.records import DateQuality

MAX_AHEAD: Final = timedelta(minutes=15)
EARLIEST_YEAR: Final = 2000
MAX_LENGTH: Final = 80

Dated = tuple[datetime | None, DateQuality]

_MISSING: Final[Dated] = (None, DateQuality.MISSING)

_MONTHS: Final[dict[str, int]] = {
    name: number
    for number, names in enumerate(
        (
            "jan january janvier janv enero ene januar gennaio gen janeiro янв января січня ocak",
            "feb february février fevrier févr fev febrero februar febbraio fevereiro фев февраля лютого şubat",
            "mar march mars marzo märz mrz mär março мар марта березня mart",
            "apr april avril avr abril abr aprile апр апреля квітня nisan",
            "may mai mayo maggio mag maio май мая травня mayıs",
            "jun june juin junio juni giugno giu junho июн июня червня haziran",
            "jul july juillet juil julio juli luglio lug julho июл июля липня temmuz",
            "aug august août aout agosto ago авг августа серпня ağustos",
            "sep sept september septembre septiembre settembre set setembro сен сент сентября вересня eylül",
            "oct october octobre octubre okt oktober ottobre ott outubro out окт октября жовтня ekim",
            "nov november novembre noviembre novembro ноя нояб ноября листопада kasım",
            "dec december décembre decembre déc diciembre dic dez dezember dicembre dezembro дек декабря грудня aralık",
        ),
        start=1,
    )
    for name in names.split()
}

# Hours east of Greenwich. Names with several meanings follow RFC 822, unless the feed's own zone is configured.
_ZONES: Final[dict[str, float]] = {
    "Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2,
    "EET": 2, "EEST": 3, "SAST": 2, "CAT": 2, "EAT": 3, "WAT": 1, "MSK": 3, "MSD": 4, "TRT": 3, "AST": -4, "ADT": -3,
    "IRST": 3.5, "GST": 4, "AFT": 4.5, "PKT": 5, "UZT": 5, "IST": 5.5, "NPT": 5.75, "BDT": 6, "MMT": 6.5, "ICT": 7,
    "WIB": 7, "HKT": 8, "SGT": 8, "PHT": 8, "MYT": 8, "AWST": 8, "JST": 9, "KST": 9, "ACST": 9.5, "AEST": 10,
    "AEDT": 11, "NZST": 12, "NZDT": 13, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10, "BRT": -3, "ART": -3, "CLT": -4, "COT": -5, "PET": -5, "VET": -4,
}  # fmt: skip
_AMBIGUOUS: Final = frozenset(("IST", "CST", "BST", "AST", "GST", "PST", "MST", "AMT", "ECT"))

_TIME: Final = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,](?P<part>\d{1,9})\d*)?)?"
_TAIL: Final = rf"(?:(?:\s*[-–|T]\s*|\s+(?:at\s+|um\s+|à\s+)?|\s*)?{_TIME}\s*(?P<half>[ap]\.?m\b\.?)?)?\s*(?P<zone>.*)$"
_WEEKDAY: Final = r"^(?:[^\W\d_]+\.?\s+)?"
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"^(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})(?!\d)" + _TAIL,
        r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?=T|$|\s)" + _TAIL,
        r"^(?P<year>\d{4})年\s?(?P<month>\d{1,2})月\s?(?P<day>\d{1,2})日" + _TAIL,
        r"^(?P<year>\d{4})년\s?(?P<month>\d{1,2})월\s?(?P<day>\d{1,2})일" + _TAIL,
        _WEEKDAY
        + r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?[\s-]+(?:de\s+)?(?P<name>[^\W\d_]+)\.?[\s-]+(?:de\s+)?"
        + r"(?P<year>\d{4}|\d{2})(?!\d)"
        + _TAIL,
        _WEEKDAY + r"(?P<name>[^\W\d_]+)\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?\s+(?P<year>\d{4})(?!\d)" + _TAIL,
        # asctime: the year stands last
        _WEEKDAY
        + rf"(?P<name>[^\W\d_]+)\s+(?P<day>\d{{1,2}})\s+{_TIME}\s+(?P<zone>[A-Za-z]{{1,5}}\s+)?(?P<year>\d{{4}})$",
        r"^(?P<first>\d{1,2})(?P<sep>[/.])(?P<other>\d{1,2})(?P=sep)(?P<year>\d{4})(?!\d)" + _TAIL,
    )
)
_OFFSET: Final = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)
_COMMENT: Final = re.compile(r"\([^()]*\)")
_COUNTED: Final = re.compile(r"\d{10}|\d{13}")


def read_date(raw: str, *, zone: tzinfo | None, now: datetime) -> Dated:
    """Return the instant that `raw` means, in UTC, and its quality.

    Args:
        raw: The date as the feed has it.
        zone: What a date without a zone means in this feed; UTC is assumed if it is None.
        now: The present, to tell implausible dates.

    Returns:
        No instant (MISSING) if the date cannot be read or could mean two days. An IMPLAUSIBLE one is returned all the
        same: it lies in the future or long ago.
    """
    text = _prepare(raw)
    if _COUNTED.fullmatch(text):
        at = datetime.fromtimestamp(int(text[:10]), UTC)
        return at, _judge(at, DateQuality.EXPLICIT_TZ, now)
    for form in _FORMS:
        match = form.match(text)
        if match:
            return _compose(match.groupdict(), zone, now)
    return _MISSING


def _prepare(raw: str) -> str:
    """Return the text with ASCII digits, single spaces, and no commas or comments."""
    digits = (
        str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c
        for c in unicodedata.normalize("NFKC", raw[:MAX_LENGTH])
    )
    text = _COMMENT.sub(" ", "".join(digits))
    return " ".join("".join(" " if c in ",،" or not c.isprintable() else c for c in text).split())


def _compose(found: dict[str, str | None], zone: tzinfo | None, now: datetime) -> Dated:
    day_month = _read_day(found)
    placed = _read_zone((found.get("zone") or "").strip(), zone)
    if day_month is None or placed is None:
        return _MISSING
    (day, month), (offset, quality) = day_month, placed
    year_text = found["year"] or ""
    year = int(year_text)
    if len(year_text) == 2:
        year += 2000 if year < 69 else 1900
    hour, minute, second = (int(found.get(part) or 0) for part in ("hour", "minute", "second"))
    half = (found.get("half") or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return _MISSING
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    micros = int((found.get("part") or "0").ljust(6, "0")[:6])
    next_day = hour == 24 and minute == second == 0
    try:
        local = datetime(year, month, day, 0 if next_day else hour, minute, min(second, 59), micros, tzinfo=offset)
        at = (local + timedelta(days=next_day)).astimezone(UTC)
    except (ValueError, OverflowError):
        return _MISSING
    return at, _judge(at, quality, now)


def _read_day(found: dict[str, str | None]) -> tuple[int, int] | None:
    """Return day and month, or None if they cannot be told apart."""
    if found.get("name"):
        month = _MONTHS.get(str(found["name"]).lower())
        return (int(found["day"] or 0), month) if month else None
    if found.get("first"):
        first, other = int(found["first"] or 0), int(found["other"] or 0)
        if first > 12:
            return first, other
        if other > 12:
            return other, first
        return (first, other) if found["sep"] == "." or first == other else None
    return int(found["day"] or 0), int(found["month"] or 0)


def _read_zone(text: str, default: tzinfo | None) -> tuple[tzinfo, DateQuality] | None:
    """Return the zone that a date's tail means; None if it says one that nobody knows."""
    if not text:
        return (default, DateQuality.FEED_TZ) if default else (UTC, DateQuality.ASSUMED_UTC)
    offset = _OFFSET.match(text)
    if offset and (offset.end() == len(text) or text[offset.end()].isspace()):
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes > 15 * 60:
            return None
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes)), DateQuality.EXPLICIT_TZ
    name = text.upper()
    if default is not None and name in _AMBIGUOUS:
        return default, DateQuality.FEED_TZ
    if name in _ZONES:
        quality = DateQuality.EXPLICIT_TZ if name in ("Z", "UT", "UTC", "GMT") else DateQuality.NAMED_TZ
        return timezone(timedelta(hours=_ZONES[name])), quality
    if "/" in text:
        try:
            return ZoneInfo(text), DateQuality.NAMED_TZ
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None
    return None


def _judge(at: datetime, quality: DateQuality, now: datetime) -> DateQuality:
    plausible = at.year >= EARLIEST_YEAR and at <= now + MAX_AHEAD
    return quality if plausible else DateQuality.IMPLAUSIBLE
