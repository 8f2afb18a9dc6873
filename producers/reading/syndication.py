"""A feed's bytes to raw items: feedparser behind one function, never by URL and never sanitising.

feedparser's HTML sanitiser and link resolver are off: both cost far more than parsing, blow up on hostile input, and
everything becomes plain text anyway. It still takes time that grows with the square of some hostile constructions
(20,000 attributes: 11 s), so it runs in a thread of its own; killable worker processes are the next step.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urljoin

import feedparser
import msgspec

from deskwatch.errors import ParseError

MAX_ITEMS: Final = 2_000
PARSER: Final = f"feedparser/{feedparser.__version__}"

_MAX_LISTED: Final = 20
_ITEM: Final = re.compile(rb"<(?:[A-Za-z]+:)?(?:item|entry)[\s>]", re.IGNORECASE)


class RawItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item as its feed has it: HTML, unchecked links, unread dates; links are absolute."""

    guid: str = ""
    link: str = ""
    title: str = ""
    summary: str = ""
    content: str = ""
    published: str = ""
    updated: str = ""
    language: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed feed: its items in the order of the feed, and how many beyond MAX_ITEMS were left out."""

    items: tuple[RawItem, ...]
    language: str = ""
    bozo: bool = False  # not well-formed
    left_out: int = 0


def parse_feed(feed_id: str, body: bytes, *, url: str, content_type: str = "") -> Document:
    """Return the items of an RSS, RDF or Atom document.

    Args:
        feed_id: For the error.
        body: The document, in any encoding that it or `content_type` names.
        url: Where it came from, for relative links.
        content_type: The HTTP header.

    Raises:
        ParseError: this is no feed.
    """
    body, left_out = _cut(body)
    # No content-location: feedparser would make guids absolute with it, and they would change when the feed moves.
    headers = {"content-type": _ascii(content_type) or "application/xml"}
    try:
        parsed = feedparser.parse(
            io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except Exception as error:  # feedparser lets codecs' and its own errors through on hostile input
        raise ParseError(feed_id, f"{type(error).__name__}: {error}") from error
    entries = parsed.get("entries") or []
    if not entries and not parsed.get("version"):
        raise ParseError(feed_id, f"no feed in {len(body):,} bytes")
    feed = parsed.get("feed") or {}
    return Document(
        items=tuple(_read_item(entry, url) for entry in entries[:MAX_ITEMS]),
        language=_text(feed, "language"),
        bozo=bool(parsed.get("bozo")),
        left_out=left_out + len(entries[MAX_ITEMS:]),
    )


def _cut(body: bytes) -> tuple[bytes, int]:
    """Return the body without the items beyond MAX_ITEMS, and their number: 100,000 would take feedparser minutes.

    In encodings that are no superset of ASCII nothing is found, and the cut comes after parsing.
    """
    if len(body) < MAX_ITEMS * len(b"<item>"):
        return body, 0
    starts = [match.start() for match in _ITEM.finditer(body)]
    if len(starts) <= MAX_ITEMS:
        return body, 0
    return body[: starts[MAX_ITEMS]], len(starts) - MAX_ITEMS


def _read_item(entry: Mapping[str, Any], url: str) -> RawItem:
    base = _resolve(url, _text(_mapping(entry, "title_detail"), "base")) or url  # xml:base
    contents = (_text(content, "value") for content in _list(entry, "content") if isinstance(content, Mapping))
    tags = (_text(tag, "term") or _text(tag, "label") for tag in _list(entry, "tags") if isinstance(tag, Mapping))
    authors = (_text(author, "name") for author in _list(entry, "authors") if isinstance(author, Mapping))
    return RawItem(
        guid=_text(entry, "id"),
        link=_resolve(base, _text(entry, "link")),
        title=_text(entry, "title"),
        summary=_text(entry, "summary"),
        content=max(contents, key=len, default=""),
        published=_text(entry, "published") or _text(entry, "created"),
        updated=_text(entry, "updated"),
        language=_text(_mapping(entry, "title_detail"), "language"),
        authors=_few(authors) or _few([_text(entry, "author")]),
        categories=_few(tags),
    )


def _resolve(base: str, link: str) -> str:
    try:
        return urljoin(base, link.strip()) if link.strip() else ""
    except ValueError:
        return ""


def _text(values: Mapping[str, Any], name: str) -> str:
    # dict's own `get`: FeedParserDict's answers for other names too, with a warning
    value = dict.get(values, name) if isinstance(values, dict) else None
    return value if isinstance(value, str) else ""


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = dict.get(values, name) if isinstance(values, dict) else None
    return value if isinstance(value, Mapping) else {}


def _list(values: Mapping[str, Any], name: str) -> list[Any]:
    value = dict.get(values, name) if isinstance(values, dict) else None
    return value if isinstance(value, list) else []


def _few(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text.strip()))[:_MAX_LISTED]


def _ascii(header: str) -> str:
    return "".join(c for c in header if c.isascii() and c.isprintable())
