from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from deskwatch import codec, topics
from deskwatch.broker import MockBroker
from deskwatch.clock import SteppedClock
from deskwatch.errors import ClockError, PublishError
from deskwatch.feedrecords import Feed, FeedState, ShardState
from deskwatch.records import Article, Poll, PollResult, Tick
from deskwatch.settings import Settings
from deskwatch.telemetry import Health
from deskwatch.topics import shard_of
from producers.metrics import Metrics
from producers.sending.dispatching import MAX_POLLS, Dispatcher
from producers.sending.publishing import Outgoing, Placed, Publisher
from producers.sending.ticking import HealthBook
from producers.sharing import Ownership, shard_key
from producers.sharing.owning import SoleOwner
from producers.state.memory import Memory
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

    def __init__(
        self,
        settings: Settings,
        kind: Callable[..., Publisher] = Publisher,
        timeout_s: float = 10,
        ownership: Ownership | None = None,
    ) -> None:
        ownership = ownership or SoleOwner()
        self.store = Store(Path(settings.state_dir), shared=ownership.shared)
        self.registry = CollectorRegistry()
        self.clock = SteppedClock(NOW)
        self.book = HealthBook([FEED], self.store.states(), NOW)
        self.health = Health()
        self.publisher = kind(settings, timeout_s=timeout_s)
        self.dispatcher = Dispatcher(
            settings, self.store, self.publisher, self.book, self.clock, Metrics(self.registry), self.health, ownership
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
        self.store.record(FeedState(feed_id="post", url=FEED.url), Memory() if articles else None, articles)

    async def drain(self, *, quiet: bool = False) -> None:
        while await self.dispatcher.send_batch(quiet=quiet):
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


class AwayPublisher(Publisher):
    """Finds no broker."""

    async def count_partitions(self, topic: str) -> int:
        raise PublishError(topic, "nobody there")


def test_what_waits_is_shown_while_there_is_no_broker(settings: Settings) -> None:
    async def run() -> None:
        async with Desk(settings, AwayPublisher) as desk:
            for waiting in (1, 2):
                desk.see(f"article-{waiting}")
                with pytest.raises(PublishError):
                    await desk.dispatcher.send_batch()
                assert desk.registry.get_sample_value("deskwatch_outbox_articles") == waiting

    asyncio.run(run())


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


class Shared:
    """An ownership among others, as the test says."""

    shared = True

    def __init__(self, *shards: int) -> None:
        self.ours: Collection[int] = shards

    def shards(self) -> Collection[int]:
        return self.ours


class Recording(Publisher):
    """A broker that takes everything; `sent` has the batches in their order."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.skew_s = 0.0
        self.sent: list[list[Outgoing]] = []
        self.fails_from = 10**9
        self.after: Callable[[], None] = lambda: None

    async def connect(self) -> None:
        """Find it."""

    async def close(self) -> None:
        """Let it go."""

    async def count_partitions(self, topic: str) -> int:
        return 4

    async def publish(self, records: Sequence[Outgoing]) -> list[Placed]:
        if len(self.sent) >= self.fails_from:
            raise PublishError(records[0].topic, "no answer")
        self.sent.append(list(records))
        self.after()
        return [Placed(0, 0) for _ in records]

    def topics(self) -> list[set[str]]:
        return [{record.topic.rpartition(".")[2] for record in batch} for batch in self.sent]

    def decoded(self) -> list[Any]:
        return [codec.decode(record.value, record.headers) for batch in self.sent for record in batch]


class SharingDesk(Desk):
    """A desk that has taken over the shard of the feed, and whose broker is a list."""

    def __init__(self, settings: Settings) -> None:
        self.ours = Shared(shard_of("post"))
        super().__init__(settings, Recording, ownership=self.ours)
        assert isinstance(self.publisher, Recording)
        self.broker = self.publisher
        self.dispatcher._partitions = 4  # in step
        self.store.take_shard(shard_of("post"), (), None)


def share(settings: Settings, scenario: Callable[[SharingDesk], Any]) -> None:
    async def run() -> None:
        desk = SharingDesk(settings)
        async with desk:
            await scenario(desk)

    asyncio.run(run())


def test_a_state_is_told_only_when_its_articles_are_acknowledged(settings: Settings) -> None:
    async def scenario(desk: SharingDesk) -> None:
        desk.see("a", "b")
        desk.broker.fails_from = 0
        with pytest.raises(PublishError):
            await desk.dispatcher.send_batch()
        desk.dispatcher._partitions = 4
        assert desk.store.unsent_states(9, desk.ours.shards()) == []
        desk.broker.fails_from = 10**9
        await desk.drain()
        assert desk.broker.topics() == [{"articles"}, {"feed-state"}]
        (state,) = desk.broker.decoded()[2:]
        assert (state.feed_id, state.writer, state.serial) == ("post", desk.store.writer, 1)
        (record,) = desk.broker.sent[1]
        assert (record.key, record.partition) == (b"post", shard_of("post"))
        await desk.drain()
        assert len(desk.broker.sent) == 2, "told once"

    share(settings, scenario)


def test_a_state_that_the_broker_did_not_take_is_told_again(settings: Settings) -> None:
    async def scenario(desk: SharingDesk) -> None:
        desk.see("a")
        desk.broker.fails_from = 1
        with pytest.raises(PublishError):
            await desk.dispatcher.send_batch()
        assert desk.store.waiting == 0
        desk.dispatcher._partitions, desk.broker.fails_from = 4, 10**9
        await desk.drain()
        assert desk.broker.topics() == [{"articles"}, {"feed-state"}]

    share(settings, scenario)


def test_a_hand_over_also_tells_when_quiet_feeds_are_polled_next(settings: Settings) -> None:
    async def scenario(desk: SharingDesk) -> None:
        desk.see("a")
        await desk.drain()
        desk.see()  # a poll that brought nothing
        await desk.drain()
        assert len(desk.broker.sent) == 2
        await desk.drain(quiet=True)
        assert desk.broker.topics() == [{"articles"}, {"feed-state"}, {"feed-state"}]

    share(settings, scenario)


def test_a_tick_is_noted_for_a_successor_before_it_is_sent(settings: Settings) -> None:
    async def scenario(desk: SharingDesk) -> None:
        await desk.dispatcher.send_ticks()
        assert desk.broker.topics() == [{"feed-state"}, {"articles"}]
        noted, *ticks = desk.broker.decoded()
        assert noted == ShardState(shard=shard_of("post"), ticked_at=NOW, writer=desk.store.writer)
        assert desk.broker.sent[0][0].key == shard_key(noted.shard)
        assert [(tick.shard, tick.at) for tick in ticks] == [(noted.shard, NOW)] * 4

    share(settings, scenario)


def test_who_cannot_note_a_tick_sends_none(settings: Settings) -> None:
    async def scenario(desk: SharingDesk) -> None:
        desk.broker.fails_from = 0
        with pytest.raises(PublishError):
            await desk.dispatcher.send_ticks()
        assert desk.broker.sent == []
        assert desk.book.untold(shard_of("post")) != ()

    share(settings, scenario)


def test_who_lost_a_shard_says_nothing_more_for_it(settings: Settings) -> None:
    async def scenario(desk: SharingDesk) -> None:
        desk.see("a")
        desk.ours.ours = ()
        await desk.drain(quiet=True)
        await desk.dispatcher.send_ticks()
        assert desk.broker.topics() == [{"articles"}], "what it found is not lost"

    share(settings, scenario)


def test_who_loses_a_shard_between_note_and_tick_does_not_tick(settings: Settings) -> None:
    async def scenario(desk: SharingDesk) -> None:
        def lose() -> None:
            desk.ours.ours = ()

        desk.broker.after = lose
        await desk.dispatcher.send_ticks()
        assert not [record for record in desk.broker.decoded() if isinstance(record, Tick)]

    share(settings, scenario)


@pytest.mark.parametrize(("skew_s", "stops"), [(0.0, False), (-299.0, False), (301.0, True), (-301.0, True)])
def test_a_clock_five_minutes_off_the_brokers_stops_it_before_it_ticks(
    settings: Settings, skew_s: float, stops: bool
) -> None:
    async def scenario(desk: SharingDesk) -> None:
        desk.broker.skew_s = skew_s
        if not stops:
            await desk.dispatcher.send_ticks()
        else:
            with pytest.raises(ClockError) as caught:
                await desk.dispatcher.send_ticks()
            assert caught.value.skew_s == skew_s
            assert not [record for record in desk.broker.decoded() if isinstance(record, Tick)]
        assert desk.registry.get_sample_value("deskwatch_clock_skew_seconds") == skew_s

    share(settings, scenario)
