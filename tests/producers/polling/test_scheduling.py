from __future__ import annotations

from datetime import UTC, datetime, timedelta

from producers.feeds.config import Feed
from producers.polling.scheduling import Schedule
from producers.state.feedstate import FeedState

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
FEEDS = [Feed(id=f"f{n}", url=f"https://{n}.example", source="S", interval_s=300) for n in range(40)]


def polled(feed: Feed, at: datetime) -> FeedState:
    return FeedState(feed_id=feed.id, url=feed.url, next_poll_at=at)


def drain(schedule: Schedule) -> list[datetime]:
    times = []
    while (at := schedule.next_at()) is not None:
        times += [at] * len(schedule.take_due(at))
    return times


def test_a_restart_keeps_every_feeds_time() -> None:
    states = {feed.id: polled(feed, NOW + timedelta(seconds=n)) for n, feed in enumerate(FEEDS)}
    schedule = Schedule(FEEDS, states, NOW)
    assert [feed.id for feed in schedule.take_due(NOW + timedelta(seconds=2))] == ["f0", "f1", "f2"]
    assert schedule.next_at() == NOW + timedelta(seconds=3)


def test_new_feeds_are_spread_but_not_over_long() -> None:
    times = drain(Schedule(FEEDS, {}, NOW))
    assert len(times) == len(FEEDS)
    assert len(set(times)) > len(FEEDS) / 2
    assert NOW <= times[0] <= times[-1] <= NOW + timedelta(seconds=10)
    assert drain(Schedule(FEEDS, {}, NOW)) == times, "a restart does not shuffle them"


def test_in_a_replay_new_feeds_are_due_at_once() -> None:
    assert len(Schedule(FEEDS, {}, NOW, spread=False).take_due(NOW)) == len(FEEDS)


def test_a_clock_that_was_far_ahead_silences_no_feed() -> None:
    (at,) = drain(Schedule(FEEDS[:1], {"f0": polled(FEEDS[0], NOW + timedelta(days=900))}, NOW))
    assert at == NOW + timedelta(days=1)


def test_the_longest_overdue_comes_first_and_nobody_twice() -> None:
    schedule = Schedule([], {}, NOW)
    for n in (3, 1, 2):
        schedule.add(FEEDS[n], NOW - timedelta(seconds=n))
    assert [feed.id for feed in schedule.take_due(NOW, most=2)] == ["f3", "f2"]
    assert [feed.id for feed in schedule.take_due(NOW)] == ["f1"]
    assert schedule.next_at() is None
