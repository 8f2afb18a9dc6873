from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from deskwatch.feedrecords import Feed, FeedState
from producers.polling.scheduling import START_SPACING_S, START_SPREAD_S, Schedule, plan_first

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)


def feed(id_: str) -> Feed:
    return Feed(id=id_, url=f"https://{id_}.example/rss", source=id_)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_the_longest_overdue_comes_first_and_only_once() -> None:
    schedule = Schedule()
    schedule.add(feed("late"), at(1))
    schedule.add(feed("later"), at(2))
    schedule.add(feed("not-yet"), at(9))
    assert [(when, found.id) for when, found in schedule.take_due(at(5))] == [(at(1), "late"), (at(2), "later")]
    assert schedule.take_due(at(5)) == []
    assert (schedule.next_at(), len(schedule)) == (at(9), 1)


def test_a_feed_planned_anew_or_removed_is_not_polled_at_its_old_time() -> None:
    schedule = Schedule()
    for name in ("moved", "removed"):
        schedule.add(feed(name), at(1))
    schedule.add(feed("moved"), at(7))
    schedule.remove("removed")
    schedule.remove("never-there")
    assert schedule.take_due(at(5)) == []
    assert [found.id for _, found in schedule.take_due(at(9))] == ["moved"]
    assert schedule.next_at() is None


def test_no_more_are_taken_than_wanted() -> None:
    schedule = Schedule()
    for n in range(5):
        schedule.add(feed(f"f{n}"), at(n))
    assert [found.id for _, found in schedule.take_due(at(9), most=2)] == ["f0", "f1"]


def test_a_known_feed_keeps_its_time_over_a_restart() -> None:
    state = FeedState(feed_id="a", next_poll_at=at(123))
    assert plan_first(feed("a"), state, NOW, new=5_000) == at(123)


@given(st.integers(0, 20_000), st.text(min_size=1, max_size=8))
def test_new_feeds_are_spread_the_more_there_are(new: int, name: str) -> None:
    planned = plan_first(feed(name), None, NOW, new=new)
    assert NOW <= planned <= at(min(START_SPREAD_S, new * START_SPACING_S))
    assert planned == plan_first(feed(name), None, NOW, new=new), "and always the same"


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 20)), max_size=30))
def test_each_feed_has_one_plan_the_last(plans: list[tuple[str, int]]) -> None:
    schedule = Schedule()
    for name, seconds in plans:
        schedule.add(feed(name), at(seconds))
    due = schedule.take_due(at(100))
    assert {found.id: when for when, found in due} == {name: at(seconds) for name, seconds in plans}
    assert [when for when, _ in due] == sorted(when for when, _ in due)
