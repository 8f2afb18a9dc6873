"""Words and numbers for people, and the taming of words that come from feeds.

Headlines are hostile input: they may hold control characters, direction overrides, markup for other programs, or ten
thousand letters. What leaves `clean` is one line of plain text; the format it goes into still has to escape it.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

MAX_URL: Final = 2000  # of Slack's 3000, and of what old mail programs follow

_ELLIPSIS: Final = "…"
# Direction overrides and isolates, zero-width spaces, byte-order marks, tags. Joiners stay: Persian needs them.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_STACKED: Final = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_MAX_RAW: Final = 20_000
_SAFE_IN_URL: Final = "!#$%&'()*+,/:;=?@[]~-._"

_ACRONYMS: Final = frozenset({"us", "uk", "eu", "un", "nato", "who", "wto"})


def clean(text: str, limit: int) -> str:
    """Return `text` as one line of at most `limit` characters, without anything that is not seen."""
    text = _INVISIBLE.sub("", text[:_MAX_RAW])
    text = "".join(" " if unicodedata.category(char) in _UNPRINTABLE else char for char in text)
    text = _STACKED.sub(r"\1", unicodedata.normalize("NFC", text))
    return shorten(" ".join(text.split()), limit)


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters, ended at a word where one ends in the last third."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit * 2 / 3 else cut).rstrip(" ,;:-–—") + _ELLIPSIS


def safe_link(url: str) -> str | None:
    """Return a web address that may be linked, quoted for every format we write; None for anything else."""
    if len(url) > MAX_URL or any(char.isspace() or unicodedata.category(char) in _UNPRINTABLE for char in url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises when it is no number
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or "\\" in url:
        return None
    if not parts.netloc.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            return None
        url = parts._replace(netloc=host + (f":{parts.port}" if parts.port else "")).geturl()
    quoted = quote(url, safe=_SAFE_IN_URL)
    return quoted if len(quoted) <= MAX_URL else None


def title_of(theme: str, title: str = "") -> str:
    """Return what people call a theme: the title of its file, or its id made readable."""
    if title:
        return clean(title, 60)
    words = [word.upper() if word in _ACRONYMS else word for word in theme.split("-")]
    return clean(" ".join([words[0][:1].upper() + words[0][1:], *words[1:]]), 60)


def count(number: int, one: str, many: str = "") -> str:
    """Return `1 outlet`, `12 outlets`, `no outlets`."""
    if number == 1:
        return f"1 {one}"
    return f"{number:,} {many or one + 's'}" if number else f"no {many or one + 's'}"


def amount(expected: float) -> str:
    """Return an expectation as people say it: whole from ten on, one decimal below, none for almost none."""
    if expected >= 9.95:
        return f"{expected:,.0f}"
    rounded = f"{expected:.1f}".removesuffix(".0")
    return rounded if expected >= 0.05 else "0"


def span(window_s: int) -> str:
    """Return the length of a window: `1 h`, `30 min`, `2 days`."""
    if window_s >= 86_400 and window_s % 86_400 == 0:
        return count(window_s // 86_400, "day")
    if window_s >= 3600 and window_s % 3600 == 0:
        return f"{window_s // 3600} h"
    return f"{max(1, round(window_s / 60))} min"


def period(start: datetime, length: timedelta, zone: ZoneInfo) -> str:
    """Return `13:00–14:00 UTC, 24 Nov (21:00–22:00 in Shanghai)`; the local time only where it differs."""
    start = start.astimezone(UTC)
    local = start.astimezone(zone)
    text = _between(start, length, "UTC", with_day=True)
    if not local.utcoffset():
        return text
    return f"{text} ({_between(local, length, f'in {_city(zone)}', with_day=local.date() != start.date())})"


def moment(at: datetime) -> str:
    """Return `14:02 UTC`."""
    return f"{at.astimezone(UTC):%H:%M} UTC"


def enumerate_names(names: tuple[str, ...], limit: int) -> str:
    """Return `a, b and c`, or `a, b, c and 4 more`."""
    shown = [clean(name, 40) for name in names[:limit]]
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def _between(start: datetime, length: timedelta, where: str, *, with_day: bool) -> str:
    end = (start.astimezone(UTC) + length).astimezone(start.tzinfo)  # in absolute time, whatever the clocks do
    if length >= timedelta(days=1):
        return f"{start:%-d %b %H:%M} – {end:%-d %b %H:%M} {where}"
    return f"{start:%H:%M}–{end:%H:%M} {where}" + (f", {start:%-d %b}" if with_day else "")


def _city(zone: ZoneInfo) -> str:
    return zone.key.rpartition("/")[2].replace("_", " ")
