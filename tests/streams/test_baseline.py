from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from deskwatch.counts import normal_range
from streams.baseline import MAX_LOG, Baseline, Rhythm, surprise

DAY = 288  # buckets


@pytest.mark.parametrize(("observed", "mean", "phi"), [(1, 0.2, 0.1), (5, 1.0, 0.5), (30, 10.0, 0.02), (3, 40.0, 0.3)])
def test_surprise_is_the_negative_binomial_tail(observed: int, mean: float, phi: float) -> None:
    size = 1 / phi
    expected = -math.log10(stats.nbinom.sf(observed - 1, size, size / (size + mean)))
    assert surprise(observed, mean, phi) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("mean", "phi"), [(0.3, 0.1), (4.0, 0.5), (120.0, 0.05)])
def test_normal_range_holds_nine_tenths(mean: float, phi: float) -> None:
    size = 1 / phi
    law = stats.nbinom(size, size / (size + mean))
    assert normal_range(mean, phi) == (int(law.ppf(0.05)), int(law.ppf(0.95)))


def test_normal_range_of_nothing_is_nothing() -> None:
    assert normal_range(0.0, 0.1) == (0, 0)


def test_surprise_of_nothing_seen_or_nothing_expected_is_none() -> None:
    assert surprise(0, 5.0, 0.1) == 0
    assert surprise(3, 0.0, 0.1) == 0


def test_surprise_has_a_ceiling() -> None:
    assert surprise(100_000, 0.001, 0.02) == MAX_LOG


@given(st.integers(1, 200), st.floats(0.01, 100), st.floats(0.02, 5))
def test_more_seen_is_never_less_surprising(observed: int, mean: float, phi: float) -> None:
    assert surprise(observed + 1, mean, phi) >= surprise(observed, mean, phi)
    assert surprise(observed, mean * 1.1, phi) <= surprise(observed, mean, phi) + 1e-9


def test_level_and_daily_rhythm_are_learnt() -> None:
    chance = np.random.default_rng(7)
    baseline = Baseline()
    rates = [0.5 if 8 <= (b % DAY) // 12 < 20 else 0.05 for b in range(28 * DAY)]
    for bucket, rate in enumerate(rates):
        baseline.learn(bucket, Rhythm(), int(chance.poisson(rate)), 1.0, [(0, 0.0)])
    start = 28 * DAY
    day = [baseline.expected(start + b) for b in range(DAY)]
    assert np.mean(day[10 * 12 : 18 * 12]) == pytest.approx(0.5, rel=0.2)
    assert np.mean(day[: 6 * 12]) < 0.4 * np.mean(day[10 * 12 : 18 * 12])  # each hour starts at the mean of all
    assert baseline.learnt == 28 * DAY


def test_one_great_event_hardly_moves_the_level() -> None:
    calm, shaken = Baseline(), Baseline()
    for bucket in range(14 * DAY):
        calm.learn(bucket, Rhythm(), bucket % 4 == 0, 1.0, [])
        shaken.learn(bucket, Rhythm(), 60 if 7 * DAY <= bucket < 7 * DAY + 12 else bucket % 4 == 0, 1.0, [])
    day = range(14 * DAY, 15 * DAY)
    assert sum(shaken.expected(b) for b in day) < 1.05 * sum(calm.expected(b) for b in day)


def test_half_healthy_buckets_with_half_the_news_teach_the_same_level() -> None:
    healthy, halved = Baseline(), Baseline()
    for bucket in range(20 * DAY):
        healthy.learn(bucket, Rhythm(), 2 * (bucket % 2), 1.0, [])
        halved.learn(bucket, Rhythm(), bucket % 2, 0.5, [])
    assert halved.expected(20 * DAY) == pytest.approx(healthy.expected(20 * DAY), rel=0.05)


def test_scatter_beyond_poisson_is_learnt_per_window() -> None:
    baseline = Baseline()
    for bucket in range(10 * DAY):
        baseline.learn(bucket, Rhythm(), 1, 1.0, [(10, 10.0), (30 if bucket % 2 else 0, 15.0)])
    assert baseline.variance_factor(0, 10 * DAY) < 0.1
    assert baseline.variance_factor(1, 10 * DAY) > 0.5
