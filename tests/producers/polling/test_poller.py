from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from deskwatch import codec
from deskwatch.clock import SteppedClock
from deskwatch.errors import KillReason, ParserKilled
from deskwatch.feedrecords import Condition, Feed, FeedState
from deskwatch.records import Article, Poll, PollResult
from deskwatch.topics import shard_of
from producers.fetching.fetcher import Fetcher, create_session
from producers.metrics import Metrics
from producers.polling.poller import Poller
from producers.reading.jobs import Job, Reading
from producers.reading.reading import read
from producers.sending.ticking import HealthBook
from producers.settings import ProducerSettings
from producers.state.memory import split_digests
from producers.state.store import Store

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
OWN = ProducerSettings(allow_private_addresses=True, total_timeout_s=2)


class InProcess:
    """A reader without processes."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.kill = False

    async def read(self, job: Job, *, suspect: bool = False) -> Reading:
        self.jobs.append(job)
        if self.kill:
            raise ParserKilled(job.feed_id, KillReason.CPU, "took more than 2 s of CPU time")
        return read(job)


class World:
    """One feed on a site, its store, and a clock moved by hand."""

    def __init__(self, site: Any, store: Store) -> None:
        self.site = site
        self.store = store
        self.feed = Feed(id="post", url=f"{site.url}/rss", source="Harbour Post", interval_s=300)
        self.clock = SteppedClock(NOW)
        self.registry = CollectorRegistry()
        self.book = HealthBook([self.feed], {}, NOW)
        self.reader = InProcess()
        self.polls: list[Poll] = []
        self.held: list[tuple[str, float]] = []
        self.kept: list[tuple[str, bytes]] = []

    @property
    def state(self) -> FeedState:
        state = self.store.feed(self.feed.id)
        assert state is not None
        return state

    def show(self, *items: str, **headers: str) -> None:
        self.site.pages = lambda *_: self.site.Answer(self.site.rss(*items), headers=headers)

    def poll(self, after: timedelta = timedelta(minutes=5)) -> Poll:
        async def run() -> datetime:
            await self.clock.sleep_until(self.clock.now() + after)
            async with create_session(OWN, "1") as session:
                poller = Poller(
                    Fetcher(session, OWN), self.reader, self.store, self.book, self.clock, Metrics(self.registry),
                    random=lambda: 0.5, report=self.polls.append,
                    hold=lambda feed, url, seconds: self.held.append((url, seconds)),
                    keep=lambda feed, fetched, error: self.kept.append((error.reason, fetched.body or b"")),
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
    assert world.state.etag == '"2"'
    assert len(world.reader.jobs) == 1
    assert len(world.waiting()) == 1


def test_a_304_is_an_answer(world: World) -> None:
    world.show(world.site.item("a"), ETag='"1"')
    world.poll()
    world.site.pages = lambda *_: world.site.Answer(status=304)
    assert world.poll().result is PollResult.NOT_MODIFIED
    assert world.site.requests[-1][1]["If-None-Match"] == '"1"'
    assert world.state.ok


def test_failures_back_off_and_change_the_feeds_health_once(world: World) -> None:
    world.show(world.site.item("a"))
    world.poll()
    world.site.pages = lambda *_: world.site.Answer(status=500)
    first, second = world.poll(), world.poll()
    assert (first.result, first.reason, first.status) == (PollResult.FETCH_ERROR, "status", 500)
    assert first.next_poll_at is not None
    assert second.next_poll_at is not None
    assert second.next_poll_at - second.at > first.next_poll_at - first.at >= timedelta(minutes=5)
    assert [(health.ok, health.since) for health in world.book.untold(shard_of("post"))] == [
        (False, NOW), (True, NOW + timedelta(minutes=5)), (False, first.at),
    ]  # fmt: skip
    assert world.metric("feed_fetch_errors_total", reason="status") == 1
    world.show(world.site.item("a"))
    recovered = world.poll()
    assert recovered.next_poll_at == recovered.at + timedelta(minutes=5)
    assert (world.state.condition, world.state.errors) == (Condition.OK, 0)
    assert world.metric("feed_events_total", event="recovered") == 1


def test_too_many_requests_hold_the_whole_domain(world: World) -> None:
    world.site.pages = lambda *_: world.site.Answer(status=429, headers={"Retry-After": "600"})
    poll = world.poll()
    assert world.state.condition is Condition.THROTTLED
    assert poll.next_poll_at is not None
    assert poll.next_poll_at >= poll.at + timedelta(seconds=600)
    ((url, seconds),) = world.held
    assert (url, seconds >= 600) == (world.feed.url, True)


def test_a_document_that_kills_the_parser_is_kept_and_three_of_them_bring_quarantine(world: World) -> None:
    world.reader.kill = True
    world.show(world.site.item("a"), ETag='"bad"')
    for _ in range(3):
        poll = world.poll()
    assert (poll.result, poll.reason) == (PollResult.PARSE_ERROR, "parser_killed")
    assert world.state.condition is Condition.QUARANTINED
    assert [(reason, body[:5]) for reason, body in world.kept] == [("cpu", b"<?xml")] * 3
    world.reader.kill = False
    assert world.poll(timedelta(days=1)).new == 1
    assert world.state.condition is Condition.OK


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
    world.feed = replace(world.feed, url=f"{world.site.url}/moved")
    assert world.poll().result is PollResult.UNCHANGED
    assert "If-None-Match" not in world.site.requests[-1][1]


def test_dropped_items_are_counted_with_their_reasons(world: World) -> None:
    world.show(world.site.item("a"), world.site.item("a"), "<item><title>&lt;i&gt;</title></item>")
    assert world.poll().dropped == {"duplicate": 1, "empty": 1}
    assert world.metric("feed_items_dropped_total", reason="duplicate") == 1


def test_known_items_are_not_read_again_and_now_and_then_all_are(world: World) -> None:
    for n in range(60):
        world.show(*(world.site.item(f"i{m}") for m in range(n + 3, n, -1)))
        world.poll()
    later = world.reader.jobs[1:]
    assert all(len(split_digests(job.known)) == 3 for job in later)
    assert 1 <= sum(job.whole for job in later) <= 8, "one in fifty, by the document's hash"
    assert world.metric("feed_parse_differences_total") == 0
    assert len(world.waiting()) == 62


def test_a_date_long_past_is_doubted_in_a_feed_that_was_polled_on_time(world: World) -> None:
    old, fresh = "Sat, 01 Feb 2026 06:00:00 GMT", "Sun, 01 Mar 2026 06:00:00 GMT"
    world.show(world.site.item("a", published=fresh))
    world.poll()
    world.show(world.site.item("b", published=old), world.site.item("a", published=fresh))
    world.poll()
    assert [article.published_quality for article in world.waiting()] == ["explicit_tz", "implausible"]
    world.show(world.site.item("c", published=old), world.site.item("a", published=fresh))
    world.poll(timedelta(days=40))
    assert world.waiting()[-1].published_quality == "explicit_tz", "it may have come while nobody looked"


def test_guids_that_change_with_every_poll_are_given_up_for_urls(world: World) -> None:
    for n in range(4):
        world.show(*(world.site.item(f"{n}-{m}", title=f"Story {m}", link=f"https://p.example/{m}") for m in range(3)))
        world.poll()
    assert [article.revision for article in world.waiting()] == [0, 0, 0]
    assert world.state.identity == "url"
    world.show(*(world.site.item(f"z-{m}", title=f"Edited {m}", link=f"https://p.example/{m}") for m in range(3)))
    assert world.poll().revised == 3
    ids = {article.article_id for article in world.waiting()}
    assert len(ids) == 3, "the articles keep their ids"


def test_a_poll_writes_all_or_nothing_and_the_next_finds_it_again(world: World) -> None:
    world.show(world.site.item("a"))
    world.store._db.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(sqlite3.Error, match="full"):
        world.poll()
    world.store._db.execute("DROP TRIGGER full")
    assert world.poll().new == 1


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
