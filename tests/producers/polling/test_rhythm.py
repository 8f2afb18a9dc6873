from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.feedrecords import FeedState
from producers.polling.rhythm import agreed_hours, learn, silent_s

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def steady(*, every: timedelta, days: int, new: int = 1, delay: timedelta = HOUR / 12, undated: int = 0) -> FeedState:
    state = learn(FeedState(feed_id="a"), new=0, published=[], undated=0, now=NOW)
    for n in range(1, int(timedelta(days=days) / every) + 1):
        now = NOW + n * every
        state = learn(state, new=new, published=[now - delay] * (new - undated), undated=undated, now=now)
    return state


@pytest.mark.parametrize("every", [HOUR / 6, HOUR, 8 * HOUR])
def test_a_steady_feed_is_learnt(every: timedelta) -> None:
    state = steady(every=every, days=30, new=2)
    assert state.gap_s == pytest.approx(every.total_seconds() / 2, rel=0.05)
    assert state.per_day == pytest.approx(2 * timedelta(days=1) / every, rel=0.3)
    assert state.delay_s == pytest.approx(300)
    assert state.undated == 0


def test_undated_articles_are_a_share() -> None:
    assert steady(every=HOUR, days=10, new=4, undated=1).undated == pytest.approx(0.25, abs=0.02)
    assert steady(every=HOUR, days=10, new=4, undated=4).undated == pytest.approx(1, abs=0.02)


def test_the_first_poll_teaches_only_for_how_long_a_feed_was_silent() -> None:
    old = NOW - timedelta(days=90)
    state = learn(FeedState(feed_id="a"), new=50, published=[old, old - HOUR], undated=3, now=NOW)
    assert (state.gap_s, state.per_day, state.delay_s, state.undated, state.active_hours) == (None, None, None, 0, 0)
    assert silent_s(state, NOW) == timedelta(days=90).total_seconds()
    lying = learn(FeedState(feed_id="a"), new=1, published=[NOW + HOUR], undated=0, now=NOW)
    assert silent_s(lying, NOW) == 0


def test_neither_a_burst_nor_a_night_changes_much() -> None:
    state = steady(every=HOUR, days=10)
    assert state.gap_s is not None
    assert state.per_day is not None
    at = NOW + timedelta(days=10)
    burst = learn(state, new=500, published=[], undated=0, now=at + HOUR)
    assert burst.gap_s is not None
    assert burst.per_day is not None
    assert state.gap_s * 0.8 <= burst.gap_s
    assert burst.per_day <= state.per_day * 2
    quiet = learn(state, new=1, published=[], undated=0, now=at + 60 * HOUR)
    assert quiet.gap_s is not None
    assert quiet.gap_s <= state.gap_s * 1.7


def test_an_article_of_last_year_says_nothing_about_the_delay() -> None:
    state = steady(every=HOUR, days=1)
    late = learn(state, new=1, published=[NOW - timedelta(days=300)], undated=0, now=NOW + timedelta(days=2))
    assert late.delay_s == state.delay_s


def test_hours_count_after_two_weeks() -> None:
    state = steady(every=24 * HOUR, days=13)
    assert agreed_hours(state, NOW + timedelta(days=13)) == 0
    assert agreed_hours(state, NOW + timedelta(days=14)) & 0xFFFFFF == 1 << 6
    assert state.active_hours >> 24 == 0b111_1111


moments = st.floats(-1e6, 1e6).map(lambda s: NOW + timedelta(seconds=s))


@given(
    st.lists(st.tuples(moments, st.integers(0, 300), st.integers(0, 300), st.lists(moments, max_size=4)), max_size=20)
)
def test_no_order_of_clocks_breaks_it(polls: list[tuple[datetime, int, int, list[datetime]]]) -> None:
    state = FeedState(feed_id="a")
    for now, new, undated, published in polls:
        state = learn(state, new=new, published=published, undated=undated, now=now)
        assert silent_s(state, now) >= 0
        assert state.gap_s is None or state.gap_s >= 0
        assert state.per_day is None or state.per_day >= 0
        assert state.delay_s is None or 0 <= state.delay_s <= 86_400
        assert 0 <= state.undated <= 1
