"""Zone names in dates: what they mean, and which of them mean several things."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deskwatch.records import DateQuality

EXPLICIT: Final = frozenset(("z", "ut", "utc", "gmt"))
MAX_OFFSET: Final = timedelta(hours=14)

# Hours east of Greenwich. Names with several meanings have the one of RFC 822 or, where that has none, the one that is
# most often met in feeds.
_HOURS: Final[Mapping[str, float]] = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "mez": 1, "met": 1, "cest": 2,
    "mesz": 2, "mest": 2, "eet": 2, "eest": 3, "sast": 2, "cat": 2, "eat": 3, "wat": 1, "msk": 3, "мск": 3, "msd": 4,
    "trt": 3, "fet": 3, "ast": -4, "adt": -3, "nst": -3.5, "ndt": -2.5, "irst": 3.5, "irdt": 4.5, "gst": 4, "samt": 4,
    "azt": 4, "get": 4, "aft": 4.5, "pkt": 5, "uzt": 5, "yekt": 5, "ist": 5.5, "slst": 5.5, "npt": 5.75, "bdt": 6,
    "omst": 6, "almt": 5, "mmt": 6.5, "ict": 7, "wib": 7, "krat": 7, "novt": 7, "wita": 8, "wit": 9, "hkt": 8,
    "sgt": 8, "pht": 8, "phst": 8, "myt": 8, "irkt": 8, "ulat": 8, "awst": 8, "jst": 9, "kst": 9, "yakt": 9,
    "acst": 9.5, "acdt": 10.5, "aest": 10, "vlat": 10, "chst": 10, "aedt": 11, "magt": 11, "nzst": 12, "pett": 12,
    "fjt": 12, "nzdt": 13, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
    "akst": -9, "akdt": -8, "hst": -10, "hdt": -9, "sst": -11, "brt": -3, "brst": -2, "art": -3, "clt": -4,
    "clst": -3, "cot": -5, "pet": -5, "vet": -4, "bot": -4, "uyt": -3, "pyt": -3, "gft": -3, "ect": -5,
    "idt": 3,
}  # fmt: skip
# All that such a name is used for: the feed's own zone decides if it is one of these at the time.
_DISPUTED: Final[Mapping[str, tuple[float, ...]]] = {
    "ist": (5.5, 2, 3, 0, 1),  # India, Israel, Ireland
    "cst": (-6, -5, 8),  # America, China, Cuba
    "bst": (1, 0, 6, 11),  # Britain, Bangladesh, Bougainville
    "ast": (-4, -3, 3),  # Atlantic, Arabia
    "gst": (4, -2),
    "pst": (-8, -7, 8),  # Pacific, Philippines
    "est": (-5, -4, 10, 11),  # America, Australia
    "edt": (-4, 11),
    "mst": (-7, -6, 8, 6.5),  # Mountain, Malaysia, Myanmar
    "amt": (4, -4),  # Armenia, Amazon
    "ect": (-5, 1, 2),  # Ecuador, Central Europe
    "wst": (8, 13, 1),  # Western Australia, Samoa
    "wast": (2, 8),
    "pyt": (-3, -4),
    "sst": (-11, 8),
}
# An offset that many zones have means such a name in one of them only.
_ONLY_IN: Final[Mapping[str, str]] = {"pst": "Asia/Manila", "mst": "Asia/Kuala_Lumpur", "sst": "Asia/Singapore"}
# Names of a place's time, summer time included.
_PLACES: Final[Mapping[str, str]] = {
    "et": "America/New_York", "ct": "America/Chicago", "mt": "America/Denver", "pt": "America/Los_Angeles",
    "eastern time": "America/New_York", "pacific time": "America/Los_Angeles", "moscow time": "Europe/Moscow",
    "московское время": "Europe/Moscow", "по москве": "Europe/Moscow", "по киеву": "Europe/Kyiv",
    "за києвом": "Europe/Kyiv", "beijing time": "Asia/Shanghai",
    "北京时间": "Asia/Shanghai", "北京時間": "Asia/Shanghai",
    "台北时间": "Asia/Taipei", "台北時間": "Asia/Taipei", "香港時間": "Asia/Hong_Kong", "日本時間": "Asia/Tokyo",
    "london time": "Europe/London", "india time": "Asia/Kolkata", "tehran time": "Asia/Tehran",
    "hora de brasilia": "America/Sao_Paulo", "hora peninsular": "Europe/Madrid", "heure de paris": "Europe/Paris",
    "ora italiana": "Europe/Rome", "waktu indonesia barat": "Asia/Jakarta", "hong kong time": "Asia/Hong_Kong",
    "eastern standard time": "America/New_York", "eastern daylight time": "America/New_York",
    "central standard time": "America/Chicago", "central daylight time": "America/Chicago",
    "pacific standard time": "America/Los_Angeles", "pacific daylight time": "America/Los_Angeles",
    "gmt standard time": "Europe/London", "central european time": "Europe/Berlin",
    "central european standard time": "Europe/Berlin", "central european summer time": "Europe/Berlin",
    "russian standard time": "Europe/Moscow", "moscow standard time": "Europe/Moscow",
    "china standard time": "Asia/Shanghai", "taipei standard time": "Asia/Taipei",
    "india standard time": "Asia/Kolkata",
    "japan standard time": "Asia/Tokyo", "korea standard time": "Asia/Seoul", "iran standard time": "Asia/Tehran",
    "israel standard time": "Asia/Jerusalem", "arab standard time": "Asia/Riyadh",
    "turkey standard time": "Europe/Istanbul",
    "pakistan standard time": "Asia/Karachi", "singapore standard time": "Asia/Singapore",
    "coordinated universal time": "UTC", "greenwich mean time": "UTC",
}  # fmt: skip
_IANA: Final = re.compile(
    r"\[?\b((?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico"
    r"|Pacific|US)(?:/[A-Za-z0-9_+-]{1,30}){1,2})\]?"
)
_PHRASE: Final = re.compile(
    "|".join(re.escape(name) for name in sorted(_PLACES, key=len, reverse=True) if len(name) > 2)
)
_BARE_OFFSET: Final = re.compile(r"(?:utc|gmt)?\s?[+-]\d{1,2}(?::?\d{2})?")
_OFFSET: Final = re.compile(r"([+-])\s?(\d{1,2}):?(\d{2})?\s*$")


def take_iana(text: str) -> tuple[str, tzinfo | None]:
    """Return the text without the IANA name in it (`Asia/Tehran`), and its zone if there is one."""
    match = _IANA.search(text)
    if not match:
        return text, None
    try:
        return f"{text[: match.start()]} {text[match.end() :]}", ZoneInfo(match[1])
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a directory of the database
        return text, None


def take_phrase(text: str) -> tuple[str, tzinfo | None]:
    """Return the folded text without a name such as `Moscow time`, and its zone if there is one."""
    match = _PHRASE.search(text)
    return (f"{text[: match.start()]} {text[match.end() :]}", ZoneInfo(_PLACES[match[0]])) if match else (text, None)


def is_zone(name: str) -> bool:
    """Return whether this folded word names a zone."""
    return name in _HOURS or name in _DISPUTED or name in _PLACES


def read_offset(text: str | None) -> tzinfo | None:
    """Return the offset that a text like `+03:00`, `UTC+8` or `Z` is; None for none.

    Raises:
        ValueError: no place on Earth has this one.
    """
    if not text:
        return None
    match = _OFFSET.search(text)
    if not match:
        return UTC
    size = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if size > MAX_OFFSET or int(match[3] or 0) > 59:
        raise ValueError("no such offset")
    return timezone(-size if match[1] == "-" else size)


def read_bare_offset(text: str) -> tzinfo | None:
    """Return the offset that the whole folded text is, such as `gmt+7` or `+03:00`; None if it is something else."""
    return read_offset(text) if _BARE_OFFSET.fullmatch(text.strip()) else None


def find_zone(name: str, local: datetime, default: tzinfo | None) -> tuple[tzinfo, DateQuality]:
    """Return the zone that a folded name means.

    Args:
        name: Such as `msk`.
        local: The naive local time that stands beside it.
        default: The feed's own zone.

    Raises:
        ValueError: nobody knows this name, or it has several meanings none of which is the usual one.
    """
    if name in EXPLICIT:
        return UTC, DateQuality.EXPLICIT_TZ
    if default is not None and _is_own(name, local, default):
        return default, DateQuality.FEED_TZ
    if name in _PLACES:
        return ZoneInfo(_PLACES[name]), DateQuality.NAMED_TZ
    if name not in _HOURS:
        raise ValueError(f"no zone {name}")
    return timezone(timedelta(hours=_HOURS[name])), DateQuality.NAMED_TZ


def _is_own(name: str, local: datetime, zone: tzinfo) -> bool:
    """Return whether a name of several zones means the feed's own."""
    offset = local.replace(tzinfo=zone).utcoffset()
    if offset not in {timedelta(hours=hours) for hours in _DISPUTED.get(name, ())}:
        return False
    return offset != timedelta(hours=8) or _ONLY_IN.get(name) in (None, getattr(zone, "key", ""))
