from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from deskwatch.clock import SystemClock
from deskwatch.errors import ClockError, ConfigError, PublishError
from deskwatch.feedrecords import Feed, FeedState
from deskwatch.records import Article, Tick
from deskwatch.settings import Settings
from deskwatch.telemetry import Health
from deskwatch.topics import SHARDS, shard_of
from producers import service
from producers.metrics import Metrics
from producers.polling.rounds import Polling
from producers.service import Producer, is_outbox_full
from producers.settings import ProducerSettings
from producers.state.store import Store
from producers.wiring import open_producer

DEADLINE_S = 20


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "state")
    try:
        yield store
    finally:
        store.close()


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)
    return found


def test_a_live_producer_polls_publishes_and_ticks_until_it_is_stopped(
    site: Any, settings: Settings, store: Store, read_articles: Any
) -> None:
    site.pages = lambda path, *_: site.Answer(site.rss(*(site.item(f"{path}-{n}") for n in range(3))))
    feeds = [Feed(id=f"f{n}", url=f"{site.url}/{n}", source="S") for n in range(4)]
    own = ProducerSettings(allow_private_addresses=True, tick_s=0.05)
    registry, health = CollectorRegistry(), Health()

    async def run() -> None:
        stop = asyncio.Event()
        async with open_producer(
            settings, own, feeds, clock=SystemClock(), store=store, registry=registry, health=health, version="1"
        ) as producer:
            running = asyncio.create_task(service.run(producer, stop))
            async with asyncio.timeout(DEADLINE_S):
                while registry.get_sample_value("deskwatch_articles_published_total", {"kind": "new"}) != 12:
                    await asyncio.sleep(0.01)
            assert health.missing() == []
            stop.set()
            await running

    asyncio.run(run())
    log = read_articles()
    assert set(log.counts.values()) == {1}
    assert len(log.articles) == 12
    assert all(log.ticks(partition, shard) for partition in range(4) for shard in range(SHARDS))
    for records in log.partitions.values():
        ticked: dict[int, datetime] = {}
        for record in records:
            if isinstance(record, Tick):
                assert record.at >= ticked.get(record.shard, record.at)
                ticked[record.shard] = record.at
            elif (at := ticked.get(shard_of(record.feed_id))) is not None:
                assert record.first_seen_at >= at
    for feed in feeds:
        told = [h for tick in log.ticks(0, shard_of(feed.id)) for h in tick.health if h.feed_id == feed.id]
        # A change is told until a tick with it is acknowledged, so perhaps twice.
        assert [ok for ok, _ in groupby(health.ok for health in told)] == [False, True]


class StubbornDispatcher:
    """Refuses the first attempts to send, then takes all that waits."""

    def __init__(self, store: Store, happened: list[str], refusals: int) -> None:
        self.store, self.happened, self.refusals = store, happened, refusals

    async def connect(self) -> None:
        """Find the broker."""

    def is_in_step(self) -> bool:
        return True

    async def get_ready(self) -> None:
        """Be in step with it."""

    async def send_ticks(self) -> None:
        """Take the ticks."""

    async def send_batch(self, *, quiet: bool = False) -> int:
        if not self.store.waiting:
            return 0
        self.refusals -= 1
        if self.refusals >= 0:
            self.happened.append("refused")
            raise PublishError("articles", "no answer")
        self.happened.append("sent")
        waiting = list(self.store.outbox_ids().values())
        self.store.acknowledge(waiting, "articles", {})
        return len(waiting)


class StubPoller:
    """Finds one article in every feed."""

    def __init__(self, store: Store, happened: list[str]) -> None:
        self.store, self.happened = store, happened

    def url_of(self, feed: Feed) -> str:
        return feed.url

    async def poll(self, feed: Feed) -> datetime:
        now = datetime.now(UTC)
        self.happened.append("polled")
        article = Article(
            article_id=feed.id, feed_id=feed.id, source="S", url="", title="t", first_seen_at=now, fetched_at=now
        )
        self.store.record(FeedState(feed_id=feed.id, url=feed.url, next_poll_at=now), None, [article])
        return now + timedelta(minutes=5)


def stub_producer(
    store: Store, happened: list[str], registry: CollectorRegistry, poller: Any, *feeds: str, refusals: int = 0
) -> Producer:
    dispatcher: Any = StubbornDispatcher(store, happened, refusals)
    own, work, metrics = ProducerSettings(max_outbox_articles=1), asyncio.Event(), Metrics(registry)
    polling = Polling(
        poller(store, happened),
        store,
        SystemClock(),
        metrics,
        slots=1,
        is_paused=lambda: is_outbox_full(own, store),
        polled=work.set,
    )
    return Producer(
        [Feed(id=feed, url=f"http://127.0.0.1/{feed}", source="S") for feed in feeds],
        own,
        store,
        SystemClock(),
        dispatcher,
        polling,
        metrics,
        Health(),
        lambda: None,
        work,
    )


def test_polling_pauses_while_too_much_waits_for_the_broker(store: Store) -> None:
    happened: list[str] = []

    async def run() -> None:
        producer = stub_producer(store, happened, CollectorRegistry(), StubPoller, "f0", "f1", refusals=1)
        stop = asyncio.Event()
        running = asyncio.create_task(service.run(producer, stop))
        async with asyncio.timeout(DEADLINE_S):
            while happened.count("sent") < 2:
                await asyncio.sleep(0.01)
        stop.set()
        await running

    asyncio.run(run())
    assert happened == ["polled", "refused", "sent", "polled", "sent"]


def test_a_feed_that_breaks_the_poller_stops_no_other_feed(store: Store) -> None:
    class Broken(StubPoller):
        async def poll(self, feed: Feed) -> datetime:
            if feed.id == "bad":
                self.happened.append("broke")
                raise ZeroDivisionError
            return await super().poll(feed)

    happened: list[str] = []
    registry = CollectorRegistry()

    async def run() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(
            service.run(stub_producer(store, happened, registry, Broken, "bad", "good"), stop)
        )
        async with asyncio.timeout(DEADLINE_S):
            while not {"broke", "sent"} <= set(happened):
                await asyncio.sleep(0.01)
        stop.set()
        await running

    asyncio.run(run())
    assert registry.get_sample_value("deskwatch_feed_polls_broken_total") == 1


def test_an_error_in_a_loop_ends_the_service(store: Store) -> None:
    class BrokenDispatcher(StubbornDispatcher):
        async def send_ticks(self) -> None:
            raise error

    async def run() -> None:
        producer = stub_producer(store, [], CollectorRegistry(), StubPoller)
        broken: Any = BrokenDispatcher(store, [], 0)
        producer.dispatcher = broken
        async with asyncio.timeout(DEADLINE_S):
            await service.run(producer, asyncio.Event())

    error: Exception = OSError("the disk is gone")
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(run())
    assert caught.value.split(OSError)[1] is None
    error = ClockError(400.0)
    with pytest.raises(ClockError, match="400 s ahead"):  # alone, so that the command line can say it
        asyncio.run(run())


@pytest.mark.parametrize(("embedded", "replays"), [(True, False), (False, True)])
def test_sharing_is_refused_where_it_cannot_work(store: Store, embedded: bool, replays: bool) -> None:
    async def run() -> None:
        async with open_producer(
            Settings(kafka_embedded=embedded), ProducerSettings(shared=True), (), clock=SystemClock(), store=store,
            registry=CollectorRegistry(), health=Health(), version="1", tell_time=replays,
        ):  # fmt: skip
            pass

    with pytest.raises(ConfigError, match="shared"):
        asyncio.run(run())


@pytest.mark.slow
def test_the_command_serves_its_metrics_and_ends_well_on_sigterm(
    site: Any, command: Any, settings: Settings, read_articles: Any
) -> None:
    site.pages = lambda *_: site.Answer(site.rss(site.item("a"), site.item("b")))
    command.write_feeds([{"id": "post", "url": f"{site.url}/rss", "source": "Harbour Post"}])
    command.use(settings, tick_s=0.2)
    process = command.start("produce")
    try:

        def find_port() -> int | None:
            assert process.poll() is None, command.read_log()
            lines = [json.loads(line) for line in command.read_log().splitlines() if line.startswith("{")]
            return next((line["port"] for line in lines if line["event"] == "telemetry.serving"), None)

        port = wait_for(find_port)

        def is_published() -> bool:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                return b'deskwatch_articles_published_total{kind="new"} 2.0' in answer.read()

        wait_for(is_published)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            assert answer.status == 200
    finally:
        process.terminate()
    assert process.wait(10) == 0, command.read_log()
    assert read_articles().counts == {("a", 0): 1, ("b", 0): 1}


@pytest.mark.slow
def test_the_command_ends_well_on_sigterm_also_while_it_looks_for_a_broker(command: Any, tmp_path: Path) -> None:
    command.write_feeds([])
    command.use(Settings(kafka_bootstrap="127.0.0.1:1", state_dir=str(tmp_path / "state")))
    process = command.start("produce")
    wait_for(lambda: "telemetry.serving" in command.read_log())
    process.terminate()
    assert process.wait(10) == 0, command.read_log()
