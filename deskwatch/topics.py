"""The topics as data: name, key, partitions, retention, compaction."""

from __future__ import annotations

from typing import Final

import msgspec
from kafka.partitioner import murmur2

_DAY_S: Final = 86_400


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One Kafka topic.

    `retention_s` is None where compaction decides instead; with `scales` any number of partitions works. With `stamped`
    the broker's clock stamps the records, which is how a producer learns how far its own is off.
    """

    name: str
    key: str
    holds: str
    partitions: int
    retention_s: int | None = None
    compacted: bool = False
    scales: bool = False
    stamped: bool = False
    segment_bytes: int | None = None  # None: the broker's default

    def fits(self, partitions: int) -> bool:
        """Return whether the services work with so many partitions."""
        return partitions > 0 if self.scales else partitions == self.partitions

    def retention(self) -> str:
        """Return how long records are kept, for people."""
        return "compacted" if self.retention_s is None else f"{self.retention_s // _DAY_S} days"

    def configs(self) -> dict[str, str]:
        """Return the topic's settings in Kafka's own names."""
        configs = {"message.timestamp.type": "LogAppendTime" if self.stamped else "CreateTime"}
        if self.segment_bytes is not None:
            configs["segment.bytes"] = str(self.segment_bytes)
        if self.compacted:
            return configs | {"cleanup.policy": "compact"}
        assert self.retention_s is not None  # noqa: S101  # a topic is compacted or kept for a time
        return configs | {"cleanup.policy": "delete", "retention.ms": str(self.retention_s * 1000)}


SHARDS: Final = 8
ARTICLE_PARTITIONS: Final = 8

FEEDS = Topic(name="feeds", key="feed id", holds="one feed's configuration", partitions=SHARDS, compacted=True)
FEED_STATE = Topic(
    name="feed-state",
    key="feed id",
    holds="validators, next poll, seen ids",
    partitions=SHARDS,
    compacted=True,
    stamped=True,
    # The newest segment is never compacted, and who takes a shard over reads all of it: the default of 1 GB would be
    # half a day of states, and minutes to read.
    segment_bytes=16 * 1024 * 1024,
)
FEED_POLLS = Topic(
    name="feed-polls",
    key="feed id",
    holds="outcome of one poll",
    partitions=SHARDS,
    retention_s=30 * _DAY_S,
    stamped=True,
)
ARTICLES = Topic(
    name="articles",
    key="article id",
    holds="an article or a revision of it; ticks and excuses",
    partitions=ARTICLE_PARTITIONS,
    retention_s=90 * _DAY_S,
    scales=True,
)
DESK_LOG = Topic(
    name="articles.classified",
    key="-",
    holds="the desk log: articles with their themes; ticks, excuses, coverage",
    partitions=1,
    retention_s=90 * _DAY_S,
)
DETECTOR_STATE = Topic(
    name="detector-state", key="state key", holds="the detector's state", partitions=1, compacted=True
)
BUCKETS = Topic(
    name="buckets",
    key="theme",
    holds="observed and expected of one theme in one window",
    partitions=1,
    retention_s=400 * _DAY_S,
)
SPIKES = Topic(name="spikes", key="theme", holds="one revision of one episode", partitions=1, retention_s=400 * _DAY_S)
DELIVERIES = Topic(
    name="deliveries",
    key="delivery key",
    holds="state of one alert to one target",
    partitions=8,
    compacted=True,
    scales=True,
)
ACTIONS = Topic(name="actions", key="action id", holds="an officer's action", partitions=1, compacted=True)
DEAD_LETTERS = Topic(
    name="dead-letters",
    key="source topic",
    holds="bytes that could not be processed",
    partitions=1,
    retention_s=30 * _DAY_S,
)

TOPICS: Final = (
    FEEDS,
    FEED_STATE,
    FEED_POLLS,
    ARTICLES,
    DESK_LOG,
    DETECTOR_STATE,
    BUCKETS,
    SPIKES,
    DELIVERIES,
    ACTIONS,
    DEAD_LETTERS,
)

# Consumer groups are part of the contract too: whoever feeds the embedded broker paces itself on them.
PRODUCE_GROUP: Final = "produce"
CLASSIFY_GROUP: Final = "classify"
DETECT_GROUP: Final = "detect"
ALERT_GROUP: Final = "alert"


def shard_of(feed_id: str) -> int:
    """Return the shard of a feed: the partition that Kafka's default partitioner gives its key."""
    return int(murmur2(feed_id.encode()) & 0x7FFFFFFF) % SHARDS
