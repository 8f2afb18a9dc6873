from __future__ import annotations

import pytest

from streams.guard import BUDGET, Guard
from streams.pace import PACE


def test_theme_within_its_budget_is_asked_for_nothing() -> None:
    guard = Guard()
    for _ in range(int(BUDGET[0])):
        guard.opened()
    assert guard.demand() == 0


def test_the_further_beyond_its_budget_the_more_is_asked() -> None:
    guard = Guard()
    demands = []
    for _ in range(10):
        guard.opened()
        demands.append(guard.demand())
    assert demands == sorted(demands)
    assert demands[5] == pytest.approx(0.5)
    assert demands[-1] == 1.0


def test_openings_are_forgotten_by_half_in_four_weeks() -> None:
    guard = Guard(openings=8.0)
    for _ in range(28 * 288):
        guard.age()
    assert guard.openings == pytest.approx(4.0)


def test_only_a_larger_peak_breaks_the_record() -> None:
    guard = Guard()
    for _ in range(100):
        guard.learn([(2, 2.0)])
    guard.learn([(40, 2.0)])
    assert guard.standing([(30, 2.0)]) < 1
    assert guard.standing([(60, 2.0)]) > 1


def test_record_fades_so_that_last_years_storm_does_not_hide_todays() -> None:
    guard = Guard()
    guard.learn([(400, 2.0)])
    for _ in range(120 * 288):
        guard.learn([(2, 2.0)])
    assert guard.standing([(60, 2.0)]) > 1


def test_usual_swings_are_no_record() -> None:
    wild, calm = Guard(), Guard()
    for i in range(20 * 288):
        wild.learn([(20 * (i % 2), 10.0)])
        calm.learn([(10, 10.0)])
    assert wild.standing([(30, 10.0)]) < calm.standing([(30, 10.0)])
    assert PACE.hour == 12
