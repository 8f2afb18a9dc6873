"""Raw items to items of plain text with read dates and keys: all that can be known without the feed's past."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deskwatch.feedrecords import Feed
from deskwatch.records import Article, DateQuality
from producers.feeds.entries import is_http
from producers.identity.keys import content_hash, keys_of
from producers.reading.dates import MAX_LENGTH, Dated, read_date
from producers.reading.jobs import Document, Item, Job, RawItem, Reading
from producers.reading.languages import detect
from producers.reading.text import clean, to_text

MAX_TITLE: Final = 512
MAX_SUMMARY: Final = 4_000
MAX_TEXT: Final = 50_000
MAX_GUID: Final = 1_024
MAX_NAME: Final = 128
MAX_NAMES: Final = 20

_LINE_BREAK: Final = re.compile(r"[\t\r\n]")


class DropReason(StrEnum):
    """Why an item became no article; also a metric label and a key of `Poll.dropped`."""

    EMPTY = "empty"
    DUPLICATE = "duplicate"
    TOO_MANY = "too_many"
    TOO_MANY_REVISIONS = "too_many_revisions"
    UNREADABLE = "unreadable"


def normalise(document: Document, job: Job) -> Reading:
    """Return a document's items in its order, what it says of itself, and how many items were dropped for which reason.

    Args:
        document: As it was parsed.
        job: What it was parsed for: the feed's language and zone, and whether its guids can be trusted.
    """
    zone = _find_zone(job.timezone)
    items = [_normalise_item(raw, document, job, zone) for raw in document.items]
    dropped = Counter({DropReason.TOO_MANY: document.left_out, DropReason.UNREADABLE: document.unreadable})
    dropped[DropReason.EMPTY] = items.count(None)
    return Reading(
        items=tuple(item for item in items if item is not None),
        total=document.total,
        standing=document.standing,
        dropped={reason.value: number for reason, number in dropped.items() if number},
        bozo=document.bozo,
        parser=document.parser,
        hints=document.hints,
        difference=document.difference,
    )


def build_article(
    item: Item,
    feed: Feed,
    *,
    article_id: str,
    revision: int,
    first_seen_at: datetime,
    fetched_at: datetime,
    parser: str,
    bozo: bool,
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
        parser=parser,
        bozo=bozo,
        poll_lag_s=poll_lag_s,
    )


def _normalise_item(raw: RawItem, document: Document, job: Job, zone: tzinfo | None) -> Item | None:
    title = to_text(raw.title, MAX_TITLE)
    described = to_text(raw.summary, MAX_TEXT)
    content = to_text(raw.content, MAX_TEXT) if raw.content != raw.summary else described
    summary = clean(described or content, MAX_SUMMARY)
    (published_at, quality), published_raw, updated_at = _read_dates(raw, document, job, zone)
    url = _find_url(raw)
    if not (title or summary or url or raw.guid.strip() or published_raw):
        return None
    longest = max(described, content, key=len)
    language, source = detect(title, summary, prior=job.language, entry=raw.language, declared=document.language)
    return Item(
        keys=keys_of(
            job.feed_id,
            guid="" if url and job.identity == "url" else raw.guid,
            url=url,
            title=title or summary,
            day=published_at.date().isoformat() if published_at else "",
        ),
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
        updated_at=updated_at,
        digest=raw.digest,
    )


def _read_dates(raw: RawItem, document: Document, job: Job, zone: tzinfo | None) -> tuple[Dated, str, datetime | None]:
    """Return the publication time, the text it was read from, and the time of the last change if it can be trusted.

    An item that does not say when it was published, or not so that it can be read, was published when it was updated.
    """
    language = job.language or raw.language or document.language
    published = read_date(raw.published, zone=zone, now=job.now, language=language)
    updated = read_date(raw.updated, zone=zone, now=job.now, language=language)
    changed = None if updated[1] is DateQuality.IMPLAUSIBLE else updated[0]
    if published[0] is None and updated[0] is not None:
        return updated, clean(raw.updated, MAX_LENGTH), changed
    return published, clean(raw.published or raw.updated, MAX_LENGTH), changed


def _find_url(raw: RawItem) -> str:
    """Return the item's http link; a guid that is one stands in for it."""
    for link in (raw.link, raw.guid):
        url = _LINE_BREAK.sub("", link[: 4 * MAX_TEXT]).strip().replace(" ", "%20")
        if is_http(url):
            return url
    return ""


def _find_zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name that is a directory of the database
        return None


def _names(raw: tuple[str, ...]) -> tuple[str, ...]:
    names = (to_text(text, MAX_NAME) for text in raw[:MAX_NAMES])
    return tuple(dict.fromkeys(name for name in names if name))
