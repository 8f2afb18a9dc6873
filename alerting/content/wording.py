"""The taming of words that come from feeds.

Headlines are hostile input: they may hold control characters, direction overrides, markup for other programs, or ten
thousand letters. What leaves `clean` is one line of plain text; the format it goes into still has to escape it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote, urlsplit

SUBJECT: Final = 110  # characters; mail programs show some 60 to 100
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


def to_subject(text: str) -> str:
    """Return cleaned text as the subject of a mail."""
    # The encoded words of a headline would be decoded when it is set as a header, hidden line ends and all.
    return shorten(text.replace("=?", "= ?"), SUBJECT)


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
