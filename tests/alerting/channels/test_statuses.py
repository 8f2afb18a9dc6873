from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.channels.statuses import LONGEST_S, judge, read_retry_after
from alerting.delivery import Reason
from deskwatch.records import DeliveryState

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("-7", 0),
        ("1.5", 0),
        ("nan", 0),
        ("٣", 0),  # a digit, but none of HTTP's
        ("9" * 400, LONGEST_S),
        ("soon", 0),
        ("Tue, 24 Nov 2026 14:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 14:00:30 -0000", 30),
        ("Tue, 24 Nov 2026 13:00:00 GMT", 0),
        ("Tue, 24 Nov 9999 13:00:00 GMT", LONGEST_S),
        ("Tue, 99 Nov 2026 13:00:00 GMT", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_anything_else_is_none(value: str | None, seconds: float) -> None:
    assert read_retry_after(value, NOW.timestamp()) == seconds


@given(st.integers(0, 86_400))
def test_a_number_and_its_date_ask_for_the_same(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert read_retry_after(date, NOW.timestamp()) == read_retry_after(str(seconds), NOW.timestamp()) == seconds


@given(st.text(max_size=60))
def test_whatever_a_server_writes_there_is_a_wait_within_bounds(value: str) -> None:
    assert 0 <= read_retry_after(value, NOW.timestamp()) <= LONGEST_S


@given(st.integers(0, 999), st.floats(0, 1000))
def test_only_2xx_is_sent_and_only_what_is_surely_refused_is_dead(status: int, retry_after_s: float) -> None:
    outcome = judge(status, retry_after_s)

    assert (outcome.state is DeliveryState.SENT) is (200 <= status < 300)
    assert outcome.state is not DeliveryState.DEAD or status in (301, 307, 308) or 400 <= status < 500
    assert outcome.state is not DeliveryState.RETRY or status in (401, 402, 403, 407, 429, 503)
    assert (outcome.reason is Reason.NONE) is (outcome.state is DeliveryState.SENT)
    assert str(status) in outcome.detail or outcome.state is DeliveryState.SENT
