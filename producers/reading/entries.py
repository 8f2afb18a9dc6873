"""A feed's XML to raw items: feedparser behind one function, never by URL and never sanitising.

feedparser's HTML sanitiser and link resolver are off: both cost far more than parsing, blow up on hostile input, and
everything becomes plain text anyway.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin

import feedparser

from producers.reading.jobs import RawItem
from producers.reading.taming import tame

PARSER: Final = f"feedparser/{feedparser.__version__}"
MAX_FIELD: Final = 500_000  # characters of a text
MAX_LINE: Final = 20_000  # characters of what is a line: a title, a link, a name

_MAX_LISTED: Final = 20
# Not content-location: feedparser would make guids absolute with it, and they would change when the feed moves.
_HEADERS: Final = {"content-type": "application/xml; charset=utf-8"}
_NO_PAGE: Final = frozenset(("self", "edit", "enclosure", "hub", "license", "next", "prev", "replies", "search"))
# feedparser prefers these attributes to the element's text, which is what RSS means by a link.
_LINK_WITH_URI: Final = re.compile(
    rb"(<link)\s[^<>]*?\buri\s*=[^<>]*+(?<!/)>(?=\s*(?:<!\[CDATA\[\s*)?https?:)", re.IGNORECASE
)


class Entries(NamedTuple):
    """What feedparser found in a document."""

    items: list[RawItem]
    language: str
    is_feed: bool  # something told which format it is


def parse_entries(document: bytes, url: str) -> Entries:
    """Return the items of an RSS, RDF, Atom or CDF document in UTF-8, with links made absolute by `url`.

    Raises:
        Exception: of many kinds, where a malformed document gets the better of feedparser.
    """
    parsed = feedparser.parse(
        io.BytesIO(_LINK_WITH_URI.sub(rb"\1>", tame(document))),
        response_headers=_HEADERS,
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    entries = _list(parsed, "entries")
    items = [_read_item(entry, url) for entry in entries]
    return Entries(items, _line(_mapping(parsed, "feed"), "language"), bool(entries or _text(parsed, "version")))


def resolve(base: str, link: str) -> str:
    """Return the link made absolute; "" if there is none or it cannot be read."""
    try:
        return urljoin(base, link.strip()) if link.strip() else ""
    except ValueError:
        return ""


def few(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the first texts that are neither blank nor repeated."""
    return tuple(dict.fromkeys(text for text in texts if text.strip()))[:_MAX_LISTED]


def _read_item(entry: Mapping[str, Any], url: str) -> RawItem:
    contents = (_text(content, "value") for content in _list(entry, "content"))
    return RawItem(
        guid=_line(entry, "id"),
        link=resolve(url, _line(entry, "link") or _find_link(entry)),
        title=_line(entry, "title"),
        summary=_text(entry, "summary"),
        content=max(contents, key=len, default=""),
        published=_line(entry, "published") or _line(entry, "created"),
        updated=_line(entry, "updated") or _line(entry, "date") or _line(entry, "prism_publicationdate"),
        language=_line(_mapping(entry, "title_detail"), "language"),
        authors=few(_line(author, "name") for author in _list(entry, "authors")) or few([_line(entry, "author")]),
        categories=few(_line(tag, "term") or _line(tag, "label") for tag in _list(entry, "tags")),
    )


def _find_link(entry: Mapping[str, Any]) -> str:
    """Return a link to the entry's page from an entry without one that says it is HTML."""
    links = [link for link in _list(entry, "links") if _text(link, "rel") not in _NO_PAGE]
    links.sort(key=lambda link: _text(link, "rel") != "alternate")
    return next((href for href in (_line(link, "href") for link in links) if href), "")


def _text(values: object, name: str) -> str:
    # dict's own `get`: FeedParserDict's answers for other names too, with a warning
    value = dict.get(values, name) if isinstance(values, dict) else None
    return value[:MAX_FIELD] if isinstance(value, str) else ""


def _line(values: object, name: str) -> str:
    return _text(values, name)[:MAX_LINE]


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = dict.get(values, name) if isinstance(values, dict) else None
    return value if isinstance(value, Mapping) else {}


def _list(values: Mapping[str, Any], name: str) -> list[Any]:
    value = dict.get(values, name) if isinstance(values, dict) else None
    return value if isinstance(value, list) else []
