"""OPML subscription lists to feeds, and feeds to an OPML list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final
from urllib.parse import urlsplit
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.feedrecords import Feed
from producers.feeds.adding import fresh_id
from producers.feeds.config import is_http
from producers.feeds.outlines import scan_outlines

MAX_BYTES: Final = 20 * 1024 * 1024
MAX_FEEDS: Final = 20_000

_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_BARE: Final = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_NAMESPACE: Final = "urn:deskwatch:opml"
_HEAD: Final = 1_000  # bytes, in which a document says what it is
_MAX_NAME: Final = 200
_MAX_SHOWN: Final = 100
_MAX_SKIPPED: Final = 10_000


def read_opml(data: bytes, file: str) -> tuple[list[Feed], list[str]]:
    """Return the feeds of an OPML document, with unique ids, and what was left out and why.

    A feed's category is the name of the innermost named outline around it.
    A document that is nearly XML is read as it was probably meant.

    Raises:
        ConfigError: it is nothing like OPML, declares entities (which could expand without end), or is too large.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(file, 1, 1, f"not OPML: larger than {MAX_BYTES:,} bytes")])
    try:
        return _read_xml(data, file)
    except ConfigError as refusal:
        if b"<!ENTITY" in data or b"<opml" not in data[:_HEAD].lower():
            raise
        mended = _BARE.sub(b"&amp;", data)  # most often that is all
        with suppress(ConfigError):
            return _read_xml(mended, file)
        feeds, skipped = _read_loosely(data)
        if not feeds:
            raise
        line = refusal.problems[0].line
        return feeds, [f"what could not be made out: the document is no XML from line {line} on", *skipped]


def to_opml(feeds: Sequence[Feed], title: str) -> str:
    """Return an OPML 2.0 document: neighbours of one category share an outline, so the order of the feeds stays."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<opml version="2.0" xmlns:deskwatch="{_NAMESPACE}">',
        f"  <head><title>{_attribute(title)[1:-1]}</title></head>",
        "  <body>",
    ]
    for category, members in groupby(feeds, key=lambda feed: feed.category):
        outlines = [_outline(feed) for feed in members]
        if category:
            name = _attribute(category)
            outlines = [f"<outline text={name} title={name}>", *(f"  {line}" for line in outlines), "</outline>"]
        lines += [f"    {line}" for line in outlines]
    return "\n".join([*lines, "  </body>", "</opml>", ""])


class _Collector:
    """Collects feeds from the outlines of a document as they begin and end."""

    def __init__(self) -> None:
        self.feeds: list[Feed] = []
        self.skipped: list[str] = []
        self._categories = [""]
        self._urls: set[str] = set()
        self._ids: set[str] = set()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag.lower() != "outline":
            return
        given = {key.lower(): _printable(value).strip() for key, value in attributes.items()}
        name = (given.get("title") or given.get("text") or "")[:_MAX_NAME].strip()
        url = given.get("xmlurl", "")
        is_feed = bool(url) or given.get("type", "").lower() in ("rss", "atom")
        category = self._categories[-1]
        self._categories.append(category if is_feed else name or category)
        if is_feed:
            self._take(name, url, given, category)

    def end(self, tag: str) -> None:
        if tag.lower() == "outline" and len(self._categories) > 1:
            self._categories.pop()

    def _take(self, name: str, url: str, given: dict[str, str], category: str) -> None:
        if not url:
            self._skip(name, "it has no xmlUrl")
        elif not is_http(url):
            self._skip(name, f"'{url[:_MAX_SHOWN]}' is no http or https URL")
        elif url in self._urls:
            self._skip(name, f"'{url[:_MAX_SHOWN]}' is there already")
        elif len(self.feeds) >= MAX_FEEDS:
            self._skip(name, f"it is beyond the first {MAX_FEEDS:,} feeds")
        else:
            self._urls.add(url)
            source = name or urlsplit(url).hostname or url
            id_ = given.get("deskwatch:id", "")
            if not _ID.fullmatch(id_) or id_ in self._ids:
                id_ = fresh_id(source, url, self._ids)
            self._ids.add(id_)
            language = given.get("language", "")
            language = language if _LANGUAGE.fullmatch(language) else ""
            self.feeds.append(Feed(id=id_, url=url, source=source, category=category, language=language))

    def _skip(self, name: str, reason: str) -> None:
        if len(self.skipped) < _MAX_SKIPPED:
            self.skipped.append(f"'{name[:_MAX_SHOWN]}': {reason}")


def _read_xml(data: bytes, file: str) -> tuple[list[Feed], list[str]]:
    collector = _Collector()
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = collector.start, collector.end
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        problem = Problem(file, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1, f"not OPML: {error}")
        raise ConfigError([problem]) from error
    return collector.feeds, collector.skipped


def _read_loosely(data: bytes) -> tuple[list[Feed], list[str]]:
    """Return the feeds of a document that is no XML, as far as its outlines can be made out."""
    collector = _Collector()
    for attributes in scan_outlines(data.decode("utf-8", "replace")):
        if attributes is None:
            collector.end("outline")
        else:
            collector.start("outline", attributes)
    return collector.feeds, collector.skipped


def _outline(feed: Feed) -> str:
    attributes = {
        "type": "rss",
        "text": feed.source,
        "title": feed.source,
        "xmlUrl": feed.url,
        "language": feed.language,
        "deskwatch:id": feed.id,
    }
    written = " ".join(f"{name}={_attribute(value)}" for name, value in attributes.items() if value)
    return f"<outline {written}/>"


def _attribute(value: str) -> str:
    return quoteattr(_printable(value), {'"': "&quot;"})


def _printable(text: str) -> str:
    """Return the text without what XML cannot hold and a terminal should not get; spaces of all kinds become one."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def _refuse(*_: object) -> None:
    raise expat.ExpatError("entity declarations are not accepted")
