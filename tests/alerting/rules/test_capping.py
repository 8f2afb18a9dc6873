from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerting.rules.capping import WINDOW, over_cap

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)

times = st.integers(-7200, 600).map(lambda seconds: NOON + timedelta(seconds=seconds))
caps = st.integers(1, 5)


def test_the_third_alert_of_an_hour_waits_until_the_first_is_an_hour_old() -> None:
    sent = [NOON - timedelta(minutes=5), NOON - timedelta(minutes=50)]

    assert over_cap(sent, 3, NOON) is None
    assert over_cap(sent, 2, NOON) == NOON + timedelta(minutes=10)
    assert over_cap(sent, 1, NOON) == NOON + timedelta(minutes=55)


def test_what_is_an_hour_old_counts_no_longer() -> None:
    assert over_cap([NOON - WINDOW], 1, NOON) is None


@given(st.lists(times, max_size=12), caps)
def test_there_is_room_when_it_is_said_and_not_a_moment_before(sent: list[datetime], cap: int) -> None:
    again = over_cap(sent, cap, NOON)

    counted = sum(one > NOON - WINDOW for one in sent)
    assert (again is None) == (counted < cap)
    if again is not None:
        assert again > NOON
        assert over_cap(sent, cap, again) is None
        assert over_cap(sent, cap, again - timedelta(microseconds=1)) == again


@given(st.lists(times, max_size=30).map(sorted), caps)
def test_no_hour_holds_more_than_the_cap(wishes: list[datetime], cap: int) -> None:
    sent: list[datetime] = []
    for wish in wishes:
        if over_cap(sent, cap, wish) is None:
            sent.append(wish)

    for first in sent:
        assert sum(first <= one < first + WINDOW for one in sent) <= cap


@given(st.lists(times, max_size=12), caps)
def test_the_order_of_what_was_sent_does_not_matter(sent: list[datetime], cap: int) -> None:
    assert over_cap(sent, cap, NOON) == over_cap(list(reversed(sent)), cap, NOON)
