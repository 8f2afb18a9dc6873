"""JSON Feed documents to their items."""

from __future__ import annotations

import html
import re
from hashlib import blake2b
from typing import Final

import msgspec

from deskwatch.errors import ParseError
from producers.reading.entries import MAX_FIELD, MAX_LINE, few, resolve
from producers.reading.jobs import DIGEST_SIZE, Document, Job, RawItem
from producers.reading.splitting import cut_digests
from producers.reading.syndication import MAX_ITEMS

PARSER: Final = "jsonfeed"

_VERSION: Final = re.compile(r"jsonfeed\.org/version/|^1(?:\.\d)?$")
_SPACE: Final = b" \t\r\n,"
_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}]', re.DOTALL)  # an open string ends with the document


class _Feed(msgspec.Struct):
    """What makes an object a JSON Feed; all values may be of any type."""

    version: object = None
    items: list[msgspec.Raw] | None = None
    language: object = None


class _Cut(msgspec.Struct):
    version: object = None
    language: object = None


def read_json_feed(body: bytes, job: Job, *, faithful: bool) -> Document:
    """Return the items that are not known to `job`.

    A document that is cut off or broken yields the items before the break.

    Raises:
        ParseError: this is no JSON Feed.
    """
    bozo = not faithful
    try:
        feed = msgspec.json.decode(body, type=_Feed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        rescued = _read_until_broken(body)
        if rescued is None:
            raise ParseError(job.feed_id, f"JSON, but no JSON Feed: {error}") from error
        feed, bozo = rescued, True
    if feed.items is None or not _VERSION.search(str(feed.version)):
        raise ParseError(job.feed_id, "JSON, but no JSON Feed")
    known = cut_digests(job.known)
    items: list[RawItem] = []
    standing: list[bytes] = []
    unreadable = 0
    for raw in feed.items[:MAX_ITEMS]:
        digest = blake2b(raw, digest_size=DIGEST_SIZE).digest()
        if digest in known:
            standing.append(digest)
            continue
        item = _read_item(bytes(raw), job.url, digest)
        if item is None:
            unreadable += 1
        else:
            items.append(item)
    return Document(
        items=tuple(items),
        total=len(feed.items),
        standing=b"".join(standing),
        left_out=max(len(feed.items) - MAX_ITEMS, 0),
        unreadable=unreadable,
        language=_line(feed.language),
        bozo=bozo,
        parser=PARSER,
    )


def _read_item(raw: bytes, url: str, digest: bytes) -> RawItem | None:
    """Return an item; None if it is no object or nests too deeply."""
    try:
        item = msgspec.json.decode(raw, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    authors = item.get("authors")
    authors = authors if isinstance(authors, list) else [item.get("author")]
    tags = item.get("tags")
    plain = html.escape(_text(item.get("content_text")), quote=False)
    return RawItem(
        guid=_line(item.get("id")),
        link=resolve(url, _line(item.get("url")) or _line(item.get("external_url"))),
        title=html.escape(_line(item.get("title")), quote=False),
        summary=html.escape(_text(item.get("summary")), quote=False),
        content=_text(item.get("content_html")) or plain,
        published=_line(item.get("date_published")),
        updated=_line(item.get("date_modified")),
        language=_line(item.get("language")),
        authors=few(_line(author.get("name")) for author in authors if isinstance(author, dict)),
        categories=few(map(_line, tags)) if isinstance(tags, list) else (),
        digest=digest,
    )


def _read_until_broken(body: bytes) -> _Feed | None:
    """Return the feed with the items that come before the place where it breaks; None if it breaks earlier."""
    start = body.find(b'"items"')
    begin = body.find(b"[", start) if start >= 0 else -1
    if begin < 0:
        return None
    try:
        head = msgspec.json.decode(body[:start].rstrip(_SPACE) + b"}", type=_Cut)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    items: list[msgspec.Raw] = []
    at = begin + 1
    while len(items) < MAX_ITEMS:
        end = _find_end(body, at)
        if end is None:
            break
        items.append(msgspec.Raw(body[at:end].lstrip(_SPACE)))
        at = end
    return _Feed(version=head.version, items=items, language=head.language)


def _find_end(body: bytes, at: int) -> int | None:
    """Return the end of the object that begins at or behind `at`; None if it has none."""
    at += len(body[at : at + 1_000]) - len(body[at : at + 1_000].lstrip(_SPACE))
    if body[at : at + 1] != b"{":
        return None
    depth = 0
    for token in _TOKENS.finditer(body, at):
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if not depth:
                return token.end()
    return None


def _text(value: object) -> str:
    """Return a string's or a number's text; other values have none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value[:MAX_FIELD] if isinstance(value, str) else ""


def _line(value: object) -> str:
    return _text(value)[:MAX_LINE]
