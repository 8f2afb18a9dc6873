"""Raw items to items of plain text with read dates and keys: all that can be known without the feed's past."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from deskwatch.records import Article, DateQuality
from producers.feeds.config import Feed, is_http
from producers.identity.keys import Keys, content_hash, keys_of
from producers.reading.dates import MAX_LENGTH, read_date
from producers.reading.syndication import PARSER, Document, RawItem
from producers.reading.text import clean, to_text

MAX_TITLE: Final = 512
MAX_SUMMARY: Final = 4_000
MAX_TEXT: Final = 50_000
MAX_GUID: Final = 1_024
MAX_NAME: Final = 128

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")


class DropReason(StrEnum):
    """Why an item became no article; also a metric label and a key of `Poll.dropped`."""

    EMPTY = "empty"
    DUPLICATE = "duplicate"
    TOO_MANY = "too_many"
    TOO_MANY_REVISIONS = "too_many_revisions"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A readable item and its keys."""

    keys: Keys
    content_hash: str
    guid: str | None
    url: str
    title: str
    summary: str
    text: str | None
    language: str
    language_source: str
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    published_at: datetime | None
    published_raw: str
    published_quality: DateQuality
    updated_at: datetime | None
    bozo: bool


def normalise(document: Document, feed: Feed, now: datetime) -> tuple[list[Item], Mapping[DropReason, int]]:
    """Return a document's items in its order, and how many were dropped for which reason."""
    items: list[Item] = []
    dropped: Counter[DropReason] = Counter()
    if document.left_out:
        dropped[DropReason.TOO_MANY] = document.left_out
    for raw in document.items:
        item = _normalise_item(raw, document, feed, now)
        if item is None:
            dropped[DropReason.EMPTY] += 1
        else:
            items.append(item)
    return items, dropped


def build_article(
    item: Item,
    feed: Feed,
    *,
    article_id: str,
    revision: int,
    first_seen_at: datetime,
    fetched_at: datetime,
    backfill: bool = False,
    replay: bool = False,
    poll_lag_s: float | None = None,
) -> Article:
    """Return the article that an item is; see `records.Article` for the fields."""
    return Article(
        article_id=article_id,
        feed_id=feed.id,
        source=feed.source,
        url=item.url,
        title=item.title,
        first_seen_at=first_seen_at,
        fetched_at=fetched_at,
        revision=revision,
        content_hash=item.content_hash,
        feed_url=feed.url,
        guid=item.guid,
        summary=item.summary,
        text=item.text,
        language=item.language,
        language_source=item.language_source,
        authors=item.authors,
        categories=item.categories,
        published_at=item.published_at,
        published_raw=item.published_raw,
        published_quality=item.published_quality,
        updated_at=item.updated_at,
        backfill=backfill,
        replay=replay,
        parser=PARSER,
        bozo=item.bozo,
        poll_lag_s=poll_lag_s,
    )


def _normalise_item(raw: RawItem, document: Document, feed: Feed, now: datetime) -> Item | None:
    title = to_text(raw.title, MAX_TITLE)
    described = to_text(raw.summary, MAX_TEXT)
    content = to_text(raw.content, MAX_TEXT) if raw.content != raw.summary else described
    summary = clean(described or content, MAX_SUMMARY)
    if not title and not summary:
        return None
    longest = max(described, content, key=len)
    zone = feed.zone()
    published_raw = clean(raw.published or raw.updated, MAX_LENGTH)
    published_at, quality = read_date(published_raw, zone=zone, now=now)
    url = raw.link if is_http(raw.link) else ""
    language, source = _choose_language(feed, raw, document)
    day = published_at.date().isoformat() if published_at else ""
    return Item(
        keys=keys_of(feed.id, guid=raw.guid, url=url, title=title or summary, day=day),
        content_hash=content_hash(title, summary),
        guid=clean(raw.guid, MAX_GUID) or None,
        url=url,
        title=title,
        summary=summary,
        text=longest if len(longest) > len(summary) else None,
        language=language,
        language_source=source,
        authors=_names(raw.authors),
        categories=_names(raw.categories),
        published_at=published_at,
        published_raw=published_raw,
        published_quality=quality,
        updated_at=read_date(raw.updated, zone=zone, now=now)[0],
        bozo=document.bozo,
    )


def _choose_language(feed: Feed, raw: RawItem, document: Document) -> tuple[str, str]:
    """Return a language tag and who says so: the config, the item or the feed, in this order."""
    for tag, source in ((feed.language, "config"), (raw.language, "entry"), (document.language, "feed")):
        match = _LANGUAGE.fullmatch(tag.strip())
        if match:
            return match[0].replace("_", "-"), source
    return "und", ""


def _names(raw: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in (to_text(text, MAX_NAME) for text in raw) if name)
