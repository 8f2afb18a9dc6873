from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from deskwatch.records import Bucket
from streams.tally import DAY, HOUR, Tally

T0 = datetime(2026, 3, 2, tzinfo=UTC)
STEP = timedelta(minutes=5)


def bucket(number: int, **changes: Any) -> Bucket:
    start = T0 + number * STEP
    values: dict[str, Any] = {
        "theme": "taiwan",
        "start": start,
        "end": start + STEP,
        "revision": 0,
        "articles": 1,
        "observed": 1,
        "owners": 1,
        "expected": 0.5,
        "scatter": 0.1,
    }
    return Bucket(**(values | changes))


def test_buckets_add_up_to_hours_and_an_amendment_replaces() -> None:
    tally = Tally(timedelta(days=2), STEP)
    for number in range(24):
        tally.add(bucket(number))
    tally.add(bucket(3, revision=1, observed=5))
    tally.add(bucket(4, revision=1, observed=0))
    first, second = tally.cells("taiwan")
    assert (first.start, first.observed, second.observed) == (T0, 15, 12)
    assert first.expected == 6
    assert 0 < first.low < 6 < first.high


def test_hours_without_any_bucket_are_unobserved() -> None:
    tally = Tally(timedelta(days=2), STEP)
    tally.add(bucket(0))
    tally.add(bucket(36))
    assert [cell.is_observed for cell in tally.cells("taiwan")] == [True, False, False, True]


def test_long_spans_are_shown_by_days_and_daily_buckets_always() -> None:
    assert Tally(timedelta(days=30), STEP).width == HOUR
    assert Tally(timedelta(days=300), STEP).width == DAY
    assert Tally(timedelta(days=3), DAY).width == DAY


def test_themes_without_evidence_are_not_shown() -> None:
    tally = Tally(timedelta(days=2), STEP)
    tally.add(bucket(0))
    tally.add(bucket(0, theme="tariffs", observed=0, articles=0))
    assert tally.themes == ["taiwan"]
    assert tally.cells("nothing") == []
