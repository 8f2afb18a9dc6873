"""The configured feeds as records of the topic `feeds`: what has to be sent so that it holds them and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from deskwatch import codec, topics
from deskwatch.feedrecords import Feed
from deskwatch.settings import Settings
from deskwatch.topics import shard_of
from producers.sending.publishing import Outgoing


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a new configuration changes, each in the order of their ids."""

    added: tuple[Feed, ...]
    changed: tuple[Feed, ...]
    removed: tuple[str, ...]  # ids

    def __len__(self) -> int:
        """Return how many feeds are touched."""
        return len(self.added) + len(self.changed) + len(self.removed)


def compare(configured: Iterable[Feed], held: Mapping[str, Feed]) -> Changes:
    """Return what makes `held` the configured feeds."""
    wanted = {feed.id: feed for feed in sorted(configured, key=lambda feed: feed.id)}
    return Changes(
        added=tuple(feed for id_, feed in wanted.items() if id_ not in held),
        changed=tuple(feed for id_, feed in wanted.items() if id_ in held and held[id_] != feed),
        removed=tuple(sorted(held.keys() - wanted.keys())),
    )


def to_records(changes: Changes, settings: Settings) -> Iterator[Outgoing]:
    """Yield the records to send: a feed that is gone becomes a record without a value, which compaction drops."""
    topic = settings.topic(topics.FEEDS.name)
    for feed in (*changes.added, *changes.changed):
        yield Outgoing(
            topic=topic,
            value=codec.encode(feed),
            headers=codec.headers_of(feed),
            key=feed.id.encode(),
            partition=shard_of(feed.id),
        )
    for feed_id in changes.removed:
        yield Outgoing(topic=topic, value=None, headers=[], key=feed_id.encode(), partition=shard_of(feed_id))
