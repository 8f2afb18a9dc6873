"""Strings of strangers to plain text: no markup, no control characters, one line, bounded."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

from selectolax.lexbor import LexborHTMLParser

from producers.reading.mojibake import mend

MAX_HTML: Final = 500_000  # what is read of one fragment; far more than any text kept of it

_INVISIBLE: Final = (
    *(code for code in range(0x20) if code not in (0x09, 0x0A, 0x0C, 0x0D)),
    *(code for code in range(0x7F, 0xA0) if code != 0x85),
    0xAD,  # soft hyphen: it would split the words we look for
    0x61C,
    0x180E,
    0x200B,  # zero-width space; ZWNJ and ZWJ (200C, 200D) stay: Persian and Indic spelling needs them
    0x200E,
    0x200F,
    *range(0x202A, 0x202F),  # bidirectional overrides make text show as something else
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    *range(0xD800, 0xE000),  # halves of surrogate pairs cannot be encoded
    *range(0xE0000, 0xE0080),  # tags: a second text that nobody sees
    0xFFFE,
    0xFFFF,
)
_DROPPED: Final = dict.fromkeys(_INVISIBLE)
# Sorting the marks on one letter takes time that grows with the square of their number (20 s for 200,000).
_MARKS: Final = "".join(
    chr(code)
    for codes in (range(0x300, 0x3100), range(0xA600, 0xAC00), range(0xFB00, 0xFE30), range(0x10000, 0x1EC00))
    for code in codes
    if unicodedata.combining(chr(code)) or code in (0xF73, 0xF75, 0xF81)
)
_MARK_FLOOD: Final = re.compile(f"([{_MARKS}]{{30}})[{_MARKS}]+")  # 30: the Stream-Safe Text Format of UAX 15

_BLOCKS: Final = (
    "address|article|aside|blockquote|br|caption|center|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure"
    "|footer|form|h[1-6]|header|hr|img|iframe|legend|li|main|menu|nav|object|ol|optgroup|option|p|picture|pre|section"
    "|summary|table|tbody|td|tfoot|th|thead|tr|ul|video"
)
_INLINES: Final = (
    "a|abbr|acronym|amp-[a-z-]+|applet|area|audio|b|base|bdi|bdo|big|blink|body|button|canvas|cite|code|col|colgroup"
    "|data|datalist|del|dfn|em|embed|font|frame|frameset|head|html|i|input|ins|kbd|label|link|map|mark|marquee|math"
    "|meta|meter|nobr|noembed|noframes|noscript|output|param|plaintext|progress|q|rp|rt|ruby|s|samp|script|select|slot"
    "|small|source|span|strike|strong|style|sub|sup|svg|template|textarea|time|title|track|tt|u|var|wbr|xmp"
    "|(?:o|w|v|m|st1|g|fb|media|svg|xhtml):[a-z0-9]+|path|rect|circle|polygon|polyline|line|defs|use|symbol"
)
_TAG_NAMES: Final = f"(?:{_BLOCKS}|{_INLINES})"
# A tag of a block ends a word; inline ones (<b>T</b>aiwan) do not.
_BLOCK: Final = re.compile(rf"</?(?:{_BLOCKS})(?=[\s/>])", re.IGNORECASE)
_NO_TAG: Final = re.compile(rf"<(?!/?{_TAG_NAMES}[\s/>]|!--)", re.IGNORECASE)  # `a < b`, `<john@desk.example>`
_CUT_TAG: Final = re.compile(r"<[^<>=]*\Z")
_DECLARATION: Final = re.compile(r"<!doctype[^<>]*>|<\?xml[^<>]*>|<!\[CDATA\[|\]\]>", re.IGNORECASE)
_ESCAPED: Final = re.compile(
    rf"</{_TAG_NAMES}\s*>|<(?:br|hr|img|p)\b[^<>]*>|<script\b|&(?:#x?[0-9a-f]{{2,6}}|[a-z]{{2,8}});", re.I
)
_TAG: Final = re.compile(r"<[^<>]*>")
_ANY_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_VOID: Final = frozenset(("area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"))
_MAX_DEPTH: Final = 1_000  # of open elements; lexbor's time grows with the square (11 s at 100,000)
_UNSEEN: Final = [
    "script", "style", "template", "noscript", "noembed", "noframes", "iframe", "object", "svg", "select", "textarea",
]  # fmt: skip


def clean(text: str, limit: int) -> str:
    """Return the text in NFC, on one line, without what cannot be seen, cut to `limit` code points."""
    line = " ".join(text[:MAX_HTML].translate(_DROPPED).split())
    # NFC may shorten what is kept, so more than the limit goes in; the rest is not worth its time
    line = line[: 4 * limit + 1_000]
    if line.isascii():
        return line[:limit].rstrip()
    return unicodedata.normalize("NFC", _MARK_FLOOD.sub(r"\1", line))[:limit].rstrip()


def to_text(fragment: str, limit: int) -> str:
    """Return what a reader would see of an HTML fragment, as `clean` leaves it.

    Text that shows tags or character references was escaped twice, as many feeds do, and is read once more. What only
    looks like a tag (`a < b`, `<@U1>`, `<name@desk.example>`) stays as it is.
    """
    fragment = mend(fragment[:MAX_HTML])
    if "<" not in fragment and "&" not in fragment:
        return clean(fragment, limit)
    text = _read(fragment)
    if _ESCAPED.search(text):
        text = _read(text)
    return clean(text, limit)


def _read(fragment: str) -> str:
    fragment = _NO_TAG.sub("&lt;", _DECLARATION.sub(" ", fragment.translate(_DROPPED)))
    fragment = _CUT_TAG.sub(lambda tag: "&lt;" + tag[0][1:], fragment)
    if _is_deep(fragment):
        return html.unescape(_TAG.sub(" ", fragment))
    tree = LexborHTMLParser(_BLOCK.sub(r" \g<0>", fragment))
    tree.strip_tags(_UNSEEN)
    return tree.root.text(deep=True, separator="") if tree.root is not None else ""


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
