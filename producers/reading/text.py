"""Strings of strangers to plain text: no markup, no control characters, one line, bounded."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

from selectolax.lexbor import LexborHTMLParser

MAX_HTML: Final = 500_000  # what is read of one fragment; far more than any text kept of it

_INVISIBLE: Final = (
    *(code for code in range(0x20) if code not in (0x09, 0x0A, 0x0C, 0x0D)),
    *(code for code in range(0x7F, 0xA0) if code != 0x85),
    0xAD,  # soft hyphen: it would split the words we look for
    0x200B,  # zero-width space; ZWNJ and ZWJ (200C, 200D) stay: Persian and Indic spelling needs them
    0x200E,
    0x200F,
    *range(0x202A, 0x202F),  # bidirectional overrides make text show as something else
    *range(0x2060, 0x206A),
    0xFEFF,
    *range(0xD800, 0xE000),  # halves of surrogate pairs cannot be encoded
)
_DROPPED: Final = dict.fromkeys(_INVISIBLE)
# A tag of these ends a word; inline ones (<b>T</b>aiwan) do not.
_BLOCK: Final = re.compile(
    r"</?(?:address|article|aside|blockquote|br|caption|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|img"
    r"|iframe|li|main|nav|object|ol|option|p|pre|section|table|tbody|td|tfoot|th|thead|tr|ul|video)\b",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"<[^<>]*>")
_ANY_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_VOID: Final = frozenset(("area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"))
_MAX_DEPTH: Final = 1_000  # of open elements; lexbor's time grows with the square (11 s at 100,000)
_UNSEEN: Final = ["script", "style", "template", "noscript", "iframe", "object", "svg", "select", "textarea"]


def clean(text: str, limit: int) -> str:
    """Return the text in NFC, on one line, without what cannot be seen, cut to `limit` code points."""
    line = " ".join(text.translate(_DROPPED).split())
    # NFC may shorten what is kept, so more than the limit goes in; the rest is not worth its time
    return unicodedata.normalize("NFC", line[: 4 * limit + 1_000])[:limit].rstrip()


def to_text(fragment: str, limit: int) -> str:
    """Return what a reader would see of an HTML fragment, as `clean` leaves it."""
    if "<" not in fragment and "&" not in fragment:
        return clean(fragment, limit)
    fragment = fragment[:MAX_HTML].translate(_DROPPED)
    if _is_deep(fragment):
        return clean(html.unescape(_TAG.sub(" ", fragment)), limit)
    tree = LexborHTMLParser(_BLOCK.sub(r" \g<0>", fragment))
    tree.strip_tags(_UNSEEN)
    return clean(tree.root.text(deep=True, separator="") if tree.root is not None else "", limit)


def _is_deep(fragment: str) -> bool:
    """Return whether elements nest deeper than any honest text's; one without its own end tag stays open."""
    open_tags: dict[str, int] = {}
    depth = 0
    for tag in _ANY_TAG.finditer(fragment):
        name = tag[2]
        count = open_tags.get(name, 0)
        if tag[1] and count:
            open_tags[name], depth = count - 1, depth - 1
        elif not tag[1] and name.lower() not in _VOID:
            open_tags[name], depth = count + 1, depth + 1
        if depth > _MAX_DEPTH:
            return True
    return False
