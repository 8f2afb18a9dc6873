"""A theme that is edited, and what the desk makes of it: neither a spike nor a silence."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from desk_facts import MINUTE, T0, burst, sighting
from hypothesis import given, settings
from hypothesis import strategies as st

from deskwatch.records import Bucket, Learnt, Normal, SpikeState
from deskwatch.settings import Settings
from streams.advancing import OWN_DAYS, Outputs, advance
from streams.baseline import Rhythm
from streams.facts import Fact, Health, Lesson, NewGeneration, Sighting, order_of
from streams.generations import waiting
from streams.memory import Desk, load, snapshot
from streams.pace import PACE
from streams.relearning import Archive, Job, relearn
from streams.rules import Rules
from streams.voices import Voices

RULES = Rules()
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EDITED = T0 + 9 * DAY
LEARNT = EDITED + 7 * MINUTE
END = EDITED + 1 * DAY
DEFINITIONS = {"taiwan": "narrow", "tariffs": "same"}
WIDE = DEFINITIONS | {"taiwan": "wide"}


def world(days: float = 10, *, per_hour: float = 3, seed: int = 4) -> list[Sighting]:
    """Return articles; those of `taiwan` and of `strait` are a theme together by the wider definition."""
    chance, found = random.Random(seed), list[Sighting]()
    for kind in ("taiwan", "strait", "tariffs"):
        at = T0
        while (at := at + timedelta(hours=chance.expovariate(per_hour))) < T0 + days * DAY:
            number = len(found)
            found.append(sighting(number, at, themes=(kind,), owner=f"owner-{number % 40}", feed=f"feed-{number % 5}"))
    return found


def judged(articles: Sequence[Sighting], *, wide_from: datetime, narrow_from: datetime = END) -> list[Fact]:
    """Return the articles as classified, by the wider definition from an instant on."""
    facts: list[Fact] = []
    for one in articles:
        wide = wide_from <= one.at < narrow_from
        if one.themes != ("strait",):
            facts.append(one)
        elif wide:
            facts.append(sighting(0, one.at, article_id=one.article_id, story_key=one.story_key, title=one.title,
                                  owner=one.owner, feed=one.feed))  # fmt: skip
    return facts


def generation(at: datetime, definitions: dict[str, str], name: str) -> NewGeneration:
    return NewGeneration(
        at=at, effective=at, config_hash=name, themes=tuple(sorted(definitions)), definitions=definitions
    )


def feeds() -> list[Fact]:
    return [Health(at=T0, effective=T0, feed_id=f"feed-{number}", ok=True) for number in range(5)]


def lessons(
    articles: Sequence[Sighting], desk: Desk, until: datetime, at: datetime, definitions: dict[str, str]
) -> list[Fact]:
    """Return what a backtest over all articles teaches a desk."""
    archive = Archive(definitions, T0, until)
    for fact in [*feeds(), *judged(articles, wide_from=T0)]:
        archive.add_facts([fact], fact.at)
        archive.articles += isinstance(fact, Sighting)
    known = tuple(desk.state.feeds)
    job = Job(settings=Settings(), rules=RULES, definitions=definitions, until=until, days=90, rhythm=desk.state.rhythm,
              voices=desk.state.voices, feeds=known)  # fmt: skip
    return [Lesson(at=at, effective=at, learnt=one) for one in relearn(archive, job, lambda _: None)]


def history(articles: Sequence[Sighting]) -> list[Fact]:
    """Return the desk log of a desk whose theme is edited and learnt anew."""
    first = generation(T0, DEFINITIONS, "first")
    before = sorted([first, *feeds(), *judged(articles, wide_from=EDITED)], key=order_of)
    desk, _ = advance(Desk(), [fact for fact in before if fact.effective < EDITED], EDITED, RULES)
    learnt = lessons(articles, desk, EDITED, LEARNT, {"taiwan": "wide"})
    return sorted([*before, generation(EDITED, WIDE, "second"), *learnt], key=order_of)


def run(facts: Sequence[Fact], until: datetime = END) -> tuple[Desk, Outputs]:
    return advance(Desk(), sorted(facts, key=order_of), until, RULES)


@pytest.fixture(scope="module")
def articles() -> list[Sighting]:
    return world()


@pytest.fixture(scope="module")
def facts(articles: list[Sighting]) -> list[Fact]:
    return history(articles)


def of(out: Outputs, theme: str) -> list[Bucket]:
    return [bucket for bucket in out.buckets if bucket.theme == theme]


@pytest.mark.slow
def test_theme_that_matches_twice_as_much_fakes_nothing_and_has_the_level_of_one_that_always_did(
    articles: list[Sighting], facts: list[Fact]
) -> None:
    always = [generation(T0, WIDE, "always"), *feeds(), *judged(articles, wide_from=T0)]
    for until in (LEARNT + HOUR, END):
        desk, out = run([fact for fact in facts if fact.effective < until], until)
        assert [spike for spike in out.spikes if spike.theme == "taiwan"] == []
        level = desk.themes["taiwan"].state.baseline.rate()
        reference, _ = run([fact for fact in always if fact.effective < until], until)
        assert level == pytest.approx(reference.themes["taiwan"].state.baseline.rate(), rel=0.1)
        assert waiting(desk) == {}
        assert desk.themes["taiwan"].state.learnt_from.startswith("backtest of 2026-03-02..2026-03-10, ")


def test_without_that_the_same_edit_opens_an_episode(articles: list[Sighting]) -> None:
    _, out = run([generation(T0, DEFINITIONS, "first"), *feeds(), *judged(articles, wide_from=EDITED)])
    assert any(spike.theme == "taiwan" for spike in out.spikes)


@pytest.mark.slow
def test_theme_that_matches_less_falls_not_silent() -> None:
    articles = [one for one in world(per_hour=6) if one.themes[0] != "taiwan"]  # nothing is left by the narrow one
    narrow = [
        generation(T0, WIDE, "first"),
        *feeds(),
        *judged(articles, wide_from=T0, narrow_from=EDITED),
        generation(EDITED, DEFINITIONS, "second"),
    ]
    _, out = run(narrow)
    assert [spike for spike in out.spikes if spike.theme == "taiwan"] == []
    unaware = [fact for fact in narrow if not (isinstance(fact, NewGeneration) and fact.config_hash == "second")]
    assert [spike.kind for spike in run(unaware)[1].spikes if spike.theme == "taiwan"] == ["quiet"]


@pytest.mark.slow
def test_other_themes_have_the_spikes_and_counts_of_a_desk_without_the_change(
    articles: list[Sighting], facts: list[Fact]
) -> None:
    event = burst(EDITED + 5 * HOUR, 30, first=900_000, themes=("tariffs",))
    _, changed = run([*facts, *event])
    _, plain = run([generation(T0, DEFINITIONS, "first"), *feeds(), *judged(articles, wide_from=END), *event])
    told = [(s.spike_id, s.revision, s.turn, s.observed, s.severity) for s in plain.spikes if s.theme == "tariffs"]
    assert told
    assert [(s.spike_id, s.revision, s.turn, s.observed, s.severity) for s in changed.spikes] == told
    ours, theirs = of(changed, "tariffs"), of(plain, "tariffs")
    assert [(b.start, b.revision, b.articles, b.observed, b.owners, b.health) for b in ours] == [
        (b.start, b.revision, b.articles, b.observed, b.owners, b.health) for b in theirs
    ]
    # The wave over the day is common to all themes, so a theme that counts more moves it, if hardly.
    assert [b.expected for b in ours] == pytest.approx([b.expected for b in theirs], rel=0.01)


def test_theme_is_unobserved_while_it_is_learnt(facts: list[Fact]) -> None:
    _, out = run(facts, LEARNT + HOUR)
    meanwhile = [b.expected for b in of(out, "taiwan") if b.start >= EDITED and b.end <= LEARNT - 2 * MINUTE]
    assert meanwhile == [0.0] * len(meanwhile)
    assert all(b.expected > 0 for b in of(out, "taiwan") if b.start < EDITED or b.start > LEARNT)


@pytest.mark.slow
@settings(deadline=None, max_examples=4)
@given(st.lists(st.integers(0, 6 * 13 * 60), max_size=6), st.randoms())
def test_one_step_or_many_or_restarts_between_give_the_same(
    facts: list[Fact], minutes: list[int], chance: random.Random
) -> None:
    end = EDITED + 12 * HOUR
    whole, out = _cached(facts, end)
    cuts = [*sorted(EDITED - HOUR + m * MINUTE / 6 for m in minutes), end]
    desk, total, left = Desk(), Outputs(), [fact for fact in facts if fact.effective < end]
    for cut in cuts:
        portion = [fact for fact in left if fact.effective < cut]
        left = left[len(portion) :]
        desk, more = advance(desk, portion, cut, RULES)
        total.add(more)
        if chance.random() < 0.5:
            desk = load({key: value for key, value in snapshot(desk).items() if value is not None})
    assert total.buckets == out.buckets
    assert total.spikes == out.spikes
    assert snapshot(desk) == snapshot(whole)


_whole: dict[datetime, tuple[Desk, Outputs]] = {}


def _cached(facts: list[Fact], end: datetime) -> tuple[Desk, Outputs]:
    if end not in _whole:
        _whole[end] = run([fact for fact in facts if fact.effective < end], end)
    return _whole[end]


KNOWS = Normal(
    shape=30.0,
    exposure=300.0,
    seen=(5.0,) * 48,
    due=(5.0,) * 48,
    days=(3.0,) * 48,
    scatter=((2.0, 20.0),) * 2,
    buckets=3000,
    openings=5.0,
    feeds={"wire": 4.0},
    cohorts={20514: (3, 4)},
)
EAGER = Rules(
    silent_s=0, min_stories=1, min_owners=1, threshold=0.3, settle_s=1800, quiet_s=900, windows=(3, 6), silent_score=1.0
)
seconds = st.integers(0, 86_400)
news = st.builds(
    lambda number, second, owner, theme, feed: sighting(
        number,
        T0 + timedelta(seconds=second),
        owner=f"owner-{owner}",
        themes=theme,
        feed=feed,
        title=f"Headline number {number} of the day",
    ),
    st.integers(0, 60),
    seconds,
    st.integers(0, 6),
    st.sampled_from([("taiwan",), ("tariffs",), ("taiwan", "tariffs"), ("korea",)]),
    st.sampled_from(["feed-1", "wire"]),
)
changes = st.builds(
    lambda second, definitions: generation(T0 + timedelta(seconds=second), definitions, f"at {second}"),
    seconds,
    st.dictionaries(st.sampled_from(["taiwan", "tariffs", "korea"]), st.sampled_from(["narrow", "wide"])),
)
teachings = st.builds(
    lambda second, theme, definition, known: Lesson(
        at=T0 + timedelta(seconds=second),
        effective=T0 + timedelta(seconds=second),
        learnt=Learnt(theme=theme, definition=definition, holds_from=T0, until=T0, learnt_from="file", normal=known),
    ),
    seconds,
    st.sampled_from(["taiwan", "tariffs", "korea"]),
    st.sampled_from(["narrow", "wide"]),
    st.sampled_from([None, KNOWS]),
)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(
    st.lists(news, max_size=50),
    st.lists(changes, max_size=5),
    st.lists(teachings, max_size=8),
    st.lists(seconds, max_size=8),
    st.randoms(),
)
def test_whatever_is_declared_and_learnt_one_step_or_many_or_restarts_give_the_same(
    seen: list[Fact], changed: list[Fact], taught: list[Fact], cuts: list[int], chance: random.Random
) -> None:
    everything = sorted([generation(T0, DEFINITIONS, "first"), *seen, *changed, *taught], key=order_of)
    end = T0 + timedelta(hours=28)
    whole, out = advance(Desk(), everything, end, EAGER)
    desk, total = Desk(), Outputs()
    for cut in [*sorted(T0 + timedelta(seconds=second) for second in cuts), end]:
        portion = [fact for fact in everything if fact.effective < cut]
        everything = everything[len(portion) :]
        desk, more = advance(desk, portion, cut, EAGER)
        total.add(more)
        if chance.random() < 0.5:
            desk = load({key: value for key, value in snapshot(desk).items() if value is not None})
    assert total.buckets == out.buckets
    assert total.spikes == out.spikes
    assert snapshot(desk) == snapshot(whole)


def small(*generations: Fact, until: datetime) -> tuple[Desk, Outputs]:
    first = generation(T0, DEFINITIONS, "first")
    narrow = [one for one in world(2) if one.themes != ("strait",)]
    return run([first, *feeds(), *narrow, *generations], until)


def cold(definition: str, at: datetime) -> Lesson:
    learnt = Learnt(theme="taiwan", definition=definition, holds_from=at, until=at)
    return Lesson(at=at, effective=at, learnt=learnt)


def test_lesson_for_another_definition_changes_nothing() -> None:
    at = T0 + DAY
    changed, late = generation(at, WIDE, "second"), at + HOUR
    desk, _ = small(changed, cold("another", late), until=at + 2 * HOUR)
    assert waiting(desk) == {"taiwan": "wide"}


def test_without_an_archive_the_theme_begins_cold() -> None:
    at = T0 + DAY
    desk, out = small(generation(at, WIDE, "second"), cold("wide", at + HOUR), until=at + 12 * HOUR)
    state = desk.themes["taiwan"].state
    assert not state.suspended
    assert state.learnt_from == ""
    assert 0 < state.baseline.learnt <= 6 * PACE.hour
    assert out.spikes == []


def test_second_lesson_and_second_generation_of_the_same_change_nothing() -> None:
    at = T0 + DAY
    once, _ = small(generation(at, WIDE, "second"), cold("wide", at + HOUR), until=T0 + 2 * DAY)
    again = [generation(at + 10 * HOUR, WIDE, "second"), cold("wide", at + 11 * HOUR)]
    twice, _ = small(generation(at, WIDE, "second"), cold("wide", at + HOUR), *again, until=T0 + 2 * DAY)
    assert snapshot(twice) == snapshot(once)


def test_change_of_what_only_judges_suspends_nothing() -> None:
    desk, _ = small(generation(T0 + DAY, DEFINITIONS, "other threshold"), until=T0 + 2 * DAY)
    assert desk.state.config_hash == "other threshold"
    assert not any(theme.state.suspended for theme in desk.themes.values())


def test_generation_of_an_older_version_suspends_nothing_and_the_next_one_all() -> None:
    old = NewGeneration(at=T0 + DAY, effective=T0 + DAY, config_hash="old", themes=tuple(DEFINITIONS))
    desk, _ = small(old, until=T0 + DAY + HOUR)
    assert waiting(desk) == {}
    desk, _ = small(old, generation(T0 + DAY + HOUR, DEFINITIONS, "new"), until=T0 + DAY + 2 * HOUR)
    assert waiting(desk) == DEFINITIONS


def test_new_theme_waits_until_it_is_learnt() -> None:
    desk, _ = small(generation(T0 + DAY, DEFINITIONS | {"korea": "k"}, "second"), until=T0 + DAY + HOUR)
    assert waiting(desk) == {"korea": "k"}


def test_episode_in_course_stands_still_and_goes_on() -> None:
    at = T0 + 4 * DAY
    first = generation(T0, DEFINITIONS, "first")
    news = [one for one in world(5) if one.themes != ("strait",)]
    event = burst(at, 40, first=900_000)
    changed = generation(at + HOUR, WIDE, "second")
    known, _ = run([first, *feeds(), *news], at)
    state = known.themes["taiwan"].state.baseline
    assert state.learnt
    teaching = lessons([one for one in news if isinstance(one, Sighting)], known, at, at + 2 * HOUR, {"taiwan": "wide"})
    _, out = run([first, *feeds(), *news, *event, changed, *teaching], T0 + 5 * DAY)
    told = [spike for spike in out.spikes if spike.theme == "taiwan"]
    assert {spike.spike_id for spike in told} == {told[0].spike_id}
    assert not any(at + HOUR < spike.revised_at < at + 2 * HOUR for spike in told)
    assert told[-1].state is SpikeState.RESOLVED
    assert told[-1].learnt_from


def test_theme_that_is_removed_ends_its_episode_and_never_speaks_again() -> None:
    at = T0 + 3 * DAY
    first = generation(T0, DEFINITIONS, "first")
    news = [one for one in world(3) if one.themes != ("strait",)]
    gone = generation(at + HOUR, {name: d for name, d in DEFINITIONS.items() if name != "taiwan"}, "second")
    desk, out = run([first, *feeds(), *news, *burst(at, 40, first=900_000), gone], T0 + 8 * DAY)
    told = [spike for spike in out.spikes if spike.theme == "taiwan"]
    assert (told[-1].state, told[-1].revised_at) == (SpikeState.RESOLVED, at + HOUR)
    assert waiting(desk) == {}
    back = generation(T0 + 4 * DAY, DEFINITIONS, "third")
    desk, _ = run([first, *feeds(), *news, gone, back], T0 + 5 * DAY)
    assert waiting(desk) == {"taiwan": "narrow"}


def test_lessons_from_a_file_make_a_new_desk_one_that_knows(articles: list[Sighting]) -> None:
    blank = Desk()
    learnt = [fact.learnt for fact in lessons(articles, blank, EDITED, EDITED, WIDE) if isinstance(fact, Lesson)]
    epoch = datetime.fromtimestamp(0, T0.tzinfo)
    taught: list[Fact] = [Lesson(at=epoch, effective=epoch, learnt=one) for one in learnt]
    later = [one for one in articles if one.at >= EDITED and one.themes != ("strait",)]
    event = burst(EDITED + 2 * HOUR, 30, first=900_000)
    beginning = [generation(epoch, WIDE, "first"), *taught]
    desk, out = run([*beginning, *later, *event], EDITED + 12 * HOUR)
    assert {spike.theme for spike in out.spikes} == {"taiwan"}
    assert out.spikes[0].learnt_from == learnt[0].learnt_from
    assert out.spikes[0].learnt_days == pytest.approx(9, abs=0.5)
    _, untaught = run([beginning[0], *later, *event], EDITED + 12 * HOUR)
    assert untaught.spikes == []
    assert snapshot(run([*beginning, *taught, *later, *event], EDITED + 12 * HOUR)[0]) == snapshot(desk)


def test_what_was_known_long_ago_counts_for_little() -> None:
    epoch = datetime.fromtimestamp(0, T0.tzinfo)
    learnt = [fact for fact in lessons(world(5), Desk(), T0 + 5 * DAY, epoch, WIDE) if isinstance(fact, Lesson)]
    days = {}
    for gap in (0, 60):
        news = sighting(1, T0 + (5 + gap) * DAY)
        desk, _ = run([generation(epoch, WIDE, "first"), *learnt, news], news.at + HOUR)
        days[gap] = desk.themes["taiwan"].state.baseline.exposure / PACE.day
    assert days[0] == pytest.approx(4.7, abs=0.3)
    assert days[60] < 0.1


def test_provenance_is_told_until_the_desk_has_seen_enough_itself() -> None:
    epoch, start = datetime.fromtimestamp(0, T0.tzinfo), T0 + 2 * DAY
    learnt = lessons(world(2), Desk(), start, epoch, {"taiwan": "wide"})
    beginning = [generation(epoch, {"taiwan": "wide"}, "first"), *learnt, sighting(1, start)]
    desk, _ = run(beginning, start + (OWN_DAYS - 1) * DAY)
    assert desk.themes["taiwan"].state.learnt_from
    desk, _ = advance(desk, [], start + (OWN_DAYS + 1) * DAY, RULES)
    assert desk.themes["taiwan"].state.learnt_from == ""


def test_given_rhythm_and_voices_are_left_as_they_were_found(articles: list[Sighting]) -> None:
    desk = Desk()
    desk.state.rhythm = Rhythm(seen=[1.0] * 48, due=[2.0] * 48)
    desk.state.voices = Voices(past={"a": 3.0})
    before = snapshot(desk)
    lessons(articles[:500], desk, EDITED, EDITED, WIDE)
    assert snapshot(desk) == before
