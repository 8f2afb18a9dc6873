"""Stream workers come, go, die and stop at random while articles arrive; buckets and spikes come out as they should.

So they do when the saved state of the detector is spoilt afterwards.

Environment: DESKWATCH_TEST_FAULTS for another number of faults (the long form), DESKWATCH_TEST_SEED for another course.
"""

from __future__ import annotations

import json
import os
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import pytest
import structlog
from fakes.crew import STOPPED_S, Crew
from fakes.world import THEMES, Feed, World, belongs, themes_of
from kafka.structs import TopicPartition

from deskwatch import clients, codec, topics
from deskwatch.records import (
    Bucket,
    Classified,
    Coverage,
    DeadLetter,
    DeskTick,
    Origin,
    Record,
    Spike,
    ThemeScore,
    Tick,
)
from deskwatch.settings import Settings
from streams.advancing import Outputs, advance
from streams.facts import Fact, NewGeneration, healths_of, order_of, sighting_of
from streams.memory import THEME, Desk
from streams.reading import LogState, Reader
from streams.resuming import LOG, UNREADABLE
from streams.rules import Rules
from streams.watermark import Watermark

pytestmark = pytest.mark.system

log = structlog.get_logger()

FAULTS = int(os.environ.get("DESKWATCH_TEST_FAULTS", "9"))
SEED = int(os.environ.get("DESKWATCH_TEST_SEED", "7"))
ROUNDS_A_FAULT = 10
DROPPED_BATCH = 3


@pytest.fixture
def settings(kafka: str) -> Settings:
    found = Settings(kafka_bootstrap=kafka, kafka_prefix=f"{uuid.uuid4().hex[:8]}.")
    clients.create_topics(found)
    return found


@pytest.fixture
def crew(settings: Settings, tmp_path: Path) -> Iterator[Crew]:
    themes = tmp_path / "config" / "themes"
    themes.mkdir(parents=True)
    for theme in THEMES:
        definition = {
            "title": theme,
            "definition": f"Of {theme}.",
            "terms": {"en": {"decisive": [theme]}},
            "must_match": [f"Of {theme} we sing"],
            "must_not_match": ["Of nothing"],
        }
        (themes / f"{theme}.yaml").write_text(json.dumps(definition))  # JSON is YAML
    environment = {
        "PATH": os.environ["PATH"],
        "DESKWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "DESKWATCH_KAFKA_PREFIX": settings.kafka_prefix,
        "DESKWATCH_CONFIG_DIR": str(tmp_path / "config"),
        "DESKWATCH_STATE_DIR": str(tmp_path / "var"),
        "DESKWATCH_LOG_JSON": "true",
        "DESKWATCH_STREAMS_SESSION_TIMEOUT_S": "6",
        "DESKWATCH_STREAMS_HEARTBEAT_S": "1",
        "DESKWATCH_STREAMS_GAP_S": "3",
        "DESKWATCH_STREAMS_STALL_S": "8",
    }
    crew = Crew(tmp_path, environment)
    crew.join(DESKWATCH_STREAMS_FAULT_DROP_BATCH=str(DROPPED_BATCH))
    crew.join()
    yield crew
    crew.end()


@pytest.mark.timeout(300 + 30 * FAULTS)
def test_faults_and_a_spoilt_state_change_nothing(settings: Settings, crew: Crew) -> None:
    world = World(SEED)
    chance = random.Random(SEED + 1)
    kinds = ["kill", "kill", "stop", "join", "leave", "join"] * (FAULTS // 6 + 1)
    chance.shuffle(kinds)
    spoilt = THEME + THEMES[0]
    # A desk that is there before its first article: what it counts by is then the first record of the log.
    crew.wait_until(lambda: sum(crew.metric("deskwatch_detect_leading_ratio")) == 1)
    with Feed(settings, world) as feed:
        happened = []
        for kind in kinds[:FAULTS]:
            feed.send(ROUNDS_A_FAULT)
            crew.tend_for(chance.uniform(0.3, 5.0))
            happened.append(crew.suffer(kind, chance))
        feed.send(ROUNDS_A_FAULT)
        crew.wait_until_decided(world.now)
        assert_as_it_should_be(settings, world)
        mended = sum(covered(record) for record in read_desk_log(settings) if is_mend(record))
        assert mended, "the dropped batch needs a mend"
        log.info("faults.survived", kinds=happened, articles=len(world.articles), mended=mended)
        crew.leave_all()

        spoil(settings, spoilt)
        crew.join()
        crew.wait_until(lambda: "detector.rebuilding" in crew.at_work[0].log.read_text())
        crew.tend_for(chance.uniform(0.0, 2.0))
        crew.at_work[0].kill()  # perhaps in the middle of it
        feed.send(ROUNDS_A_FAULT)
        crew.wait_until_decided(world.now)
        crew.leave_all()
    assert buried(settings) == [spoilt.encode()]
    told = assert_as_it_should_be(settings, world)

    spoil(settings, LOG)
    crew.join()
    crew.wait_until_decided(world.now)
    crew.leave_all()
    assert buried(settings) == [spoilt.encode(), LOG.encode()]
    assert_as_it_should_be(settings, world, after=told)


class Told(NamedTuple):
    """How many records there are."""

    buckets: int = 0
    spikes: int = 0


NOTHING = Told()


def assert_as_it_should_be(settings: Settings, world: World, after: Told = NOTHING) -> Told:
    """Assert that all that follows from the world is told once, after so many records; return how many there are."""
    desk_log = read_desk_log(settings)
    assert missing_offsets(settings, desk_log) == []
    assert lost_articles(world, desk_log) == []
    expected = reference(world, desk_log)
    buckets, spikes = read(settings, topics.BUCKETS.name, Bucket), read(settings, topics.SPIKES.name, Spike)
    assert_same(expected.buckets, buckets[after.buckets :], lambda b: (b.theme, b.start, b.revision))
    assert_same(expected.spikes, spikes[after.spikes :], lambda s: (s.spike_id, s.revision))
    assert len(expected.buckets) > 100
    assert expected.spikes
    assert expected.outcomes["retracted"]
    return Told(len(buckets), len(spikes))


def spoil(settings: Settings, key: str) -> None:
    """Put bytes that are no value under a key of the detector's state."""
    with closing(clients.create_producer(settings)) as producer:
        place = settings.topic(topics.DETECTOR_STATE.name)
        producer.send(place, b"no value", key=key.encode(), partition=0).get(timeout=STOPPED_S)


def buried(settings: Settings) -> list[bytes | None]:
    """Return the keys of the detector's state whose values are among the dead letters."""
    letters = read(settings, topics.DEAD_LETTERS.name, DeadLetter)
    return [letter.key for letter in letters if letter.reason == UNREADABLE]


def read_desk_log(settings: Settings) -> list[Record]:
    return [record for _, record in clients.read_topic(settings, topics.DESK_LOG.name)]


def is_mend(record: Record) -> TypeGuard[Coverage]:
    return isinstance(record, Coverage) and record.by == "mender"


def read(settings: Settings, topic: str, kind: type[Any]) -> list[Any]:
    found = [record for _, record in clients.read_topic(settings, topic)]
    assert all(isinstance(record, kind) for record in found)
    return found


def covered(coverage: Coverage) -> int:
    return sum(last - first + 1 for first, last in coverage.runs)


def missing_offsets(settings: Settings, desk_log: list[Record]) -> list[tuple[int, int]]:
    """Return the places of `articles` that no coverage names."""
    named = {
        (record.partition, offset)
        for record in desk_log
        if isinstance(record, Coverage)
        for first, last in record.runs
        for offset in range(first, last + 1)
    }
    there = set()
    consumer = clients.create_consumer(settings)
    try:
        for place, end in consumer.end_offsets(
            [
                TopicPartition(settings.topic(topics.ARTICLES.name), partition)
                for partition in range(topics.ARTICLE_PARTITIONS)
            ]
        ).items():
            there |= {(place.partition, offset) for offset in range(end)}
    finally:
        consumer.close()
    return sorted(there - named)


def lost_articles(world: World, desk_log: list[Record]) -> list[Any]:
    """Return the articles that the desk log should hold and does not, or holds with other themes."""
    found = {
        (record.article.article_id, record.article.revision): tuple(score.theme for score in record.themes)
        for record in desk_log
        if isinstance(record, Classified)
    }
    expected = {
        (article.article_id, article.revision): themes_of(article) for article in world.articles if belongs(article)
    }
    return sorted(found.items() ^ expected.items())


def reference(world: World, desk_log: list[Record]) -> Outputs:
    """Return what one step over each fact, once, gives."""
    reader = Reader(LogState(watermark=Watermark(shards=topics.SHARDS, partitions=[])), topics.ARTICLE_PARTITIONS)
    read = [reader.read(i, codec.encode(record), codec.headers_of(record)) for i, record in enumerate(desk_log)]
    # What the desk counts by holds from where the log says; all else is taken from the world that was fed.
    generation = next(fact for found in read for fact in found if isinstance(fact, NewGeneration))
    scores = {
        (record.article.article_id, record.article.revision): record
        for record in desk_log
        if isinstance(record, Classified)
    }  # for the evidence; which articles and themes there must be, lost_articles has compared
    facts: list[Fact] = [generation]
    for article in world.articles:
        if belongs(article):
            themes: tuple[ThemeScore, ...] = scores[article.article_id, article.revision].themes
            facts.append(
                sighting_of(Classified(origin=Origin(partition=0, offset=0), article=article, themes=themes), None)
            )
    tick = Tick(shard=0, at=world.now, health=tuple(world.healths))
    facts += healths_of(DeskTick(origin=Origin(partition=0, offset=0), tick=tick), None)
    _, out = advance(Desk(), sorted(facts, key=order_of), world.now, Rules())
    return out


def assert_same(expected: list[Any], found: list[Any], key: Any) -> None:
    """Assert that each record is there once and is equal."""
    twice = [name for name, count in Counter(map(key, found)).items() if count > 1]
    assert not twice, f"{len(twice)} doubled, such as {twice[:3]}"
    have, want = {key(record): record for record in found}, {key(record): record for record in expected}
    lost, extra = want.keys() - have.keys(), have.keys() - want.keys()
    assert not lost, f"{len(lost)} lost, such as {sorted(lost)[:3]}"
    assert not extra, f"{len(extra)} too many, such as {sorted(extra)[:3]}"
    wrong = [name for name in want if want[name] != have[name]]
    assert not wrong, f"{len(wrong)} wrong, such as {want[wrong[0]]} but {have[wrong[0]]}"
