from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from deskwatch import codec, topics
from deskwatch.broker import MockBroker
from deskwatch.feedrecords import Feed, FeedState, ShardState
from deskwatch.records import Record
from deskwatch.settings import Settings
from deskwatch.topics import SHARDS, shard_of
from producers.sending.publishing import Outgoing, Publisher
from producers.sharing import shard_key
from producers.sharing.loading import load_feeds, load_shards

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
POST = Feed(id="post", url="https://post.example/rss", source="P")
SHARD = shard_of("post")
OTHER = Feed(id=next(f"f{n}" for n in range(99) if shard_of(f"f{n}") != SHARD), url="https://o.example/", source="O")


@pytest.fixture(scope="module")
def eight() -> Iterator[MockBroker]:
    """Yield a broker whose topics have a partition for each shard."""
    prefix = uuid.uuid4().hex
    names = (topics.FEEDS.name, topics.FEED_STATE.name)
    with MockBroker({f"{prefix}.{name}": SHARDS for name in names}) as broker:
        broker.prefix = f"{prefix}."  # type: ignore[attr-defined]  # the tests' own note
        yield broker


@pytest.fixture
def shared(eight: MockBroker) -> Settings:
    return Settings(kafka_bootstrap=eight.bootstrap, kafka_prefix=eight.prefix, kafka_embedded=True)  # type: ignore[attr-defined]


def send(settings: Settings, topic: str, *records: tuple[bytes, Record | bytes | None, int]) -> None:
    async def run() -> None:
        publisher = Publisher(settings, timeout_s=10)
        try:
            await publisher.publish(
                [
                    Outgoing(
                        topic=settings.topic(topic),
                        key=key,
                        value=codec.encode(record) if isinstance(record, Record) else record,
                        headers=codec.headers_of(record) if isinstance(record, Record) else [],
                        partition=partition,
                    )
                    for key, record, partition in records
                ]
            )
        finally:
            await publisher.close()

    asyncio.run(run())


def test_a_shard_is_loaded_as_the_latest_records_of_its_keys_say(shared: Settings) -> None:
    renamed = Feed(id="post", url=POST.url, source="Q")
    gone = next(f"g{n}" for n in range(99) if shard_of(f"g{n}") == SHARD)
    send(
        shared,
        "feeds",
        (b"post", POST, SHARD),
        (gone.encode(), Feed(id=gone, url="u", source="s"), SHARD),
        (OTHER.id.encode(), OTHER, shard_of(OTHER.id)),
        (b"x", b"no record", SHARD),
        (b"post", renamed, SHARD),
        (gone.encode(), None, SHARD),
        (OTHER.id.encode(), OTHER, SHARD),  # where it does not belong
    )
    state = FeedState(feed_id="post", seen=b"\0\1", writer="w", serial=3)
    send(
        shared,
        "feed-state",
        (b"post", FeedState(feed_id="post", serial=2), SHARD),
        (shard_key(SHARD), ShardState(shard=SHARD, ticked_at=NOW), SHARD),
        (b"post", state, SHARD),
        (shard_key(SHARD), ShardState(shard=SHARD, ticked_at=NOW + timedelta(seconds=2)), SHARD),
        (shard_key(SHARD), ShardState(shard=(SHARD + 1) % SHARDS, ticked_at=NOW), SHARD),
        (b"x", b"{", SHARD),
    )
    held = load_shards(shared, {SHARD})
    assert held.keys() == {SHARD}
    assert dict(held[SHARD].feeds) == {"post": renamed}
    assert dict(held[SHARD].states) == {"post": state}
    assert held[SHARD].ticked_at == NOW + timedelta(seconds=2)
    assert held[SHARD].feeds_end == 6
    assert load_feeds(shared) == {"post": renamed, OTHER.id: OTHER}
