from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from desk_facts import MINUTE, T0, burst, quiet_days, sighting

from deskwatch.records import Spike, Turn
from streams.advancing import advance
from streams.facts import Fact, order_of
from streams.memory import Desk
from streams.rules import Rules

RULES = Rules()
START = T0 + timedelta(days=9, hours=10)
BEFORE = quiet_days(10, per_hour=1)


def run(facts: Sequence[Fact], until: datetime = START + timedelta(hours=14)) -> list[Spike]:
    _, out = advance(Desk(), sorted([*BEFORE, *facts], key=order_of), until, RULES)
    return [spike for spike in out.spikes if spike.detected_at >= START and spike.kind == "spike"]


def turns(spikes: Sequence[Spike]) -> list[str]:
    return [spike.turn.value for spike in spikes]


def test_episode_is_past_its_peak_before_it_ends() -> None:
    spikes = run(burst(START, 40))
    told = turns(spikes)
    assert told[0] == "opened"
    assert told[-2:] == ["peaked", "ended"]
    assert spikes[-2].peak_at is not None
    assert START < spikes[-2].peak_at <= START + timedelta(hours=1)
    assert spikes[-1].peak_at == spikes[-2].peak_at


def test_another_story_that_comes_to_dominate_is_told_once() -> None:
    first = burst(START, 6, story_key="first", title="First story of the day about the strait and its ferries")
    first += burst(START, 10, first=200_000)
    later = START + timedelta(hours=2)
    second = burst(later, 9, first=300_000, story_key="second", title="Second story, about something else altogether")
    second += burst(later, 10, first=400_000)
    spikes = run([*first, *second])
    news = [spike for spike in spikes if spike.turn is Turn.NEW_STORY]
    assert len(news) == 1
    assert news[0].headlines[0].title.startswith("Second story")
    assert news[0].headlines[0].copies >= 2
    assert spikes[0].spike_id == news[0].spike_id


def test_story_of_one_owner_does_not_come_to_dominate() -> None:
    later = START + timedelta(hours=2)
    second = burst(later, 9, first=300_000, story_key="second", owner="one", title="Second story, of one outlet alone")
    assert "new_story" not in turns(run([*burst(START, 16), *second]))


def corrected(number: int, at: datetime, **changes: object) -> Fact:
    return sighting(number, at, revision=1, themes=(), **changes)


def test_episode_is_withdrawn_when_its_articles_are_corrected() -> None:
    count = 14
    reports = burst(START, count)
    later = START + 40 * MINUTE
    fixes = [corrected(100_000 + n, later) for n in range(count)]
    spikes = run([*reports, *fixes])
    assert turns(spikes)[-1] == "withdrawn"
    assert spikes[-1].state == "withdrawn"
    assert spikes[-1].observed < 3
    assert spikes[-1].spike_id == spikes[0].spike_id


def test_correction_of_one_article_among_many_withdraws_nothing() -> None:
    spikes = run([*burst(START, 40), corrected(100_003, START + timedelta(hours=1))])
    assert "withdrawn" not in turns(spikes)
    assert turns(spikes)[-1] == "ended"


@pytest.mark.slow
def test_correction_of_what_is_not_of_the_episode_withdraws_nothing() -> None:
    other = sighting(7, START - timedelta(hours=3), owner="elsewhere")
    for count in range(8, 16):  # some open by little
        spikes = run([other, *burst(START, count), corrected(7, START + 30 * MINUTE)])
        assert "withdrawn" not in turns(spikes)


def test_corrected_article_leaves_the_buckets_and_may_come_back() -> None:
    at = START + MINUTE
    once = [sighting(1, at)]
    lost = [*once, corrected(1, at + 20 * MINUTE)]
    back = [*lost, sighting(1, at + 40 * MINUTE, revision=2, event_at=at)]
    for facts, articles in ((once, 1), (lost, 0), (back, 1)):
        everything = [fact for fact in BEFORE if fact.effective < START - timedelta(hours=5)] + facts
        _, out = advance(Desk(), sorted(everything, key=order_of), START + timedelta(hours=2), RULES)
        last = [bucket for bucket in out.buckets if bucket.start <= at < bucket.end][-1]
        assert (last.articles, last.observed) == (articles, articles)


def test_older_revision_that_comes_late_changes_nothing() -> None:
    at = START + MINUTE
    facts = [sighting(1, at, revision=2, themes=("taiwan",)), corrected(1, at + MINUTE)]
    everything = [*BEFORE, *facts]
    _, out = advance(Desk(), sorted(everything, key=order_of), START + timedelta(hours=1), RULES)
    assert out.outcomes["retracted"] == 0
