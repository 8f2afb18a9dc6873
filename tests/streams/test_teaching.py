"""What a leader does about a change: against the embedded broker, with the backtest in a process of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from classifiers.loading import load_classifier
from deskwatch import clients
from deskwatch.broker import MockBroker
from deskwatch.owners import Owners
from deskwatch.records import Article, Generation, Learnt, Record, Tick
from deskwatch.settings import Settings
from streams.advancing import advance
from streams.facts import Fact, NewGeneration
from streams.identity import Identity, identify
from streams.memory import Desk
from streams.metrics import DetectorMetrics
from streams.publishing import DeskProducer, Message, message_of
from streams.rules import Rules
from streams.settings import StreamSettings
from streams.teaching import ALONE_AT_MOST_S, ALONE_S, APPLIED, Teacher, fitting

T0 = datetime(2026, 3, 2, tzinfo=UTC)
UNTIL = T0 + timedelta(days=2)
TOPICS = {"articles": 2, "articles.classified": 1}
WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "mesa", "ridge")
THEME = """
title: {name}
definition: Of {name}.
terms:
  en: {{decisive: [{name}]}}
must_match: [Of {name} we sing]
must_not_match: [Of nothing]
"""


@pytest.fixture(scope="module")
def worlds() -> Iterator[Iterator[Settings]]:
    """Yield fresh topics, again and again, of one broker: to start and end it takes a second."""
    prefixes = [f"{number}." for number in range(10)]
    with MockBroker({prefix + name: count for prefix in prefixes for name, count in TOPICS.items()}) as broker:
        yield (Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True, kafka_prefix=p) for p in prefixes)


@pytest.fixture
def settings(worlds: Iterator[Settings], tmp_path: Path) -> Settings:
    (tmp_path / "themes").mkdir()
    for name in ("harbours", "railways"):
        (tmp_path / "themes" / f"{name}.yaml").write_text(THEME.format(name=name))
    found = next(worlds)
    return Settings(
        kafka_bootstrap=found.kafka_bootstrap,
        kafka_embedded=True,
        kafka_prefix=found.kafka_prefix,
        config_dir=str(tmp_path),
    )


def identity_of(settings: Settings) -> Identity:
    return identify(load_classifier(Path(settings.config_dir)).classifier, Rules(), Owners({}))


def archive() -> list[Record]:
    """Return two days of articles, two an hour on harbours; one is from before the desk and one from its future."""
    chance, found = random.Random(3), list[Record]()
    for minute in range(0, 2 * 24 * 60, 10):
        subject = "harbours" if minute % 30 == 0 else chance.choice(["railways", "weather"])
        found.append(article(len(found), T0 + timedelta(minutes=minute), subject, chance))
    found.append(article(9_000, T0 - timedelta(days=4_000), "harbours", chance))
    found.append(article(9_001, UNTIL + timedelta(days=1), "harbours", chance))
    return [*found, Tick(shard=0, at=UNTIL)]


def article(number: int, at: datetime, subject: str, chance: random.Random) -> Article:
    return Article(
        article_id=f"{number:032x}",
        feed_id="wire",
        source=f"Outlet {number % 30}",
        url="",
        title=" ".join([f"News of {subject}:", *chance.choices(WORDS, k=9)]),
        first_seen_at=at,
        fetched_at=at,
    )


def desk_of(definitions: dict[str, str], *later: dict[str, str]) -> Desk:
    """Return a desk that began with some definitions and has since been given others."""
    facts: list[Fact] = [
        NewGeneration(at=at, effective=at, config_hash=f"g{i}", themes=tuple(sorted(each)), definitions=each)
        for i, each in enumerate((definitions, *later))
        for at in [T0 + timedelta(minutes=i)]
    ]
    desk, _ = advance(Desk(), facts[:1], T0, Rules())
    desk.state.now = T0
    desk, _ = advance(desk, facts[1:], T0 + timedelta(hours=1), Rules())
    return desk


def teach(
    settings: Settings,
    desk: Desk,
    work: Callable[[Teacher], object],
    *,
    lessons: Sequence[Learnt] = (),
    judges: Callable[[], set[str]] = set,
    archived: Sequence[Record] = (),
) -> list[Record]:
    """Return what a teacher of this desk has written into the desk log when its work is done."""

    async def run() -> None:
        producer = DeskProducer(settings)
        messages: list[Message] = [message_of(record) for record in archived]
        await producer.publish(settings.topic("articles"), messages, partition=1)
        teacher = Teacher(
            settings,
            StreamSettings(),
            identity_of(settings),
            {one.theme: one for one in lessons},
            producer,
            DetectorMetrics(CollectorRegistry()),
            desk=lambda: desk,
            watermark=lambda: UNTIL,
            judges=judges,
            is_current=lambda: True,
        )
        try:
            await work(teacher)  # type: ignore[misc]  # a coroutine
        finally:
            await producer.close()

    asyncio.run(run())
    return [record for _, record in clients.read_topic(settings, "articles.classified")]


@pytest.mark.slow
def test_changed_theme_is_learnt_from_the_archive_and_the_others_are_left(settings: Settings) -> None:
    now = identity_of(settings)
    desk = desk_of({**now.definitions, "harbours": "before"}, dict(now.definitions))
    desk.state.config_hash = now.config_hash
    (learnt,) = teach(settings, desk, lambda teacher: teacher._look(), archived=archive())
    assert isinstance(learnt, Learnt)
    assert (learnt.theme, learnt.definition, learnt.holds_from) == ("harbours", now.definitions["harbours"], UNTIL)
    assert learnt.learnt_from == "backtest of 2026-03-02..2026-03-03, 290 articles"
    assert learnt.normal is not None
    assert learnt.normal.buckets == pytest.approx(12 * (48 - 6), abs=2)
    assert 12 * learnt.normal.shape / learnt.normal.exposure == pytest.approx(2, rel=0.25)
    assert set(learnt.normal.feeds) == {"wire"}


@pytest.mark.slow
def test_empty_archive_teaches_that_there_is_nothing(settings: Settings) -> None:
    now = identity_of(settings)
    desk = desk_of({**now.definitions, "harbours": "before"}, dict(now.definitions))
    desk.state.config_hash = now.config_hash
    (learnt,) = teach(settings, desk, lambda teacher: teacher._look())
    assert isinstance(learnt, Learnt)
    assert (learnt.theme, learnt.normal, learnt.learnt_from) == ("harbours", None, "")


def test_configuration_that_has_changed_since_teaches_nothing(settings: Settings, tmp_path: Path) -> None:
    now = identity_of(settings)
    desk = desk_of({**now.definitions, "harbours": "before"}, dict(now.definitions))
    desk.state.config_hash = now.config_hash

    async def work(teacher: Teacher) -> None:
        (tmp_path / "themes" / "harbours.yaml").write_text(THEME.format(name="docks"))
        with pytest.raises(Exception, match="has changed since this worker read it") as caught:
            await teacher._look()
        assert "(harbours): restart it" in str(caught.value)

    assert teach(settings, desk, work) == []


def test_first_generation_is_declared_with_the_lessons_that_fit(settings: Settings) -> None:
    now = identity_of(settings)
    fits = Learnt(theme="harbours", definition=now.definitions["harbours"], holds_from=T0, until=T0, learnt_from="file")
    other = Learnt(theme="railways", definition="other", holds_from=T0, until=T0)
    written = teach(settings, Desk(), lambda teacher: teacher.declare(), lessons=[fits, other])
    assert [type(record) for record in written] == [Learnt, Generation]
    assert (written[0].learnt_from, written[0].holds_from) == ("file", UNTIL)  # type: ignore[attr-defined]
    assert written[1].definitions == now.definitions  # type: ignore[attr-defined]


def test_later_generation_brings_lessons_only_for_what_is_new(settings: Settings) -> None:
    now = identity_of(settings)
    desk = desk_of({"railways": now.definitions["railways"]}, dict(now.definitions))
    lessons = [
        Learnt(theme=name, definition=definition, holds_from=T0, until=T0, learnt_from="file")
        for name, definition in now.definitions.items()
    ]

    async def work(teacher: Teacher) -> None:
        await teacher.declare()
        desk.state.config_hash = now.config_hash
        for _ in range(3):
            await teacher._look()

    written = teach(settings, desk, work, lessons=lessons)
    assert [type(record) for record in written] == [Generation, Learnt]
    assert (written[1].theme, written[1].learnt_from) == ("harbours", "file")  # type: ignore[attr-defined]


def test_what_the_desk_counts_by_already_is_not_declared_again(settings: Settings) -> None:
    now = identity_of(settings)
    desk = desk_of(dict(now.definitions))
    desk.state.config_hash = now.config_hash
    assert teach(settings, desk, lambda teacher: teacher.declare()) == []


def test_word_of_another_leader_that_came_later_is_answered_once_ours_must_have_been_applied(
    settings: Settings,
) -> None:
    desk = desk_of({"harbours": "old"})

    async def work(teacher: Teacher) -> None:
        await teacher.declare()
        for now in (UNTIL, UNTIL + APPLIED / 2, UNTIL + APPLIED):
            desk.state.now = now
            await teacher._look()

    assert [type(record) for record in teach(settings, desk, work)] == [Generation, Generation]


def test_while_others_judge_by_something_else_nothing_is_learnt(settings: Settings) -> None:
    now = identity_of(settings)
    teacher = Teacher(
        settings,
        StreamSettings(),
        now,
        {},
        DeskProducer(settings),
        DetectorMetrics(CollectorRegistry()),
        desk=Desk,
        watermark=lambda: UNTIL,
        judges=set,
        is_current=lambda: True,
    )
    start = 1_000.0
    assert teacher._is_alone(set(), start, is_waiting=True)
    assert not teacher._is_alone({"old"}, start + 1, is_waiting=True)
    assert not teacher._is_alone(set(), start + ALONE_S, is_waiting=True)
    assert teacher._is_alone(set(), start + 1 + ALONE_S, is_waiting=True)
    assert not teacher._is_alone({"old"}, start + ALONE_AT_MOST_S - 1, is_waiting=True)
    assert teacher._is_alone({"old"}, start + ALONE_AT_MOST_S, is_waiting=True)  # no roll-out takes so long


def test_lessons_for_other_definitions_are_left_out(settings: Settings) -> None:
    now = identity_of(settings)
    lesson = Learnt(theme="harbours", definition="other", holds_from=T0, until=T0)
    assert fitting({"harbours": lesson}, now) == {}
