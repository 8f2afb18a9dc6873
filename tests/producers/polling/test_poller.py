from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from deskwatch import codec
from deskwatch.clock import SteppedClock
from deskwatch.records import Article, Poll, PollResult
from deskwatch.topics import shard_of
from producers.feeds.config import Feed
from producers.fetching.fetcher import Fetcher, create_session
from producers.metrics import Metrics
from producers.polling.poller import Poller, back_off
from producers.sending.ticking import HealthBook
from producers.settings import ProducerSettings
from producers.state.store import Store

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
OWN = ProducerSettings(allow_private_addresses=True, total_timeout_s=2)


class World:
    """One feed on a site, its store, and a clock moved by hand."""

    def __init__(self, site: Any, store: Store) -> None:
        self.site = site
        self.store = store
        self.feed = Feed(id="post", url=f"{site.url}/rss", source="Harbour Post")
        self.clock = SteppedClock(NOW)
        self.registry = CollectorRegistry()
        self.book = HealthBook([self.feed], {}, NOW)
        self.polls: list[Poll] = []

    def show(self, *items: str, **headers: str) -> None:
        self.site.pages = lambda *_: self.site.Answer(self.site.rss(*items), headers=headers)

    def poll(self, after: timedelta = timedelta(minutes=5)) -> Poll:
        async def run() -> datetime:
            await self.clock.sleep_until(self.clock.now() + after)
            with ThreadPoolExecutor(1) as parsers:
                async with create_session(OWN, "1") as session:
                    poller = Poller(
                        Fetcher(session, OWN), self.store, self.book, self.clock, Metrics(self.registry),
                        parsers=parsers, report=self.polls.append,
                    )  # fmt: skip
                    return await poller.poll(self.feed)

        self.registry = CollectorRegistry()
        assert asyncio.run(run()) == self.polls[-1].next_poll_at
        return self.polls[-1]

    def waiting(self) -> list[Article]:
        rows = self.store.outbox(max_articles=1_000, max_bytes=10**9)
        found = [codec.decode(row.value, [(codec.HEADER, row.schema.encode())]) for row in rows]
        return [article for article in found if isinstance(article, Article)]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"deskwatch_{name}", labels)


@pytest.fixture
def world(site: Any, tmp_path: Path) -> Iterator[World]:
    store = Store(tmp_path)
    try:
        yield World(site, store)
    finally:
        store.close()


def test_the_first_poll_is_backfill_and_later_ones_bring_news_oldest_first(world: World) -> None:
    world.show(world.site.item("a"))
    assert world.poll().result is PollResult.NEW
    world.show(world.site.item("c"), world.site.item("b"), world.site.item("a", summary="edited"))
    poll = world.poll()
    assert (poll.items, poll.new, poll.revised) == (3, 2, 1)
    found = [(article.guid, article.revision, article.backfill) for article in world.waiting()]
    assert found == [("a", 0, True), ("a", 1, True), ("b", 0, False), ("c", 0, False)]
    assert world.waiting()[-1].first_seen_at == NOW + timedelta(minutes=10)
    assert world.waiting()[-1].poll_lag_s == 300
    assert world.metric("articles_seen_total", kind="revision") == 1


def test_nothing_is_first_seen_before_the_last_tick(world: World) -> None:
    ahead = NOW + timedelta(hours=1)
    world.store.save_ticks({shard_of("post"): ahead})
    world.show(world.site.item("a"))
    world.poll()
    assert [article.first_seen_at for article in world.waiting()] == [ahead]
    assert world.waiting()[0].fetched_at == NOW + timedelta(minutes=5)


def test_an_unchanged_body_is_not_parsed_but_its_new_validators_are_kept(world: World) -> None:
    world.show(world.site.item("a"), ETag='"1"')
    world.poll()
    world.show(world.site.item("a"), ETag='"2"')
    assert world.poll().result is PollResult.UNCHANGED
    state = world.store.feed("post")
    assert state is not None
    assert state.validators.etag == '"2"'
    assert len(world.waiting()) == 1


def test_a_304_is_an_answer(world: World) -> None:
    world.show(world.site.item("a"), ETag='"1"')
    world.poll()
    world.site.pages = lambda *_: world.site.Answer(status=304)
    assert world.poll().result is PollResult.NOT_MODIFIED
    assert world.site.requests[-1][1]["If-None-Match"] == '"1"'
    assert world.book.count(ok=True) == 1


def test_failures_back_off_and_change_the_feeds_health_once(world: World) -> None:
    world.show(world.site.item("a"))
    world.poll()
    world.site.pages = lambda *_: world.site.Answer(status=503)
    first, second = world.poll(), world.poll()
    assert (first.result, first.reason, first.status) == (PollResult.FETCH_ERROR, "status", 503)
    assert first.next_poll_at == first.at + timedelta(minutes=10)
    assert second.next_poll_at == second.at + timedelta(minutes=20)
    assert [(health.ok, health.since) for health in world.book.untold(shard_of("post"))] == [
        (False, NOW), (True, NOW + timedelta(minutes=5)), (False, first.at),
    ]  # fmt: skip
    assert world.metric("feed_fetch_errors_total", reason="status") == 1
    world.show(world.site.item("a"))
    recovered = world.poll()
    assert recovered.next_poll_at == recovered.at + timedelta(minutes=5)
    assert world.book.count(ok=True) == 1


def test_a_page_that_is_no_feed_costs_neither_items_nor_validators(world: World) -> None:
    world.site.pages = lambda *_: world.site.Answer("<html>Please wait</html>", headers={"ETag": '"wall"'})
    poll = world.poll()
    assert (poll.result, poll.reason, poll.status) == (PollResult.PARSE_ERROR, "not_a_feed", 200)
    world.show(world.site.item("a"), ETag='"wall"')
    assert world.poll().new == 1
    assert "If-None-Match" not in world.site.requests[-1][1]


def test_a_feed_that_moved_forgets_its_validators_but_not_its_articles(world: World) -> None:
    world.show(world.site.item("a"), ETag='"1"')
    world.poll()
    world.feed = Feed(id="post", url=f"{world.site.url}/moved", source="Harbour Post")
    assert world.poll().result is PollResult.UNCHANGED
    assert "If-None-Match" not in world.site.requests[-1][1]


def test_dropped_items_are_counted_with_their_reasons(world: World) -> None:
    world.show(world.site.item("a"), world.site.item("a"), world.site.item("b", title="<i></i>"))
    assert world.poll().dropped == {"duplicate": 1, "empty": 1}
    assert world.metric("feed_items_dropped_total", reason="duplicate") == 1


@pytest.mark.parametrize(
    ("interval_s", "errors", "retry_after_s", "wait_s"),
    [
        (300, 1, None, 600),
        (300, 3, None, 2_400),
        (300, 5_000, None, 2_400),
        (900, 3, None, 3_600),
        (7_200, 3, None, 7_200),
        (300, 1, 5_000, 5_000),
        (300, 1, 5, 600),
    ],
)
def test_back_off(interval_s: float, errors: int, retry_after_s: float | None, wait_s: float) -> None:
    assert back_off(interval_s, errors, retry_after_s) == wait_s


def test_hostile_feeds_leave_the_poller_alive(world: World) -> None:
    bodies: list[Callable[[], bytes]] = [
        lambda: b'<?xml version="1.0" encoding="punycode"?><rss/>',
        lambda: b"<rss version='2.0'><channel>" + b"<item>" * 5_000,
        lambda: world.site.rss(world.site.item("\ud800x".encode("utf-8", "replace").decode())).encode(),
    ]
    for body in bodies:
        world.site.pages = lambda *_, body=body: world.site.Answer(body())
        world.poll()
    assert len(world.polls) == len(bodies)
