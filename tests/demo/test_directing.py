from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from demo.directing import AFTER_EVENT, EVENT_HOUR, EVENT_WEEKDAY, Plan, counted

HOURS = st.integers(0, 24 * 400)


@given(HOURS, st.integers(3, 60))
def test_all_is_over_by_now_and_of_the_last_seven_days(hours: int, days: int) -> None:
    present = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    plan = Plan(
        directory=Path(),
        output=Path(),
        config_dir=Path(),
        present=present,
        days=days,
        seed=1,
        give_up_s=1,
    )
    start, event_at, until = plan.times()
    assert (event_at.hour, event_at.weekday()) == (EVENT_HOUR, EVENT_WEEKDAY)
    assert until <= present < until + timedelta(days=7)
    assert until - event_at == AFTER_EVENT
    assert event_at - start == timedelta(days=days)


def test_what_the_detector_knew_already_is_not_counted_again() -> None:
    metrics = "".join(
        f'deskwatch_detect_articles_total{{outcome="{outcome}"}} {number}\n'
        for outcome, number in (("counted", 7.0), ("late", 2.0), ("known", 30.0))
    )
    assert counted("# TYPE deskwatch_detect_articles counter\n" + metrics) == 9
