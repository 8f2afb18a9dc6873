from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from deskwatch import topics
from deskwatch.broker import MockBroker
from deskwatch.clock import SteppedClock
from deskwatch.errors import PublishError
from deskwatch.records import Article, Poll, PollResult
from deskwatch.settings import Settings
from deskwatch.telemetry import Health
from deskwatch.topics import shard_of
from producers.feeds.config import Feed
from producers.identity.keys import Seen
from producers.metrics import Metrics
from producers.sending.dispatching import MAX_POLLS, Dispatcher
from producers.sending.publishing import Outgoing, Placed, Publisher
from producers.sending.ticking import HealthBook
from producers.state.feedstate import FeedState
from producers.state.store import Store

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
FEED = Feed(id="post", url="https://post.example/rss", source="P")


class Crash(Exception):
    """The process dies here."""


class CrashingPublisher(Publisher):
    """A real publisher; after a successful batch the process dies, before anything is written down."""

    async def publish(self, records: Sequence[Outgoing]) -> list[Placed]:
        await super().publish(records)
        raise Crash


class FailingPublisher(Publisher):
    """Reaches the broker, but no record arrives."""

    failing = True

    async def publish(self, records: Sequence[Outgoing]) -> list[Placed]:
        if self.failing:
            raise PublishError(records[0].topic, "no answer")
        return await super().publish(records)


class Desk:
    """One producer process's dispatcher, over a store that outlives it."""

    def __init__(self, settings: Settings, kind: type[Publisher] = Publisher, timeout_s: float = 10) -> None:
        self.store = Store(Path(settings.state_dir))
        self.registry = CollectorRegistry()
        self.clock = SteppedClock(NOW)
        self.book = HealthBook([FEED], self.store.feeds(), NOW)
        self.health = Health()
        self.publisher = kind(settings, timeout_s=timeout_s)
        self.dispatcher = Dispatcher(
            settings, self.store, self.publisher, self.book, self.clock, Metrics(self.registry), self.health
        )

    async def __aenter__(self) -> Desk:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.publisher.close()
        self.store.close()

    def see(self, *ids: str, at: datetime = NOW, revision: int = 0) -> None:
        articles = [
            Article(
                article_id=id_, guid=id_, feed_id="post", source="P", url="", title=id_, revision=revision,
                first_seen_at=at, fetched_at=at,
            )
            for id_ in ids
        ]  # fmt: skip
        seen = Seen(content_hash="h", revision=revision, url_key="u")
        self.store.record(FeedState(feed_id="post", url=FEED.url), [(article, seen) for article in articles])

    async def drain(self) -> None:
        while await self.dispatcher.send_batch():
            pass


def poll_record(n: int) -> Poll:
    return Poll(feed_id="post", shard=shard_of("post"), at=NOW, result=PollResult.NEW, took_s=n)


def test_articles_and_poll_records_arrive_and_leave_the_outbox(settings: Settings, read_articles: Any) -> None:
    async def run() -> None:
        async with Desk(settings) as desk:
            desk.see("a", "b")
            desk.see("a", revision=1)
            desk.dispatcher.add_poll(poll_record(1))
            await desk.drain()
            assert desk.store.waiting == 0
            assert desk.dispatcher.acknowledged == 3
            assert desk.health.missing() == []
            assert desk.registry.get_sample_value("deskwatch_articles_published_total", {"kind": "revision"}) == 1

    asyncio.run(run())
    assert read_articles().counts == {("a", 0): 1, ("b", 0): 1, ("a", 1): 1}
    assert len({p for p, records in read_articles().partitions.items() for r in records if r.article_id == "a"}) == 1


def test_a_batch_acknowledged_by_the_broker_but_not_written_down_is_not_sent_again(
    settings: Settings, read_articles: Any
) -> None:
    async def die() -> None:
        async with Desk(settings) as desk:
            desk.see("earlier")
            await desk.drain()
        async with Desk(settings, CrashingPublisher) as desk:
            desk.see("a", "b", "c")
            with pytest.raises(Crash):
                await desk.drain()
            assert desk.store.waiting == 3

    async def restart() -> None:
        async with Desk(settings) as desk:
            desk.see("d")
            await desk.dispatcher.get_ready()
            assert set(desk.store.outbox_ids()) == {("d", 0)}
            await desk.drain()

    asyncio.run(die())
    asyncio.run(restart())
    assert read_articles().counts == {("earlier", 0): 1, ("a", 0): 1, ("b", 0): 1, ("c", 0): 1, ("d", 0): 1}


def test_no_tick_passes_what_waits_in_the_outbox(settings: Settings, read_articles: Any) -> None:
    async def run() -> None:
        async with Desk(settings) as desk:
            desk.see("a", at=NOW)
            await desk.clock.sleep_until(NOW + timedelta(minutes=1))
            await desk.dispatcher.send_ticks()
            await desk.drain()
            await desk.dispatcher.send_ticks()

    asyncio.run(run())
    log = read_articles()
    waited = shard_of("post")
    for partition in range(4):
        for shard in range(topics.SHARDS):
            first, second = log.ticks(partition, shard)
            assert first.at == (NOW if shard == waited else NOW + timedelta(minutes=1))
            assert second.at == NOW + timedelta(minutes=1)
            assert [health.feed_id for health in first.health] == (["post"] if shard == waited else [])
            assert second.health == ()


def test_ticks_do_not_step_back_over_a_restart(settings: Settings, read_articles: Any) -> None:
    async def run(at: datetime) -> None:
        async with Desk(settings) as desk:
            await desk.clock.sleep_until(at)
            await desk.dispatcher.send_ticks()

    asyncio.run(run(NOW + timedelta(hours=1)))
    asyncio.run(run(NOW))
    assert [tick.at for tick in read_articles().ticks(0, 0)] == [NOW + timedelta(hours=1)] * 2


def test_while_the_broker_is_away_nothing_is_lost_and_it_is_noticed(settings: Settings, read_articles: Any) -> None:
    async def run() -> None:
        async with Desk(settings, FailingPublisher) as desk:
            desk.see("a")
            desk.dispatcher.add_poll(poll_record(1))
            for attempt in (desk.dispatcher.send_batch, desk.dispatcher.send_ticks):
                with pytest.raises(PublishError):
                    await attempt()
            assert desk.store.waiting == 1
            assert desk.health.missing() == ["broker"]
            assert desk.book.untold(shard_of("post")) != ()
            assert desk.registry.get_sample_value("deskwatch_publish_errors_total") == 2
            FailingPublisher.failing = False
            try:
                assert await desk.dispatcher.send_batch() == 2
            finally:
                FailingPublisher.failing = True
            assert desk.health.missing() == []

    asyncio.run(run())
    assert read_articles().counts == {("a", 0): 1}


def test_a_broker_that_came_back_empty_gets_what_waits(settings: Settings) -> None:
    async def lose() -> None:
        async with Desk(settings) as desk:
            desk.see(*(f"early-{n}" for n in range(30)))
            await desk.drain()
            desk.see("a")

    async def find(broker: MockBroker) -> int:
        async with Desk(replace(settings, kafka_bootstrap=broker.bootstrap)) as desk:
            await desk.drain()
            return desk.dispatcher.acknowledged

    asyncio.run(lose())
    with MockBroker({settings.topic("articles"): 3, settings.topic("feed-polls"): 1}) as fresh:
        assert asyncio.run(find(fresh)) == 1


def test_poll_records_are_bounded_while_nobody_takes_them(settings: Settings) -> None:
    async def run() -> None:
        async with Desk(settings) as desk:
            for n in range(MAX_POLLS + 2):
                desk.dispatcher.add_poll(poll_record(n))
            assert desk.registry.get_sample_value("deskwatch_feed_poll_records_lost_total") == 2

    asyncio.run(run())
