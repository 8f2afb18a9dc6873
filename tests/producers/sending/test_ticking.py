from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from deskwatch.feedrecords import Feed, FeedState
from deskwatch.records import FeedHealth
from deskwatch.topics import shard_of
from producers.sending.ticking import MAX_HEALTH, HealthBook, first_seen, next_tick

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FEED = Feed(id="post", url="https://post.example/rss", source="P", interval_s=300)
SHARD = shard_of("post")


def healths(state: FeedState | None) -> list[tuple[bool, datetime]]:
    book = HealthBook([FEED], {"post": state} if state else {}, NOW)
    return [(health.ok, health.since) for health in book.untold(SHARD)]


def state(last_success: timedelta, *, ok: bool, ok_since: timedelta) -> FeedState:
    return FeedState(feed_id="post", url=FEED.url, last_success_at=NOW - last_success, ok=ok, ok_since=NOW - ok_since)


def test_the_first_tick_of_a_process_tells_how_every_feed_was() -> None:
    assert healths(None) == [(False, NOW)]
    assert healths(state(5 * MINUTE, ok=True, ok_since=99 * MINUTE)) == [(True, NOW - 99 * MINUTE)]
    assert healths(state(9 * MINUTE, ok=False, ok_since=4 * MINUTE)) == [(False, NOW - 4 * MINUTE)]


def test_a_feed_not_asked_for_long_did_not_answer_since_it_was_due() -> None:
    book = HealthBook([FEED], {"post": state(60 * MINUTE, ok=True, ok_since=99 * MINUTE)}, NOW)
    book.note("post", True, NOW + MINUTE)
    assert book.untold(SHARD) == (
        FeedHealth(feed_id="post", ok=False, since=NOW - 55 * MINUTE),
        FeedHealth(feed_id="post", ok=True, since=NOW + MINUTE),
    )


def test_only_changes_are_told_and_only_until_they_are_confirmed() -> None:
    book = HealthBook([FEED], {}, NOW)
    book.confirm(SHARD, book.untold(SHARD))
    assert not book.note("post", False, NOW)
    assert book.note("post", True, NOW + MINUTE)
    told = book.untold(SHARD)
    book.note("post", False, NOW + 2 * MINUTE)  # while the tick is on its way
    book.confirm(SHARD, told)
    assert [(health.ok, health.since) for health in book.untold(SHARD)] == [(False, NOW + 2 * MINUTE)]


def test_what_a_producer_told_until_it_died_holds_where_its_state_is_a_little_behind() -> None:
    behind = {"post": state(60 * MINUTE, ok=True, ok_since=99 * MINUTE)}
    book = HealthBook([FEED], behind, NOW, {SHARD: NOW - MINUTE})
    assert book.untold(SHARD) == (FeedHealth(feed_id="post", ok=True, since=NOW - 99 * MINUTE),)
    book = HealthBook([FEED], behind, NOW, {SHARD: NOW - 20 * MINUTE})
    assert book.untold(SHARD) == (FeedHealth(feed_id="post", ok=False, since=NOW - 20 * MINUTE),)


def test_without_an_interval_of_its_own_a_feed_is_due_as_it_was_planned() -> None:
    adaptive = FeedState(feed_id="post", interval_s=3600, last_success_at=NOW - 60 * MINUTE, ok=True, ok_since=NOW)
    book = HealthBook([Feed(id="post", url=FEED.url, source="P")], {"post": adaptive}, NOW)
    assert [health.ok for health in book.untold(SHARD)] == [True]


def test_of_feeds_that_went_to_others_nothing_is_told() -> None:
    book = HealthBook([FEED, Feed(id="kept", url="u", source="s")], {}, NOW)
    book.remove(["post", "never-known"])
    assert not book.note("post", True, NOW), "a poll that outlasted it"
    assert [health.feed_id for health in (*book.untold(SHARD), *book.untold(shard_of("kept")))] == ["kept"]
    book.add([FEED], {}, NOW)
    assert book.note("post", True, NOW + MINUTE)
    assert [health.ok for health in book.untold(SHARD) if health.feed_id == "post"] == [False, True]


def test_many_feeds_are_told_over_several_ticks() -> None:
    feeds = [feed for n in range(60_000) if shard_of((feed := Feed(id=f"f{n}", url="u", source="s")).id) == SHARD]
    book = HealthBook(feeds, {}, NOW)
    told = 0
    while part := book.untold(SHARD):
        assert len(part) <= MAX_HEALTH
        book.confirm(SHARD, part)
        told += len(part)
    assert told == len(feeds) > MAX_HEALTH


steps = st.lists(
    st.tuples(st.sampled_from(["see", "acknowledge", "tick"]), st.integers(-3, 5)), max_size=40
)  # what happens, and how far the clock moves before it


@given(steps)
def test_ticks_never_pass_an_article_and_nothing_steps_back_whatever_the_clock_does(
    happening: list[tuple[str, int]],
) -> None:
    now, last = NOW, None
    waiting: list[datetime] = []
    seen: list[datetime] = []
    for what, seconds in happening:
        now += timedelta(seconds=seconds)
        if what == "see":
            at = first_seen(now, last=last)
            assert last is None or at >= last, "what is seen after a tick is not before it"
            waiting.append(at)
            seen.append(at)
        elif what == "acknowledge" and waiting:
            waiting.pop(0)
        elif what == "tick":
            tick = next_tick(now, last=last, oldest_waiting=min(waiting, default=None))
            assert last is None or tick >= last
            assert all(tick <= at for at in waiting)
            last = tick
