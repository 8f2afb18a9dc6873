from __future__ import annotations

import random
from datetime import timedelta

import pytest
from desk_facts import T0, quiet_days, sighting

from streams.advancing import advance
from streams.facts import Fact, Health, order_of
from streams.memory import Desk, load, snapshot
from streams.pace import PACE
from streams.rules import Rules
from streams.shares import KEPT, Shares

RULES = Rules()
DAY = timedelta(days=1)


def told(feed: str, days: float, *, ok: bool) -> Health:
    at = T0 + days * DAY
    return Health(at=at, effective=at, feed_id=feed, ok=ok)


def test_theme_misses_what_its_own_feeds_usually_give() -> None:
    shares = Shares()
    for number in range(1000):
        shares.hear("ministry" if number % 10 else "paper", number)
    assert shares.health({"ministry"}, 100, 1000) == pytest.approx(0.1, abs=0.03)
    assert shares.health({"paper"}, 100, 1000) == pytest.approx(0.9, abs=0.03)
    assert shares.health({"never-heard-of"}, 100, 1000) > 0.99
    assert shares.health(set(), 100, 1000) == 1


def test_all_feeds_down_is_no_health_at_all() -> None:
    shares = Shares()
    for number in range(5 * KEPT):
        shares.hear(f"feed-{number % (2 * KEPT)}", number)
    everything = {f"feed-{n}" for n in range(2 * KEPT)}
    assert shares.health(everything, len(everything), 500) == pytest.approx(0, abs=1e-9)


def test_as_many_feeds_as_like_are_kept_and_all_of_them_count() -> None:
    shares = Shares()
    for number in range(10_000):
        shares.hear(f"feed-{number % 500}", 0)
    assert len(shares.weights) == KEPT
    assert sum(shares.weights.values()) + shares.rest == pytest.approx(10_000)


def test_what_came_long_ago_weighs_little() -> None:
    shares = Shares()
    half_life = round(28 * PACE.day)
    for _ in range(800):
        shares.hear("old", 0)
    for _ in range(100):
        shares.hear("new", 3 * half_life)
    assert shares.weights["old"] == pytest.approx(shares.weights["new"])


def steady(feeds: dict[str, tuple[float, float, float]], seed: int = 3) -> list[Fact]:
    """Return articles of feeds, each from one day to another with so many an hour."""
    chance, facts, number = random.Random(seed), list[Fact](), 10_000
    for feed, (start, end, per_hour) in feeds.items():
        at = T0 + start * DAY
        while (at := at + timedelta(hours=chance.expovariate(per_hour))) < T0 + end * DAY:
            number += 1
            facts.append(sighting(number, at, owner=f"{feed}-{number % 9}", feed=feed))
    return facts


def run(facts: list[Fact], days: float) -> tuple[Desk, list[str]]:
    desk, out = advance(Desk(), sorted(facts, key=order_of), T0 + days * DAY, RULES)
    return desk, [f"{spike.kind} {spike.turn}" for spike in out.spikes]


def beginning_with(*feeds: str) -> list[Fact]:
    return [quiet_days(0)[0], *(told(feed, 0, ok=True) for feed in feeds)]


@pytest.mark.slow
def test_feed_that_joins_fakes_no_spike_and_counts_when_its_share_is_known() -> None:
    facts = [*beginning_with("wire"), *steady({"wire": (0, 24, 4), "flood": (14, 24, 16)})]
    facts.append(told("flood", 14, ok=True))
    desk, turns = run(facts, 24)
    assert turns == []
    both = [*beginning_with("wire", "flood"), *steady({"wire": (0, 24, 4), "flood": (0, 24, 16)})]
    always = run(both, 24)[0].themes["taiwan"].state.baseline
    assert desk.themes["taiwan"].state.baseline.rate() == pytest.approx(always.rate(), rel=0.1)
    assert desk.state.joined == {}


def test_without_that_the_same_feed_would_open_an_episode() -> None:
    facts = [*beginning_with("wire", "flood"), *steady({"wire": (0, 24, 4), "flood": (14, 24, 16)})]
    assert "spike opened" in run(facts, 24)[1]


@pytest.mark.slow
def test_feed_that_leaves_fakes_no_silence_and_takes_its_share_with_it() -> None:
    facts = [*beginning_with("wire", "big"), *steady({"wire": (0, 34, 2), "big": (0, 20, 18)})]
    facts.append(told("big", 20, ok=False))
    desk, turns = run(facts, 34)
    assert turns == []
    assert desk.themes["taiwan"].state.baseline.rate() * PACE.hour == pytest.approx(2, rel=0.35)
    assert "big" not in desk.state.feeds


def test_feeds_that_come_and_go_give_the_same_in_one_step_or_with_restarts_between() -> None:
    facts = [*beginning_with("wire", "big"), *steady({"wire": (0, 12, 2), "big": (0, 3, 4), "new": (2, 12, 3)})]
    facts = sorted([*facts, told("new", 2, ok=True), told("big", 3, ok=False)], key=order_of)
    whole, _ = advance(Desk(), facts, T0 + 12 * DAY, RULES)
    desk = Desk()
    for cut in (2.5, 4, 5.1, 11, 12):
        portion = [fact for fact in facts if fact.effective < T0 + cut * DAY]
        facts = facts[len(portion) :]
        desk, _ = advance(desk, portion, T0 + cut * DAY, RULES)
        desk = load({key: value for key, value in snapshot(desk).items() if value is not None})
    assert snapshot(desk) == snapshot(whole)


def test_feeds_that_are_all_down_are_not_given_up() -> None:
    facts = [*beginning_with("wire", "paper"), *(told(feed, 2, ok=False) for feed in ("wire", "paper"))]
    desk, _ = run([*facts, *steady({"wire": (0, 2, 4)})], 20)
    assert set(desk.state.feeds) == {"wire", "paper"}


def test_half_of_the_usual_evidence_missing_halves_what_is_expected() -> None:
    facts = [
        *beginning_with("wire", "big"),
        *steady({"wire": (0, 11, 4), "big": (0, 10, 4)}),
        told("big", 10, ok=False),
    ]
    _, out = advance(Desk(), sorted(facts, key=order_of), T0 + 11 * DAY, RULES)
    last = out.buckets[-1]
    assert last.health == pytest.approx(0.5, abs=0.05)
    assert last.expected * PACE.hour == pytest.approx(4, rel=0.4)
