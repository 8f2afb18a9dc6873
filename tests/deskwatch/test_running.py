from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer

from deskwatch.cli import group
from deskwatch.running import partition_counts, programs
from deskwatch.settings import Settings
from deskwatch.supervising import AtEnd
from deskwatch.topics import TOPICS


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "deskwatch.cli", *arguments]


@contextmanager
def started(*arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command(*arguments),
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_partition_counts_are_those_of_the_topics_under_their_full_names() -> None:
    counts = partition_counts(Settings(kafka_prefix="x-"), ("articles=2",))
    assert counts["x-articles"] == 2
    assert counts["x-articles.classified"] == 1
    assert len(counts) == len(TOPICS)


@pytest.mark.parametrize("override", ["articles", "articles=", "articles=0", "articles=x", "nothing=2", "articles=-1"])
def test_override_that_makes_no_sense_is_refused(override: str) -> None:
    with pytest.raises(ValueError, match="TOPIC=N"):
        partition_counts(Settings(), (override,))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_broker_says_where_it_is_and_ends_when_told_to(number: signal.Signals) -> None:
    with started("broker", "--partitions", "articles=2") as process:
        assert process.stdout is not None
        bootstrap = json.loads(process.stdout.readline())["bootstrap"]
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, api_version=(2, 3))
        try:
            assert consumer.partitions_for_topic("articles") == {0, 1}
            assert consumer.partitions_for_topic("deliveries") == set(range(8))
        finally:
            consumer.close()
        process.send_signal(number)
        _, errors = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "keeps_nothing" in errors


def test_wrong_override_is_wrong_use() -> None:
    result = CliRunner().invoke(group, ["broker", "--partitions", "artikles=2"])
    assert result.exit_code == 2
    assert "artikles=2" in result.output


def test_metrics_ports_follow_each_other_where_one_is_set() -> None:
    ports = [program.environ["DESKWATCH_METRICS_PORT"] for program in programs(Settings(metrics_port=9100), {})]
    assert ports == ["9100", "9101", "9102"]
    assert {program.environ["DESKWATCH_METRICS_PORT"] for program in programs(Settings(), {})} == {"0"}


def test_dead_stream_worker_ends_an_embedded_run_and_no_other() -> None:
    def at_end(settings: Settings) -> dict[str, AtEnd]:
        return {program.name: program.at_end for program in programs(settings, {})}

    assert at_end(Settings(kafka_embedded=True))["stream"] is AtEnd.FAIL
    assert set(at_end(Settings()).values()) == {AtEnd.RESTART}


def test_up_refuses_a_state_directory_that_another_run_holds(tmp_path: Path) -> None:
    # Nobody listens on that port: the first run waits for its broker, holding the directory.
    environ = {"DESKWATCH_STATE_DIR": str(tmp_path), "DESKWATCH_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    with started("up", **environ) as first:
        assert first.stderr is not None
        while "broker.unreachable" not in first.stderr.readline():
            assert first.poll() is None
        assert (tmp_path / "up.pid").read_text().strip() == str(first.pid)
        second = subprocess.run(
            command("up"), env={**os.environ, **environ}, capture_output=True, text=True, timeout=30, check=False
        )
        assert second.returncode == 1
        assert f"process {first.pid} already runs" in second.stderr
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=15)
    assert first.returncode == 0
