"""What the compacted topics hold of some shards: the latest record of each key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog

from deskwatch import codec, topics
from deskwatch.errors import CodecError
from deskwatch.feedrecords import Feed, FeedState, ShardState
from deskwatch.settings import Settings
from deskwatch.topics import Topic, shard_of
from producers.sending.scanning import scan
from producers.sharing import shard_key

ALL: Final = frozenset(range(topics.SHARDS))

log = structlog.get_logger()


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the topics hold of one shard."""

    feeds: Mapping[str, Feed]
    feeds_end: int  # the offset up to which `feeds` was read
    states: Mapping[str, FeedState] = {}
    ticked_at: datetime | None = None


def load_feeds(settings: Settings, shards: Collection[int] = ALL) -> dict[str, Feed]:
    """Return the feeds that the topic `feeds` has.

    Raises:
        PublishError: the broker or the topic is not there, or not as it should be.
    """
    latest, _ = _latest(settings, topics.FEEDS, shards, read_feed)
    return {feed.id: feed for found in latest.values() for feed in found.values() if isinstance(feed, Feed)}


def load_shards(settings: Settings, shards: Collection[int]) -> dict[int, Held]:
    """Return feeds and states of some shards, as they stand at this moment.

    Raises:
        PublishError: the broker or a topic is not there, or not as it should be.
    """
    feeds, ends = _latest(settings, topics.FEEDS, shards, read_feed)
    states, _ = _latest(settings, topics.FEED_STATE, shards, _read_state)
    held = {}
    for shard in shards:
        found = states[shard].values()
        ticked = [state for state in found if isinstance(state, ShardState)]
        held[shard] = Held(
            feeds={feed.id: feed for feed in feeds[shard].values() if isinstance(feed, Feed)},
            feeds_end=ends[shard],
            states={state.feed_id: state for state in found if isinstance(state, FeedState)},
            ticked_at=ticked[0].ticked_at if ticked else None,
        )
    return held


def read_feed(message: Any) -> Feed | None:
    """Return the feed that a message of the topic `feeds` holds; None if it holds none, or one of another shard."""
    record = _decode(message)
    if not isinstance(record, Feed):
        return None
    if message.key != record.id.encode() or shard_of(record.id) != message.partition:
        log.warning("feeds.misplaced", feed=record.id, partition=message.partition, offset=message.offset)
        return None
    return record


class _Latest:
    """Keeps the latest record of each key.

    A producer that was stopped may wake up and send a state behind its successor's: whoever goes on from that sends
    some articles twice, under the same ids, and none never.
    """

    def __init__(self, shards: Collection[int], read: Callable[[Any], Any]) -> None:
        self.records: dict[int, dict[bytes, Any]] = {shard: {} for shard in shards}
        self._read = read

    def look(self, message: Any) -> None:
        found = self.records[message.partition]
        if message.value is None:
            found.pop(message.key, None)
        elif (record := self._read(message)) is not None:
            found[message.key] = record


def _latest(
    settings: Settings, topic: Topic, shards: Collection[int], read: Callable[[Any], Any]
) -> tuple[dict[int, dict[bytes, Any]], dict[int, int]]:
    latest = _Latest(shards, read)
    ends = scan(
        settings, settings.topic(topic.name), {}, latest.look, partitions=sorted(shards), expected=topic.partitions
    )
    return latest.records, ends


def _read_state(message: Any) -> FeedState | ShardState | None:
    record = _decode(message)
    match record:
        case FeedState():
            fits = message.key == record.feed_id.encode() and shard_of(record.feed_id) == message.partition
        case ShardState():
            fits = message.key == shard_key(record.shard) and record.shard == message.partition
        case _:
            return None
    return record if fits else None


def _decode(message: Any) -> Any:
    try:
        return codec.decode(message.value, message.headers)
    except CodecError as error:
        log.warning(
            "sharing.undecodable",
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            reason=error.reason,
        )
        return None
