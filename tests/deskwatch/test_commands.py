"""The operator's commands as they are run: against the shipped config, and a broker."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deskwatch import clients, codec
from deskwatch.broker import MockBroker
from deskwatch.cli import group
from deskwatch.records import DeadLetter, Tick
from deskwatch.settings import Settings
from deskwatch.topics import ARTICLES, DEAD_LETTERS, TOPICS

CONFIG = Path(__file__).parents[2] / "config"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
TICK = Tick(shard=3, at=NOW)


class Desk:
    """The command line towards one broker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.environ = {
            "DESKWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "DESKWATCH_KAFKA_PREFIX": settings.kafka_prefix,
            "DESKWATCH_KAFKA_EMBEDDED": str(settings.kafka_embedded).lower(),
        }

    def run(self, *args: str) -> Result:
        result = CliRunner().invoke(group, list(args), env=self.environ)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def bury(self, reason: str, *, topic: str = "articles") -> None:
        """Write a dead letter that holds a good tick."""
        letter = DeadLetter(
            topic=topic,
            partition=5,
            offset=17,
            reason=reason,
            detail="bad \x1b[31mword\n",
            value=codec.encode(TICK),
            headers=tuple(codec.headers_of(TICK)),
        )
        producer = clients.create_producer(self.settings)
        full = self.settings.topic(DEAD_LETTERS.name)
        producer.send(full, codec.encode(letter), headers=codec.headers_of(letter)).get(30)
        producer.close()

    def open(self) -> list[str]:
        return [line.split()[0] for line in self.run("dead-letters", "list").stdout.splitlines()]


@pytest.fixture
def embedded() -> Iterator[Desk]:
    with MockBroker({topic.name: topic.partitions for topic in TOPICS}) as broker:
        yield Desk(Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True))


@pytest.fixture
def real(kafka: str) -> Desk:
    return Desk(Settings(kafka_bootstrap=kafka, kafka_prefix=f"t{uuid.uuid4().hex}-"))


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.system)])
def desk(request: pytest.FixtureRequest) -> Desk:
    found: Desk = request.getfixturevalue(request.param)
    clients.create_topics(found.settings)
    return found


def test_shipped_config_has_no_problems() -> None:
    result = CliRunner().invoke(group, ["check", str(CONFIG)])
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{len(list(CONFIG.rglob('*.yaml')))} files, 0 problems\n"


def test_check_prints_problems_of_several_packages_and_fails(tmp_path: Path) -> None:
    (tmp_path / "themes").mkdir()
    (tmp_path / "subscriptions").mkdir()
    for name in ("feeds.yaml", "themes/x.yaml", "subscriptions/x.yaml", "extra.yaml"):
        (tmp_path / name).write_text("zzz: 1\n")
    result = CliRunner().invoke(group, ["check", str(tmp_path)])
    assert result.exit_code == 1
    files = {Path(line.split(":")[0]).relative_to(tmp_path).as_posix() for line in result.stdout.splitlines()}
    assert files == {"feeds.yaml", "themes/x.yaml", "subscriptions/x.yaml", "extra.yaml"}
    assert result.stderr.startswith("4 files, ")


def test_check_prints_warnings_and_does_not_fail_for_them(tmp_path: Path) -> None:
    (tmp_path / "themes").mkdir()
    (tmp_path / "themes" / "sea.yaml").write_text(
        "title: Sea\ndefinition: The sea.\nterms: {en: {strong: [ban*]}}\n"
        "must_match: [A ban]\nmust_not_match: [A hill]\n"
    )
    (tmp_path / "subscriptions").mkdir()
    (tmp_path / "feeds.yaml").write_text("feeds: [{id: a, url: 'https://example.org/', source: A, language: en}]\n")
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"title": "The ban of the bank"}\n' * 3)
    result = CliRunner().invoke(group, ["check", str(tmp_path), "--corpus", str(corpus)])
    said = f"{tmp_path}/themes/sea.yaml:3:23: warning: 'ban*' also caught bank (3): 3 of 6 finds are no form of it\n"
    assert (result.exit_code, result.stdout) == (0, said)
    assert result.stderr.endswith("files, 0 problems, 1 warnings\n")
    (tmp_path / "extra.yaml").write_text("zzz: 1\n")
    result = CliRunner().invoke(group, ["check", str(tmp_path), "--corpus", str(corpus)])
    assert result.exit_code == 1
    assert [": error: " in line for line in result.stdout.splitlines()] == [True, False]


def test_check_on_a_corpus_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["check", str(tmp_path), "--corpus", str(tmp_path / "none")])
    assert result.exit_code == 2


def test_check_of_no_directory_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["check", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "no such directory" in result.stderr


@pytest.mark.system
def test_topics_are_missing_then_created_then_there(real: Desk) -> None:
    dry = real.run("topics", "--dry-run")
    assert dry.exit_code == 1
    assert dry.stdout.count("missing") == len(TOPICS)
    first, second = real.run("topics"), real.run("topics")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stderr.count("created ") == len(TOPICS)
    assert second.stderr == ""
    assert first.stdout == second.stdout
    for topic in TOPICS:
        assert f"{real.settings.topic(topic.name)} " in second.stdout


def test_number_of_partitions_that_does_not_work_is_an_error() -> None:
    counts = {topic.name: topic.partitions for topic in TOPICS} | {"articles": 2, "articles.classified": 2}
    with MockBroker(counts) as broker:
        result = Desk(Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)).run("topics")
    assert result.exit_code == 1
    (wrong,) = [line for line in result.stdout.splitlines() if "instead of" in line]
    assert wrong.startswith("articles.classified ")
    assert "2 partitions instead of 1" in wrong


def test_export_prints_records_as_json_lines(desk: Desk) -> None:
    producer = clients.create_producer(desk.settings)
    topic = desk.settings.topic(ARTICLES.name)
    producer.send(topic, codec.encode(TICK), headers=codec.headers_of(TICK), partition=2).get(30)
    producer.send(topic, b"\xff", partition=3).get(30)
    producer.close()
    result = desk.run("export", "articles")
    tick, junk = map(json.loads, result.stdout.splitlines())
    assert (tick["topic"], tick["partition"], tick["offset"], tick["schema"]) == (topic, 2, 0, "tick/1")
    assert codec.decode(json.dumps(tick["value"]).encode(), [("schema", tick["schema"].encode())]) == TICK
    assert junk["value_base64"] == "/w=="
    assert desk.run("export", "articles", "--since", "2999-01-01").stdout == ""


def test_export_of_an_unknown_topic_suggests_one(embedded: Desk) -> None:
    result = embedded.run("export", "spike")
    assert result.exit_code == 2
    assert "did you mean 'spikes'?" in result.stderr


def test_followed_export_prints_what_arrives_and_ends_when_told(embedded: Desk) -> None:
    command = [str(Path(sys.executable).with_name("deskwatch")), "export", "dead-letters", "--follow"]
    embedded.bury("first")
    with subprocess.Popen(command, env=embedded.environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        deadline = threading.Timer(60, process.kill)  # else a process that prints nothing would hold up all tests
        deadline.start()
        assert json.loads(process.stdout.readline())["value"]["reason"] == "first"
        embedded.bury("second")
        assert json.loads(process.stdout.readline())["value"]["reason"] == "second"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
        deadline.cancel()


def test_letters_are_listed_retried_and_dropped(desk: Desk) -> None:
    for reason in ("malformed", "no_schema", "malformed", "classifier_error"):
        desk.bury(reason)
    assert desk.open() == ["0", "1", "2", "3"]
    listed = desk.run("dead-letters", "list", "--reason", "no_schema")
    assert "articles[5]@17  no_schema  bad \ufffd[31mword\ufffd" in listed.stdout
    assert listed.stderr == "1 open\n"

    assert desk.run("dead-letters", "retry", "--all", "--reason", "malformed").stdout.split() == ["0", "2"]
    back = [(message.partition, record) for message, record in clients.read_topic(desk.settings, ARTICLES.name)]
    assert back == [(5, TICK), (5, TICK)]
    assert desk.open() == ["1", "3"]
    assert desk.run("dead-letters", "drop", "3").exit_code == 0
    assert desk.open() == ["1"]


def test_one_letter_that_cannot_be_retried_does_not_stop_the_others(embedded: Desk) -> None:
    embedded.bury("malformed", topic="elsewhere")
    embedded.bury("malformed")
    result = embedded.run("dead-letters", "retry", "0", "1", "9")
    assert result.exit_code == 1
    assert result.stdout.split() == ["1"]
    assert "letter 0: publishing to elsewhere" in result.stderr
    assert "letter 9: there is no open letter" in result.stderr
    assert embedded.open() == ["0"]


@pytest.mark.parametrize("args", [[], ["1", "--all"], ["1", "--reason", "x"], ["--reason", "x"], ["one"]])
def test_letters_must_be_named_clearly(args: list[str]) -> None:
    result = CliRunner().invoke(group, ["dead-letters", "drop", *args])
    assert result.exit_code == 2
