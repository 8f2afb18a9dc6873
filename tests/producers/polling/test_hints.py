from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.polling.hints import CAP_S, is_fast, postpone, retry_after_s, server_hint_s
from producers.reading.jobs import DocumentHints

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("headers", "ttl_s", "expected"),
    [
        ({}, None, None),
        ({"cache-control": "public, max-age=600"}, None, 600),
        ({"cache-control": 'Max-Age="600"'}, None, 600),
        ({"cache-control": "max-age=600", "age": "500"}, None, 100),
        ({"cache-control": "max-age=600", "age": "900"}, None, None),
        ({"cache-control": "max-age=600", "age": "-900"}, None, 600),
        ({"cache-control": "max-age=600", "expires": "Mon, 02 Mar 2026 16:30:00 GMT"}, None, 600),
        ({"cache-control": "no-cache, max-age=600"}, None, None),
        ({"cache-control": "max-age=600, no-store"}, None, None),
        ({"cache-control": "no-store"}, 900.0, 900),
        ({"cache-control": "max-age=0"}, None, None),
        ({"cache-control": "max-age=-600"}, None, None),
        ({"cache-control": "max-age=1e9"}, None, None),
        ({"cache-control": "max-age=604800"}, None, CAP_S),
        ({"cache-control": "max-age=31536000"}, None, None),
        ({"cache-control": "max-age=" + "9" * 500}, None, None),
        ({"expires": "Mon, 02 Mar 2026 07:30:00 GMT"}, None, 3_600),
        ({"expires": "Mon, 02 Mar 2026 07:30:00 GMT", "date": "Mon, 02 Mar 2026 07:00:00 GMT"}, None, 1_800),
        ({"expires": "0"}, None, None),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, None, None),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, None, None),
        ({"cache-control": "max-age=600"}, 1_800.0, 1_800),
        ({"cache-control": "max-age=6000"}, 1_800.0, 6_000),
        ({}, float("nan"), None),
        ({}, float("inf"), None),
        ({}, -5.0, None),
        ({}, 88 * 3_600.0, CAP_S),
    ],
)
def test_what_counts_as_a_hint(headers: dict[str, str], ttl_s: float | None, expected: float | None) -> None:
    assert server_hint_s(headers, DocumentHints(ttl_s=ttl_s), NOW) == expected


@pytest.mark.parametrize(
    ("cache_control", "fast"),
    [("max-age=60", True), ("max-age=1", True), ("max-age=0", False), ("max-age=61", False), ("no-cache", False)],
)
def test_only_a_minute_that_is_promised_makes_a_feed_fast(cache_control: str, fast: bool) -> None:
    assert is_fast({"cache-control": cache_control}) is fast


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120),
        ("Mon, 02 Mar 2026 06:31:00 GMT", 60),
        ("Mon, 02 Mar 2026 06:00:00 GMT", 0),
        ("999999999999999999999", CAP_S),
        ("-1", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(value: str, expected: float | None) -> None:
    assert retry_after_s({"retry-after": value}, NOW) == expected


@given(
    st.dictionaries(
        st.sampled_from(["cache-control", "expires", "date", "age", "retry-after"]),
        st.text(max_size=60) | st.integers().map(lambda n: f"max-age={n}") | st.integers().map(str),
    ),
    st.none() | st.floats(),
)
def test_no_hint_is_ever_out_of_bounds(headers: dict[str, str], ttl_s: float | None) -> None:
    hint = server_hint_s(headers, DocumentHints(ttl_s=ttl_s), NOW)
    assert hint is None or 0 < hint <= CAP_S
    asked = retry_after_s(headers, NOW)
    assert asked is None or 0 <= asked <= CAP_S


def test_hours_are_skipped_only_where_nothing_was_ever_published() -> None:
    night = 0b1111_1100  # 2 to 7
    assert postpone(NOW, skip_hours=night, skip_days=0, active=1 << 12) == NOW.replace(hour=8, minute=0)
    assert postpone(NOW, skip_hours=night, skip_days=0, active=1 << 7) == NOW.replace(hour=7, minute=0)
    assert postpone(NOW, skip_hours=night, skip_days=0, active=1 << 6) == NOW
    assert postpone(NOW, skip_hours=night, skip_days=0, active=0) == NOW, "no history agrees to nothing"


def test_days_are_skipped_for_one_day_at_most() -> None:
    assert postpone(NOW, skip_hours=0, skip_days=0b1, active=1 << 12) == NOW.replace(day=3, hour=0, minute=0)
    assert postpone(NOW, skip_hours=0, skip_days=0b11, active=1 << 12) == NOW + DAY
    assert postpone(NOW, skip_hours=0, skip_days=0b1, active=1 << 24) == NOW


@given(st.integers(0, 2**24 - 1), st.integers(0, 127), st.integers(0, 2**31 - 1), st.datetimes(timezones=st.just(UTC)))
def test_a_postponed_poll_is_never_earlier_nor_a_day_later(hours: int, days: int, active: int, at: datetime) -> None:
    if at.year < 9999:
        assert at <= postpone(at, skip_hours=hours, skip_days=days, active=active) <= at + DAY
