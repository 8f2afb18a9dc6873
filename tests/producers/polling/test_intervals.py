from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.polling import intervals
from producers.polling.intervals import CAP_S, FLOOR_S, adapt, clamp, heed, is_on_time, longest_s, spread

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
seconds = st.floats(1, 1e7)


@pytest.mark.parametrize(
    ("known", "total", "compared"),
    [(0, 0, 1), (20, 20, 1), (14, 20, 1), (10, 20, 0), (7, 20, 0), (6, 20, -1), (1, 20, -1), (0, 20, -1)],
)
def test_the_overlap_of_two_polls_moves_the_interval(known: int, total: int, compared: int) -> None:
    interval_s = adapt(1_000, known=known, total=total)
    assert (interval_s > 1_000) - (interval_s < 1_000) == compared


def test_no_overlap_halves_the_interval() -> None:
    assert adapt(1_000, known=0, total=5) == 500


def test_a_rare_but_lively_feed_is_asked_every_hour_and_a_silent_one_ever_less() -> None:
    assert longest_s(600, 0) == 300
    assert longest_s(86_400, 0) == 3_600
    assert longest_s(None, 0) == 3_600
    assert longest_s(86_400, 86_400) == 3_600
    assert longest_s(86_400, 7 * 86_400) == 7 * 3_600
    assert longest_s(600, 24 * 86_400) == CAP_S
    assert longest_s(86_400, 1_200, wire=True) == 60
    assert longest_s(86_400, 86_400, wire=True) == 3_600


def test_a_hint_lengthens_only_and_not_beyond_half_the_document() -> None:
    assert heed(600, 3_600, gap_s=None, total=20, floor_s=FLOOR_S) == 3_600
    assert heed(600, 60, gap_s=None, total=20, floor_s=FLOOR_S) == 600
    assert heed(600, 86_400, gap_s=300, total=20, floor_s=FLOOR_S) == 3_000
    assert heed(600, 86_400, gap_s=300, total=0, floor_s=FLOOR_S) == 3_000, "a 304 does not tell how many items"
    assert heed(600, 86_400, gap_s=0.0, total=20, floor_s=FLOOR_S) == 600


@given(
    seconds,
    st.none() | st.floats(0, 1e9),
    st.none() | st.floats(0, 1e9),
    st.integers(0, 2_000),
    st.floats(0, 1, exclude_max=True),
)
def test_an_interval_is_always_within_its_bounds(
    adaptive_s: float, hint_s: float | None, gap_s: float | None, total: int, jitter: float
) -> None:
    chosen = spread(heed(adaptive_s, hint_s, gap_s=gap_s, total=total, floor_s=FLOOR_S), jitter)
    assert 0.9 * FLOOR_S <= chosen <= 1.1 * CAP_S
    assert chosen >= 0.9 * clamp(adaptive_s, floor_s=FLOOR_S)


@given(st.integers(0, 100), st.integers(0, 100), seconds)
def test_more_overlap_never_shortens(known: int, more: int, interval_s: float) -> None:
    total = 100
    less, most = sorted((known, more))
    assert adapt(interval_s, known=less, total=total) <= adapt(interval_s, known=most, total=total)


def test_a_late_poll_is_not_compared() -> None:
    assert is_on_time(NOW, NOW + timedelta(seconds=100), 300)
    assert is_on_time(NOW, NOW - timedelta(hours=1), 300)
    assert not is_on_time(NOW, NOW + timedelta(seconds=200), 300)
    assert not is_on_time(None, NOW, intervals.FLOOR_S)
