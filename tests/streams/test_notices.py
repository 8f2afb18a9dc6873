from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from desk_facts import MINUTE, T0, burst, quiet_days, sighting

from deskwatch.records import Spike
from streams.advancing import advance
from streams.facts import Fact, Health, order_of
from streams.memory import Desk
from streams.rules import Rules

RULES = Rules()
WIRE = "A story of the wire that everybody prints without a change"


def run(facts: Sequence[Fact], until: datetime, kind: str) -> list[Spike]:
    _, out = advance(Desk(), sorted(facts, key=order_of), until, RULES)
    return [spike for spike in out.spikes if spike.kind == kind]


def wire(start: datetime, owners: int, *, first: int = 100_000, title: str = WIRE) -> list[Fact]:
    return burst(start, owners, first=first, story_key=title, title=title)


def test_story_taken_over_by_many_is_one_notice_of_low_severity() -> None:
    start = T0 + timedelta(days=8, hours=3)
    found = run([*quiet_days(9), *wire(start, 40)], T0 + timedelta(days=9), "pickup")
    assert len(found) == 1
    notice = found[0]
    assert (notice.severity, notice.observed, notice.stories, notice.origins) == ("low", 15, 1, 1)
    assert notice.headlines[0].title == WIRE
    assert notice.detected_at == start + 14 * MINUTE


def test_story_taken_over_by_fewer_is_none() -> None:
    start = T0 + timedelta(days=8, hours=3)
    assert run([*quiet_days(9), *wire(start, 14)], T0 + timedelta(days=9), "pickup") == []


def test_where_stories_are_always_taken_over_by_many_only_the_widest_is_told() -> None:
    facts = list(quiet_days(30))
    for day in range(1, 30):
        owners = 60 if day == 28 else 25 + day % 5
        title = f"number {day} " + " ".join(f"word{day}of{n}" for n in range(6))
        facts += wire(T0 + timedelta(days=day, hours=5), owners, first=100_000 + 1000 * day, title=title)
    found = run(facts, T0 + timedelta(days=30), "pickup")
    assert any("number 28" in spike.headlines[0].title for spike in found)
    late = [spike for spike in found if spike.detected_at > T0 + timedelta(days=10)]
    assert len(late) <= 4
    assert late[-1].expected > 20


def test_one_owner_printing_a_story_often_is_no_pickup() -> None:
    start = T0 + timedelta(days=8, hours=3)
    same = burst(start, 100, story_key="same", title=WIRE, owner="one")
    assert run([*quiet_days(9), *same], T0 + timedelta(days=9), "pickup") == []


def test_theme_that_falls_silent_while_feeds_answer_is_told_and_its_end_too() -> None:
    silent_from = T0 + timedelta(days=20)
    facts = [fact for fact in quiet_days(30, per_hour=4) if not silent_from < fact.effective < T0 + timedelta(days=22)]
    begun, ended = run(facts, T0 + timedelta(days=23), "quiet")
    assert begun.spike_id == ended.spike_id
    assert (begun.state, ended.state) == ("onset", "resolved")
    assert begun.observed == 0
    assert begun.expected_low > 0
    assert silent_from + timedelta(hours=2) < begun.detected_at < silent_from + timedelta(hours=24)
    assert ended.resolved_at is not None
    assert ended.resolved_at - T0 < timedelta(days=22, hours=3)


def test_silence_of_a_feed_that_does_not_answer_says_nothing() -> None:
    silent_from = T0 + timedelta(days=20)
    facts = [fact for fact in quiet_days(21, per_hour=4) if fact.effective < silent_from]
    facts.append(Health(at=silent_from, effective=silent_from, feed_id="wire", ok=False))
    assert run(facts, T0 + timedelta(days=23), "quiet") == []


@pytest.mark.slow
def test_usual_gaps_of_a_theme_with_few_articles_say_nothing() -> None:
    for seed in range(4):
        assert run(quiet_days(40, per_hour=0.2, seed=seed), T0 + timedelta(days=40), "quiet") == []


def test_a_copy_breaks_the_silence_as_well() -> None:
    silent_from = T0 + timedelta(days=20)
    facts = [fact for fact in quiet_days(21, per_hour=4) if fact.effective < silent_from]
    old = sighting(90_000, silent_from - MINUTE, title=WIRE, story_key="old")
    copies = [
        sighting(90_001 + n, silent_from + timedelta(hours=n), title=WIRE, story_key="old", owner="other")
        for n in range(48)
    ]
    assert run([*facts, old, *copies], silent_from + timedelta(days=2), "quiet") == []
