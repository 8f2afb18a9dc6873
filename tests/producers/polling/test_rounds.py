from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes.loops import in_loop
from prometheus_client import CollectorRegistry

from deskwatch.clock import SteppedClock, SystemClock
from deskwatch.feedrecords import Feed, FeedState
from producers.metrics import Metrics
from producers.polling.rounds import Polling
from producers.state.store import Store

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)


def feeds(*ids: str) -> list[Feed]:
    return [Feed(id=id_, url=f"https://{id_}.example/rss", source=id_, interval_s=60) for id_ in ids]


class Polls:
    """A poller whose polls last until they are let go; `broken` feeds break it."""

    def __init__(self, clock: SteppedClock | SystemClock, *, held: bool = False, broken: str = "") -> None:
        self.clock = clock
        self.began: list[str] = []
        self.running: set[str] = set()
        self.most = 0
        self.cancelled: list[str] = []
        self.broken = broken
        self.go = asyncio.Event()
        if not held:
            self.go.set()

    def url_of(self, feed: Feed) -> str:
        return feed.url

    async def poll(self, feed: Feed) -> datetime:
        assert feed.id not in self.running, "one feed is never polled twice at a time"
        self.began.append(feed.id)
        self.running.add(feed.id)
        self.most = max(self.most, len(self.running))
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.append(feed.id)
            raise
        finally:
            self.running.discard(feed.id)
        if feed.id == self.broken:
            raise RuntimeError("a strange feed")
        return self.clock.now() + timedelta(seconds=60)


class Hosts:
    """Politeness that holds some feeds back."""

    def __init__(self, **wait_s: float) -> None:
        self.wait_s = wait_s
        self.open: list[str] = []

    def ready_in(self, feed: Feed, url: str) -> float:
        return self.wait_s.get(feed.id, 0.0)

    def begin(self, feed: Feed, url: str) -> None:
        self.open.append(feed.id)

    def end(self, feed: Feed, url: str) -> None:
        self.open.remove(feed.id)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def make(
    polls: Polls, store: Store, *, slots: int = 4, paused: list[bool] | None = None, hosts: Hosts | None = None
) -> tuple[Polling, Metrics, list[int]]:
    metrics, polled = Metrics(CollectorRegistry()), [0]
    polling = Polling(
        polls,  # type: ignore[arg-type]  # it is used by these two methods only
        store,
        polls.clock,
        metrics,
        slots=slots,
        is_paused=lambda: bool(paused and paused[0]),
        polled=lambda: polled.__setitem__(0, polled[0] + 1),
        politeness=hosts,
    )
    return polling, metrics, polled


async def until(condition: object, *, seconds: float = 5.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@in_loop
async def test_all_due_feeds_are_polled_and_again_when_they_are_due_again(store: Store) -> None:
    clock = SteppedClock(NOW)
    polls = Polls(clock)
    polling, _, polled = make(polls, store)
    polling.add(feeds("a", "b"), spread=False)
    await polling.poll_due()
    assert (sorted(polls.began), polled) == (["a", "b"], [2])
    await polling.poll_due()
    assert polled == [2]
    await clock.sleep_until(NOW + timedelta(seconds=60))
    await polling.poll_due()
    assert polled == [4]


@in_loop
async def test_no_more_polls_run_at_a_time_than_there_are_slots(store: Store) -> None:
    polls = Polls(SystemClock(), held=True)
    polling, _, polled = make(polls, store, slots=3)
    polling.add(feeds(*"abcdefg"), spread=False)
    running = asyncio.create_task(polling.run())
    await until(lambda: len(polls.running) == 3)
    polls.go.set()
    await until(lambda: polled[0] == 7)
    assert polls.most == 3
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@in_loop
async def test_what_one_feed_breaks_costs_no_other_anything(store: Store) -> None:
    clock = SteppedClock(NOW)
    polls = Polls(clock, broken="a")
    polling, metrics, polled = make(polls, store)
    polling.add(feeds("a", "b"), spread=False)
    await polling.poll_due()
    assert polled == [2]
    assert metrics.polls_broken._value.get() == 1
    await clock.sleep_until(NOW + timedelta(minutes=10))
    await polling.poll_due()
    assert polls.began.count("a") == 2, "it is tried again"


@in_loop
async def test_nothing_begins_while_too_much_waits_for_the_broker(store: Store) -> None:
    polls, paused = Polls(SystemClock()), [True]
    polling, _, polled = make(polls, store, paused=paused)
    polling.add(feeds("a"), spread=False)
    running = asyncio.create_task(polling.run())
    await asyncio.sleep(0)
    assert polls.began == []
    paused[0] = False
    await until(lambda: polled[0] == 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@in_loop
async def test_a_host_that_needs_rest_is_left_alone_and_others_are_not_kept_waiting(store: Store) -> None:
    polls, hosts = Polls(SystemClock()), Hosts(a=0.05)
    polling, _, polled = make(polls, store, hosts=hosts)
    polling.add(feeds("a", "b"), spread=False)
    running = asyncio.create_task(polling.run())
    await until(lambda: polled[0] == 1)
    assert polls.began == ["b"]
    hosts.wait_s.clear()
    await until(lambda: polled[0] == 2)
    assert hosts.open == [], "each poll that began has ended"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@in_loop
async def test_feeds_that_go_are_polled_no_more_and_their_last_polls_settle(store: Store) -> None:
    polls = Polls(SystemClock(), held=True)
    polling, _, polled = make(polls, store, slots=1)
    polling.add(feeds("a", "b"), spread=False)
    running = asyncio.create_task(polling.run())
    await until(lambda: len(polls.running) == 1)
    polling.remove(["a", "b"])
    settled = asyncio.create_task(polling.settle(["a", "b"]))
    await asyncio.sleep(0)
    assert not settled.done()
    polls.go.set()
    await settled
    await until(lambda: not polls.running)
    assert (len(polls.began), polled, len(polling.schedule), list(polling.feeds)) == (1, [1], 0, [])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@in_loop
async def test_a_run_that_is_cancelled_leaves_no_poll_behind(store: Store) -> None:
    polls = Polls(SystemClock(), held=True)
    polling, _, _ = make(polls, store)
    polling.add(feeds("a", "b"), spread=False)
    running = asyncio.create_task(polling.run())
    await until(lambda: len(polls.running) == 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sorted(polls.cancelled) == ["a", "b"]
    assert not polls.running


@in_loop
async def test_a_feed_with_a_new_url_is_polled_at_once_and_one_unchanged_when_it_was_due(store: Store) -> None:
    clock = SteppedClock(NOW)
    polls = Polls(clock)
    polling, _, _ = make(polls, store)
    store.record(FeedState(feed_id="a", url="https://a.example/rss", next_poll_at=NOW + timedelta(seconds=50)))
    (feed,) = feeds("a")
    polling.add([feed])
    polling.add([feed])
    assert polling.schedule.next_at() == NOW + timedelta(seconds=50)
    polling.add([Feed(id="a", url="https://a.example/atom", source="a")])
    assert polling.schedule.next_at() == NOW
