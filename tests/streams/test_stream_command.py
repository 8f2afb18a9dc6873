"""The worker as a process: `deskwatch stream` on the embedded broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classifiers.loading import load_classifier
from deskwatch import clients, codec, topics
from deskwatch.broker import MockBroker
from deskwatch.owners import Owners
from deskwatch.records import (
    Article,
    Classified,
    Coverage,
    DeadLetter,
    DeskTick,
    Generation,
    Learnt,
    Record,
    Tick,
)
from deskwatch.settings import Settings
from streams import lessonfile
from streams.identity import identify
from streams.rules import Rules

pytestmark = pytest.mark.slow

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARTITIONS = 2
THEME = """
title: Harbours
definition: Ships and the places where they lie.
terms:
  en: {decisive: [harbour strike]}
must_match: [A harbour strike]
must_not_match: [A hunger strike]
"""


class Worker:
    """A running `deskwatch stream`."""

    def __init__(self, settings: Settings, directory: Path, **more: str) -> None:
        self.settings = settings
        (directory / "config" / "themes").mkdir(parents=True, exist_ok=True)
        (directory / "config" / "themes" / "harbours.yaml").write_text(THEME)
        self.log = directory / "stderr"
        environment = {
            "PATH": os.environ["PATH"],
            "DESKWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "DESKWATCH_KAFKA_EMBEDDED": "true",
            "DESKWATCH_CONFIG_DIR": str(directory / "config"),
            "DESKWATCH_STATE_DIR": str(directory / "var"),
            "DESKWATCH_LOG_JSON": "true",
            **more,
        }
        with self.log.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deskwatch.cli", "stream"],
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                cwd=directory,
            )

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"{what} did not come: {self.log.read_text()}"
            time.sleep(0.05)

    def get(self, path: str) -> str:
        events = map(json.loads, self.log.read_text().splitlines())
        port = next(event["port"] for event in events if event["event"] == "telemetry.serving")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    partitions = {topic.name: topic.partitions for topic in topics.TOPICS} | {"articles": PARTITIONS}
    with MockBroker(partitions) as broker:
        running = Worker(Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True), tmp_path)
        try:
            yield running
        finally:
            running.process.kill()
            running.process.communicate()


def article(number: int, title: str) -> Article:
    return Article(
        article_id=f"{number:032x}", feed_id="f", source="s", url="", title=title, first_seen_at=AT, fetched_at=AT
    )


def records_of(settings: Settings, topic: str) -> list[Record]:
    return [record for _, record in clients.read_topic(settings, topic)]


def covered(settings: Settings) -> set[tuple[int, int]]:
    return {
        (record.partition, offset)
        for record in records_of(settings, "articles.classified")
        if isinstance(record, Coverage)
        for first, last in record.runs
        for offset in range(first, last + 1)
    }


def test_worker_classifies_what_it_can_buries_the_rest_and_ends_when_told(worker: Worker) -> None:
    producer = clients.create_producer(worker.settings)
    hostile: list[tuple[bytes | None, list[tuple[str, bytes]]]] = [
        (None, []),
        (b"junk", []),
        (b"\xff", [("schema", b"article/1")]),
        (b"{}", [("schema", b"none/7")]),
    ]
    records = [article(number, "Harbour strike goes on" if number % 3 else "Weather") for number in range(600)]
    for record in records:
        producer.send(
            "articles", codec.encode(record), key=record.article_id.encode(), headers=codec.headers_of(record)
        )
    for value, headers in hostile:
        producer.send("articles", value, key=b"k", headers=headers, partition=1)
    for partition in range(PARTITIONS):
        tick = Tick(shard=0, at=AT)
        producer.send("articles", codec.encode(tick), headers=codec.headers_of(tick), partition=partition)
    producer.flush()
    producer.close()
    sent = len(records) + len(hostile) + PARTITIONS

    worker.wait_for(lambda: len(covered(worker.settings)) == sent, "coverage")
    desk = records_of(worker.settings, "articles.classified")
    themed = {record.article.article_id for record in desk if isinstance(record, Classified)}
    assert themed == {record.article_id for record in records if record.title != "Weather"}
    assert {record.origin.partition for record in desk if isinstance(record, DeskTick)} == set(range(PARTITIONS))
    letters = [record for record in records_of(worker.settings, "dead-letters") if isinstance(record, DeadLetter)]
    assert sorted({(letter.value or b"", letter.reason) for letter in letters}) == [
        (b"", "no_schema"),
        (b"junk", "no_schema"),
        (b"{}", "unknown_schema"),
        (b"\xff", "malformed"),
    ]
    metrics = worker.get("/metrics").splitlines()
    assert f'deskwatch_covered_records_total{{by="classify"}} {sent}.0' in metrics
    assert f'deskwatch_theme_terms_found_total{{theme="harbours"}} {len(themed)}.0' in metrics
    assert "deskwatch_classifier_model_loaded_ratio 0.0" in metrics
    assert "deskwatch_classifier_model_configured_ratio 0.0" in metrics
    worker.wait_for(lambda: worker.get("/livez") == "live\n", "life")

    worker.process.send_signal(signal.SIGTERM)
    output, _ = worker.process.communicate(timeout=15)
    assert worker.process.returncode == 0
    assert output == b""
    assert "Traceback" not in worker.log.read_text()


def test_desk_that_is_new_begins_with_the_lessons_of_a_file(tmp_path: Path) -> None:
    partitions = {topic.name: topic.partitions for topic in topics.TOPICS} | {"articles": PARTITIONS}
    path = tmp_path / "lessons.jsonl"
    with MockBroker(partitions) as broker:
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
        refused = Worker(settings, tmp_path, DESKWATCH_STREAMS_LEARNT_FROM=str(path))
        refused.process.communicate(timeout=30)
        assert refused.process.returncode == 1
        assert f"{path}:1:1: error: No such file or directory" in refused.log.read_text()
        classifier = load_classifier(tmp_path / "config").classifier
        definition = identify(classifier, Rules(), Owners({})).definitions["harbours"]
        lesson = Learnt(theme="harbours", definition=definition, holds_from=AT, until=AT, learnt_from="an archive")
        lessonfile.write(path, [lesson])
        taught = Worker(settings, tmp_path, DESKWATCH_STREAMS_LEARNT_FROM=str(path))
        try:
            taught.wait_for(lambda: len(records_of(settings, "articles.classified")) == 2, "a generation")
        finally:
            taught.process.kill()
            taught.process.communicate()
        first, second = records_of(settings, "articles.classified")
        assert isinstance(first, Learnt)
        assert (first.learnt_from, first.holds_from.year) == ("an archive", 1970)
        assert isinstance(second, Generation)
        assert second.definitions == {"harbours": definition}
