"""What is new in a document, given what is remembered of its feed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from deskwatch.records import DateQuality
from producers.identity.identifying import Identified, content_of, identify
from producers.identity.keys import article_id
from producers.reading.jobs import Item, Reading
from producers.reading.normalising import DropReason
from producers.state.memory import Memory, Seen

MAX_REVISIONS: Final = 50  # an item that says "3 minutes ago" changes with every poll
REPLAY_LEAST: Final = 3
REPLAY_SHARE: Final = 0.5
FLOOD_LEAST: Final = 10  # undated items that push out all known ones
FLOOD_TIMES: Final = 5.0  # the articles that the feed usually brings in the time since its last poll

_TRUSTED: Final = frozenset((DateQuality.EXPLICIT_TZ, DateQuality.NAMED_TZ, DateQuality.FEED_TZ))


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed was like before this document."""

    is_new: bool  # it has never been read: all it shows is backfill
    newest_at: datetime | None = None  # the latest trusted publication time that it has shown
    expected: float | None = None  # new articles since its last poll, by its usual rate
    by_url: bool = False  # its guids are not stable


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An item to publish: a new article (revision 0) or a revision."""

    article_id: str
    item: Item
    revision: int
    backfill: bool = False
    replay: bool = False


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a document changes."""

    changes: tuple[Change, ...]  # in the order of the document
    memory: Memory
    known: int  # items that were known before
    flips: int  # known items that came back under another guid
    dropped: Mapping[str, int]


def find_changes(feed_id: str, reading: Reading, memory: Memory, past: Past) -> Findings:
    """Return the articles and revisions in a document, and what to remember after it."""
    identified = identify(reading, memory, by_url=past.by_url)
    replayed = _find_replayed(identified, reading, memory, past)
    dropped: Counter[str] = Counter(identified.dropped)
    changes: list[Change] = []
    present: list[Seen] = list(identified.standing)
    for found in identified.found:
        known, item = found.known, found.item
        content = content_of(item)
        is_edited = known is not None and known.content not in (content, b"")  # forgotten texts count as unchanged
        revision = 0 if known is None else known.revision + is_edited
        backfill = past.is_new if known is None else known.old
        is_replay = known is None and found.key in replayed
        is_change = known is None or is_edited
        if revision > MAX_REVISIONS:
            dropped[DropReason.TOO_MANY_REVISIONS] += 1
            revision, is_change = MAX_REVISIONS, False
        present.append(
            Seen(
                key=found.key,
                url=bytes.fromhex(item.keys.url),
                content=content,
                revision=revision,
                old=backfill or is_replay,
                shared=found.shared,
                digest=item.digest,
            )
        )
        if is_change:
            id_ = article_id(feed_id, found.key)
            changes.append(Change(article_id=id_, item=item, revision=revision, backfill=backfill, replay=is_replay))
    return Findings(
        changes=tuple(changes),
        memory=memory.after(present),
        known=len(identified.standing) + sum(found.known is not None for found in identified.found),
        flips=identified.flips,
        dropped=dropped,
    )


def find_newest(items: Sequence[Item], before: datetime | None) -> datetime | None:
    """Return the latest trusted publication time of the items and of what came before them."""
    times = [item.published_at for item in items if is_dated(item) and item.published_at is not None]
    return max(times if before is None else [*times, before], default=None)


def is_dated(item: Item) -> bool:
    """Return whether the item's publication time can be trusted."""
    return item.published_at is not None and item.published_quality in _TRUSTED


def doubt(item: Item, *, since: datetime) -> Item:
    """Return the item, its date marked implausible if it lies before `since`: the feed would have shown it then."""
    if item.published_at is None or item.published_at >= since or item.published_quality is DateQuality.MISSING:
        return item
    return replace(item, published_quality=DateQuality.IMPLAUSIBLE)


def _find_replayed(identified: Identified, reading: Reading, memory: Memory, past: Past) -> frozenset[bytes]:
    """Return the unknown items that are the feed's past, if they are most of the document.

    Such a feed changed all its guids or lists its past again. One that stood still and now catches up has newer items.
    """
    if past.is_new:
        return frozenset()
    unknown = [found for found in identified.found if found.known is None]
    said = {seen.content for seen in memory}
    old = {found.key for found in unknown if content_of(found.item) in said or _is_old(found.item, past.newest_at)}
    count = len(identified.standing) + len(identified.found)
    if len(old) >= REPLAY_LEAST and len(old) > REPLAY_SHARE * count:
        return frozenset(old)
    # Nothing known is left, nothing is dated, and it is far more than the feed ever brings at once.
    flood = (
        past.expected is not None
        and len(unknown) == count > FLOOD_LEAST + FLOOD_TIMES * past.expected
        and reading.total <= 2 * memory.window
        and not any(is_dated(found.item) for found in unknown)
    )
    return frozenset(found.key for found in unknown) if flood else frozenset()


def _is_old(item: Item, newest_at: datetime | None) -> bool:
    return newest_at is not None and is_dated(item) and item.published_at is not None and item.published_at <= newest_at
