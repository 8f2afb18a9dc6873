"""Two stream workers are killed and stopped at random while articles arrive, and the buckets come out as they should.

Environment: DESKWATCH_TEST_FAULTS for another number of faults (the long form), DESKWATCH_TEST_SEED for another course.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from kafka.structs import TopicPartition

from deskwatch import clients, codec, topics
from deskwatch.records import (
    Article,
    Bucket,
    Classified,
    Coverage,
    DateQuality,
    DeskTick,
    FeedHealth,
    Origin,
    Record,
    Spike,
    ThemeScore,
    Tick,
)
from deskwatch.settings import Settings
from streams.advancing import Outputs, advance
from streams.facts import Fact, NewGeneration, healths_of, order_of, sighting_of
from streams.memory import Desk
from streams.reading import LogState, Reader
from streams.rules import Rules
from streams.watermark import Watermark

pytestmark = pytest.mark.system

log = structlog.get_logger()

FAULTS = int(os.environ.get("DESKWATCH_TEST_FAULTS", "15"))
SEED = int(os.environ.get("DESKWATCH_TEST_SEED", "7"))
ROUNDS_A_FAULT = 12
ROUND = timedelta(hours=1)  # of log time, then every shard ticks
ARTICLES_A_ROUND = 100
START = datetime(2026, 3, 1, tzinfo=UTC)
DROPPED_BATCH = 3
CAUGHT_UP_S = 120.0
THEMES = ("harbours", "railways", "volcanoes")
WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "mesa")


class World:
    """Articles with a rhythm, bursts, copies, late dates and feeds that fail: each fact once, for the reference."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rounds = 0
        self.count = 0
        self.articles: list[Article] = []
        self.healths: list[FeedHealth] = []

    @property
    def now(self) -> datetime:
        return START + self.rounds * ROUND

    def next_round(self) -> tuple[list[Article], tuple[FeedHealth, ...]]:
        """Return what is first seen before the next tick, and what that tick says of the feeds."""
        began = self.now
        self.rounds += 1
        count = ARTICLES_A_ROUND // 2 + self.random.randrange(ARTICLES_A_ROUND)
        burst = self.rounds > 36 and self.random.random() < 0.1
        seen = sorted(began + ROUND * self.random.random() for _ in range(count))
        found = [self._article(at, burst and self.random.random() < 0.4) for at in seen]
        self.articles += found
        health = self._health() if self.rounds % 5 == 0 else ()
        self.healths += health
        return found, health

    def _article(self, at: datetime, of_burst: bool) -> Article:
        self.count += 1
        number = self.count
        theme = "harbours" if of_burst else self.random.choice([*THEMES, *[None] * 12])
        say = "Weather report" if theme is None else f"Strike in the {theme}"
        title = " ".join([say, *self.random.choices(WORDS, k=3 if self.random.random() < 0.3 else 9)])
        late = self.random.random() < 0.1
        return Article(
            article_id=f"{number:032x}",
            feed_id=f"feed-{number % 20}",
            source=f"Outlet {self.random.randrange(200)}",
            url=f"https://example.org/{number}",
            title=title,
            text=" ".join(random.Random(number).choices(WORDS, k=300)),
            first_seen_at=at,
            fetched_at=at,
            published_at=at - timedelta(minutes=self.random.randrange(400 if late else 10)),
            published_quality=DateQuality.EXPLICIT_TZ,
        )

    def _health(self) -> tuple[FeedHealth, ...]:
        since = self.now - ROUND * self.random.random()
        return (FeedHealth(feed_id=f"feed-{self.random.randrange(4)}", ok=self.random.random() < 0.5, since=since),)


class Feed:
    """What the producers do: articles, and ticks once they are acknowledged."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.topic = settings.topic(topics.ARTICLES.name)
        self.world = world
        self.producer = clients.create_producer(settings)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.producer.close()

    def send(self, rounds: int) -> None:
        for _ in range(rounds):
            articles, health = self.world.next_round()
            for article in articles:
                self._send(article)
                if self.world.random.random() < 0.02:
                    self._send(article)  # a producer that repeats itself
            self._send(b"no record")
            self.producer.flush()
            for partition in range(topics.ARTICLE_PARTITIONS):
                for shard in range(topics.SHARDS):
                    tick = Tick(shard=shard, at=self.world.now, health=health if shard == 0 else ())
                    self._send(tick, partition)
            self.producer.flush()

    def _send(self, what: Record | bytes, partition: int | None = None) -> None:
        value, headers = (what, []) if isinstance(what, bytes) else (codec.encode(what), codec.headers_of(what))
        key = what.article_id.encode() if isinstance(what, Article) else None
        self.producer.send(self.topic, value, key=key, headers=headers, partition=partition)


class Worker:
    """`deskwatch stream`, started again after each kill."""

    def __init__(self, name: str, directory: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.directory = directory
        self.environment = environment
        self.starts = 0
        self.resume_at: float | None = None
        self.start()

    def start(self) -> None:
        self.starts += 1
        self.log = self.directory / f"{self.name}-{self.starts}.log"
        with self.log.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deskwatch.cli", "stream"], stderr=stderr, env=self.environment
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.resume_at = None
        self.start()

    def stop_for(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        self.resume_at = time.monotonic() + seconds

    def tend(self) -> None:
        """Do as a supervisor does, and let a stopped one go on when its time has come."""
        if self.process.poll() is not None:
            self.start()
        if self.resume_at is not None and time.monotonic() >= self.resume_at:
            self.process.send_signal(signal.SIGCONT)
            self.resume_at = None

    def metrics(self) -> dict[str, float]:
        found = re.search(r'"port": (\d+)', self.log.read_text())
        if not found:
            return {}
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/metrics", timeout=2) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return {}
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


@pytest.fixture
def settings(kafka: str) -> Settings:
    found = Settings(kafka_bootstrap=kafka, kafka_prefix=f"{uuid.uuid4().hex[:8]}.")
    clients.create_topics(found)
    return found


@pytest.fixture
def workers(settings: Settings, tmp_path: Path) -> Iterator[list[Worker]]:
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
    dropping = environment | {"DESKWATCH_STREAMS_FAULT_DROP_BATCH": str(DROPPED_BATCH)}
    both = [Worker("a", tmp_path, dropping), Worker("b", tmp_path, environment)]
    yield both
    for worker in both:
        worker.process.kill()
        worker.process.wait()


def test_kills_stops_and_a_dropped_batch_change_nothing(settings: Settings, workers: list[Worker]) -> None:
    world = World(SEED)
    chance = random.Random(SEED + 1)
    kinds = ["kill", "kill", "stop"] * (FAULTS // 3 + 1)
    chance.shuffle(kinds)
    # A desk that is there before its first article: what it counts by is then the first record of the log.
    wait_until(workers, lambda: sum(w.metrics().get("deskwatch_detect_leading_ratio", 0) for w in workers) == 1)
    with Feed(settings, world) as feed:
        for kind in kinds[:FAULTS]:
            feed.send(ROUNDS_A_FAULT)
            until = time.monotonic() + chance.uniform(0.3, 5.0)
            while (
                left := until - time.monotonic()
            ) > 0:  # a fault comes at a random moment: that is what this waits for
                threading.Event().wait(min(left, 0.1))
                for worker in workers:
                    worker.tend()
            victim = chance.choice(workers)
            if kind == "kill":
                victim.kill()
            else:
                victim.stop_for(chance.choice([1.0, 4.0, 8.0]))
        feed.send(ROUNDS_A_FAULT)
    wait_until(workers, lambda: has_decided(workers, world.now))

    desk_log = [record for _, record in clients.read_topic(settings, topics.DESK_LOG.name)]
    assert missing_offsets(settings, desk_log) == []
    assert lost_articles(world, desk_log) == []
    expected = reference(world, desk_log)
    assert_same(expected.buckets, read(settings, topics.BUCKETS.name, Bucket), lambda b: (b.theme, b.start, b.revision))
    assert_same(expected.spikes, read(settings, topics.SPIKES.name, Spike), lambda s: (s.spike_id, s.revision))
    assert len(expected.buckets) > 100
    assert expected.spikes
    mended = sum(covered(record) for record in desk_log if isinstance(record, Coverage) and record.by == "mender")
    assert mended, "the dropped batch needs a mend"
    starts = sum(worker.starts for worker in workers)
    log.info("faults.survived", kinds=kinds[:FAULTS], starts=starts, articles=len(world.articles), mended=mended)

    for worker in workers:
        worker.process.send_signal(signal.SIGTERM)
    assert [worker.process.wait(15) for worker in workers] == [0, 0]


def wait_until(workers: list[Worker], condition: Callable[[], bool]) -> None:
    """Return when the condition holds; meanwhile the workers are tended."""
    deadline = time.monotonic() + CAUGHT_UP_S
    while not condition():
        logs = "\n".join(line for worker in workers for line in worker.log.read_text().splitlines()[-20:])
        assert time.monotonic() < deadline, logs
        threading.Event().wait(0.2)
        for worker in workers:
            worker.tend()


def has_decided(workers: list[Worker], until: datetime) -> bool:
    reached = [worker.metrics().get("deskwatch_detect_watermark_timestamp_seconds", 0.0) for worker in workers]
    return max(reached) >= until.timestamp()


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


def themes_of(article: Article) -> tuple[str, ...]:
    return tuple(theme for theme in THEMES if theme in article.title)


def lost_articles(world: World, desk_log: list[Record]) -> list[str]:
    """Return the articles with a theme that the desk log does not hold, or holds with others."""
    found = {
        record.article.article_id: tuple(score.theme for score in record.themes)
        for record in desk_log
        if isinstance(record, Classified)
    }
    expected = {article.article_id: themes_of(article) for article in world.articles if themes_of(article)}
    return sorted(found.items() ^ expected.items())


def reference(world: World, desk_log: list[Record]) -> Outputs:
    """Return what one step over each fact, once, gives."""
    reader = Reader(LogState(watermark=Watermark(shards=topics.SHARDS, partitions=[])), topics.ARTICLE_PARTITIONS)
    read = [reader.read(i, codec.encode(record), codec.headers_of(record)) for i, record in enumerate(desk_log)]
    # What the desk counts by holds from where the log says; all else is taken from the world that was fed.
    generation = next(fact for found in read for fact in found if isinstance(fact, NewGeneration))
    scores = {
        record.article.article_id: record for record in desk_log if isinstance(record, Classified)
    }  # for the evidence; which articles and themes there must be, lost_articles has compared
    facts: list[Fact] = [generation]
    for article in world.articles:
        if themes_of(article):
            themes: tuple[ThemeScore, ...] = scores[article.article_id].themes
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
