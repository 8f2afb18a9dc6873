"""A theme is edited on a desk that runs: it is learnt anew from the archive, even if the worker is killed over it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deskwatch import clients, codec, topics
from deskwatch.records import Article, Bucket, Generation, Learnt, Record, Spike, Tick
from deskwatch.settings import Settings

pytestmark = pytest.mark.system

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = 9
PER_HOUR = 3
DONE_S = 90.0
WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "mesa", "ridge")
SUBJECTS = ("harbours", "docks", "railways")


class Producer:
    """What the producers do: articles, and ticks once they are acknowledged."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic(topics.ARTICLES.name)
        self._client = clients.create_producer(settings)
        self._chance = random.Random(5)
        self._count = 0
        self.now = START

    def send(self, hours: int) -> None:
        """Let some hours pass."""
        end = self.now + hours * HOUR
        for subject in SUBJECTS:
            at = self.now
            while (at := at + HOUR * self._chance.expovariate(PER_HOUR)) < end:
                self._send(self._article(subject, at))
        self._client.flush()
        self.now = end
        for partition in range(topics.ARTICLE_PARTITIONS):
            for shard in range(topics.SHARDS):
                self._send(Tick(shard=shard, at=self.now), partition)
        self._client.flush()

    def close(self) -> None:
        self._client.close()

    def _article(self, subject: str, at: datetime) -> Article:
        self._count += 1
        return Article(
            article_id=f"{self._count:032x}",
            feed_id=f"feed-{self._count % 5}",
            source=f"Outlet {self._count % 60}",
            url="",
            title=" ".join([f"News of {subject}:", *self._chance.choices(WORDS, k=9)]),
            first_seen_at=at,
            fetched_at=at,
        )

    def _send(self, what: Record, partition: int | None = None) -> None:
        key = what.article_id.encode() if isinstance(what, Article) else None
        self._client.send(self._topic, codec.encode(what), key=key, headers=codec.headers_of(what), partition=partition)


class Worker:
    """`deskwatch stream`, one after the other."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._directory = directory
        self._environment = {
            "PATH": os.environ["PATH"],
            "DESKWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "DESKWATCH_KAFKA_PREFIX": settings.kafka_prefix,
            "DESKWATCH_CONFIG_DIR": str(directory / "config"),
            "DESKWATCH_STATE_DIR": str(directory / "var"),
            "DESKWATCH_LOG_JSON": "true",
            "DESKWATCH_STREAMS_SESSION_TIMEOUT_S": "6",
        }
        self._starts = 0
        self.process: subprocess.Popen[bytes] | None = None

    def define(self, *terms: str) -> None:
        """Write the theme files; `harbours` has these terms."""
        (self._directory / "config" / "themes").mkdir(parents=True, exist_ok=True)
        for name, written in (("harbours", terms), ("railways", ("railways",))):
            theme = {
                "title": name,
                "definition": f"Of {name}.",
                "terms": {"en": {"decisive": list(written)}},
                "must_match": [f"News of {name}"],
                "must_not_match": ["Weather"],
            }
            (self._directory / "config" / "themes" / f"{name}.yaml").write_text(json.dumps(theme))

    def start(self) -> None:
        self._starts += 1
        self._log = self._directory / f"worker-{self._starts}.log"
        with self._log.open("w") as stderr:
            command = [sys.executable, "-m", "deskwatch.cli", "stream"]
            self.process = subprocess.Popen(command, stderr=stderr, env=self._environment)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def said(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DONE_S
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {self._log.read_text()[-3000:]}"
            threading.Event().wait(0.3)


@pytest.fixture
def settings(kafka: str) -> Settings:
    found = Settings(kafka_bootstrap=kafka, kafka_prefix=f"{uuid.uuid4().hex[:8]}.")
    clients.create_topics(found)
    return found


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Worker]:
    running = Worker(settings, tmp_path)
    yield running
    running.kill()


def records(settings: Settings, topic: str) -> list[Record]:
    return [record for _, record in clients.read_topic(settings, topic)]


def buckets(settings: Settings, theme: str) -> dict[datetime, Bucket]:
    found = [record for record in records(settings, "buckets") if isinstance(record, Bucket)]
    return {bucket.start: bucket for bucket in found if bucket.theme == theme and bucket.revision == 0}


def test_edited_theme_is_learnt_anew_and_fakes_nothing_though_the_worker_is_killed(
    settings: Settings, worker: Worker
) -> None:
    producer = Producer(settings)

    def decided(end: datetime) -> bool:
        starts = buckets(settings, "railways")
        return bool(starts) and max(starts) >= end - timedelta(minutes=15)

    worker.define("harbours")
    worker.start()
    for _ in range(DAYS):
        producer.send(24)
    worker.wait_until(lambda: decided(producer.now), "the days before the change")
    worker.kill()

    worker.define("harbours", "docks")
    edited = producer.now
    worker.start()
    worker.wait_until(lambda: bool(worker.said("generation.declared")), "a generation")
    producer.send(1)  # the watermark moves past it
    worker.wait_until(lambda: bool(worker.said("learning.started")), "the beginning of the backtest")
    worker.kill()
    worker.start()
    worker.wait_until(lambda: bool(worker.said("theme.learnt")), "the lesson")
    producer.send(1)
    worker.wait_until(lambda: decided(producer.now), "the lesson's hour")
    producer.send(10)
    worker.wait_until(lambda: decided(producer.now), "the hours after the change")
    producer.close()

    log = records(settings, "articles.classified")
    assert len({record.config_hash for record in log if isinstance(record, Generation)}) == 2
    learnt = [record for record in log if isinstance(record, Learnt)]  # two, if the kill came too late
    assert {record.theme for record in learnt} == {"harbours"}
    assert learnt[0].learnt_from.startswith("backtest of 2026-03-02..2026-03-1")
    assert [record for record in records(settings, "spikes") if isinstance(record, Spike)] == []
    harbours, railways = buckets(settings, "harbours"), buckets(settings, "railways")
    meanwhile = [b.expected for at, b in harbours.items() if edited <= at < edited + HOUR / 2]
    assert meanwhile
    assert set(meanwhile) == {0.0}
    later = [b for at, b in harbours.items() if at >= edited + 3 * HOUR]
    assert sum(b.observed for b in later) == pytest.approx(2 * PER_HOUR * 9, rel=0.4)
    assert sum(b.expected for b in later) == pytest.approx(2 * PER_HOUR * 9, rel=0.2)
    assert min(b.expected for b in railways.values()) > 0
