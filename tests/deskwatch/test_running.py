from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer

from deskwatch.cli import group
from deskwatch.running import partition_counts, programs
from deskwatch.settings import Settings
from deskwatch.supervising import AtEnd
from deskwatch.topics import TOPICS

CONFIG = Path(__file__).parent.parent.parent / "config"


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


@pytest.mark.slow
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


@contextmanager
def served(feed: bytes) -> Iterator[str]:
    """Serve one feed over HTTP and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(feed)))
            self.end_headers()
            self.wfile.write(feed)

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/feed"
        finally:
            server.shutdown()
            thread.join()


FEED = b"""<rss version="2.0"><channel><title>Lantern</title>
<item><title>New tariffs on steel imports announced</title><link>https://lantern.example/1</link><guid>1</guid></item>
</channel></rss>"""


def read_log(path: Path, event: str) -> dict[str, Any] | None:
    """Return the newest line of a JSON log with that event, or None."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines if line.startswith("{") and f'"{event}"' in line]
    return found[-1] if found else None


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)


def metric(log: Path, sample: str) -> float:
    serving = read_log(log, "telemetry.serving")
    if serving is None:
        return 0.0
    with urllib.request.urlopen(f"http://127.0.0.1:{serving['port']}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample))


@pytest.mark.system
def test_up_with_the_embedded_broker_takes_an_article_through_all_services(tmp_path: Path) -> None:
    config, logs = tmp_path / "config", tmp_path / "var" / "embedded" / "logs"
    shutil.copytree(CONFIG, config)
    environ = {
        "DESKWATCH_CONFIG_DIR": str(config),
        "DESKWATCH_STATE_DIR": str(tmp_path / "var"),
        "DESKWATCH_LOG_JSON": "true",
        "DESKWATCH_PRODUCERS_ALLOW_PRIVATE_ADDRESSES": "true",
        "DESKWATCH_ALERTING_OUTBOX_DIR": str(tmp_path / "alerts"),
        "DESKWATCH_STREAMS_STALL_S": "600",  # only the agent may have classified it
    }
    with served(FEED) as url:
        (config / "feeds.yaml").write_text(
            f"feeds:\n  - {{id: lantern, url: '{url}', source: Lantern, interval_s: 60}}\n"
        )
        with started("up", "--embedded", **environ) as process:
            classified = 'deskwatch_classified_themes_total{theme="tariffs"}'
            wait_for(lambda: metric(logs / "stream.log", classified) == 1, 90)
            wait_for(lambda: read_log(logs / "alert.log", "telemetry.serving") is not None)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert time.monotonic() - began < 15
    assert "service.killed" not in errors
    assert (tmp_path / "var" / "up.pid").read_text() == ""
