"""What is new in a document, given what is remembered of its feed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from deskwatch.records import DateQuality
from producers.identity.keys import Seen, identify
from producers.reading.normalising import DropReason, Item

MAX_REVISIONS: Final = 50  # an item that says "3 minutes ago" changes with every poll
REPLAY_LEAST: Final = 10
REPLAY_SHARE: Final = 0.5

_TRUSTED: Final = frozenset((DateQuality.EXPLICIT_TZ, DateQuality.NAMED_TZ, DateQuality.FEED_TZ))


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An item to publish: a new article (revision 0) or a revision, with its place in the feed's memory."""

    article_id: str
    item: Item
    seen: Seen
    backfill: bool = False
    replay: bool = False


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a document changes, and what is in it."""

    changes: tuple[Change, ...]
    present: frozenset[str]  # ids of all articles in the document
    shared: frozenset[str]  # ids to remember as having a guid that others share
    dropped: Mapping[DropReason, int]


def find_changes(
    items: Sequence[Item], seen: Mapping[str, Seen], *, last_success: datetime | None, newest_at: datetime | None = None
) -> Findings:
    """Return the articles and revisions in a document.

    Args:
        items: Of the document, in its order.
        seen: What is remembered, at least for all ids that `items` can have.
        last_success: When the feed was last read; None for a new feed, all of whose items are backfill.
        newest_at: The latest trusted publication time that the feed has shown before.
    """
    identified = identify([item.keys for item in items], seen)
    named = [(id_, item) for id_, item in zip(identified.ids, items, strict=True) if id_ is not None]
    dropped: Counter[DropReason] = Counter()
    if len(named) < len(items):
        dropped[DropReason.DUPLICATE] = len(items) - len(named)
    replayed = _find_replayed(named, seen, newest_at)
    changes: list[Change] = []
    for id_, item in named:
        known = seen.get(id_)
        if known is not None and known.content_hash == item.content_hash:
            continue
        revision = 0 if known is None else known.revision + 1
        if revision > MAX_REVISIONS:
            dropped[DropReason.TOO_MANY_REVISIONS] += 1
            continue
        backfill = last_success is None if known is None else known.old
        remembered = Seen(
            content_hash=item.content_hash,
            revision=revision,
            url_key=item.keys.url,
            old=backfill or id_ in replayed,
            shared=id_ in identified.shared,
        )
        changes.append(Change(article_id=id_, item=item, seen=remembered, backfill=backfill, replay=id_ in replayed))
    return Findings(
        changes=tuple(changes),
        present=frozenset(id_ for id_, _ in named),
        shared=frozenset(id_ for id_ in identified.shared if id_ in seen and not seen[id_].shared),
        dropped=dropped,
    )


def find_newest(items: Sequence[Item], before: datetime | None) -> datetime | None:
    """Return the latest trusted publication time of the items and of what came before them."""
    times = [
        item.published_at for item in items if item.published_quality in _TRUSTED and item.published_at is not None
    ]
    return max(times if before is None else [*times, before], default=None)


def _find_replayed(
    named: Sequence[tuple[str, Item]], seen: Mapping[str, Seen], newest_at: datetime | None
) -> frozenset[str]:
    """Return the unknown items older than what the feed has shown before, if they are most of the document.

    Such a feed changed all its guids or lists its past again. One that stood still and now catches up has newer items.
    """
    if newest_at is None:
        return frozenset()
    old = [
        id_
        for id_, item in named
        if id_ not in seen
        and item.published_at is not None
        and item.published_quality in _TRUSTED
        and item.published_at <= newest_at
    ]
    return frozenset(old) if len(old) >= REPLAY_LEAST and len(old) > REPLAY_SHARE * len(named) else frozenset()
