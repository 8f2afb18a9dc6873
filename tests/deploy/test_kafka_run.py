"""The real Kafka of deploy/kafka: it serves, survives what it promises to survive, and leaves no process behind."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

pytestmark = pytest.mark.system

RUN = Path(__file__).parents[2] / "deploy" / "kafka" / "run.py"
StartKafka = Callable[..., AbstractContextManager[dict[str, Any]]]


def create_topic(bootstrap: str, replication: int) -> str:
    topic = f"test-{uuid.uuid4().hex}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        admin.create_topics([NewTopic(topic, 3, replication)])
    finally:
        admin.close()
    return topic


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all", enable_idempotence=True)
    try:
        for sent in [producer.send(topic, value) for value in values]:
            sent.get(timeout=60)
    finally:
        producer.close()


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=bootstrap.split(","),
        group_id=f"group-of-{topic}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    values: list[bytes] = []
    deadline = time.monotonic() + 60
    try:
        while len(values) < count:
            assert time.monotonic() < deadline, f"{len(values)} of {count} read"
            for messages in consumer.poll(timeout_ms=500).values():
                values += [message.value for message in messages]
    finally:
        consumer.close()
    return values


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    while alive := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still there: {alive}"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which nobody but its parent can remove, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_one_node_gives_back_what_was_sent(kafka: str) -> None:
    topic = create_topic(kafka, 1)
    values = [str(i).encode() for i in range(100)]
    produce(kafka, topic, values)
    assert sorted(read(kafka, topic, 100)) == sorted(values)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_broker_and_removes_its_directory(start_kafka: StartKafka, signum: signal.Signals) -> None:
    with start_kafka() as cluster:
        assert is_alive(cluster["pids"][0])
        cluster["process"].send_signal(signum)
        assert cluster["process"].wait(20) == 0
        wait_until_gone(cluster["pids"])
        assert not Path(cluster["dir"]).exists()


def test_broker_does_not_outlive_a_killed_parent(start_kafka: StartKafka, tmp_path: Path) -> None:
    with start_kafka("--dir", str(tmp_path)) as cluster:
        cluster["process"].kill()
        wait_until_gone(cluster["pids"])


def test_named_directory_keeps_the_data(start_kafka: StartKafka, tmp_path: Path) -> None:
    with start_kafka("--dir", str(tmp_path)) as cluster:
        topic = create_topic(cluster["bootstrap"], 1)
        produce(cluster["bootstrap"], topic, [b"kept"])
    with start_kafka("--dir", str(tmp_path)) as cluster:
        assert read(cluster["bootstrap"], topic, 1) == [b"kept"]


# kafka-python 3.0.12 does not close the socket of a refused connection (net/inet.py, sock_connect).
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_three_brokers_serve_on_when_one_is_killed(start_kafka: StartKafka, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "kafka")  # pytest keeps log records, and their tracebacks keep those sockets
    with start_kafka("--brokers", "3", "--property", "broker.session.timeout.ms=3000") as cluster:
        assert len(cluster["pids"]) == 3
        topic = create_topic(cluster["bootstrap"], 3)
        before, after = [b"before %d" % i for i in range(50)], [b"after %d" % i for i in range(50)]
        produce(cluster["bootstrap"], topic, before)
        os.kill(cluster["pids"][0], signal.SIGKILL)
        produce(cluster["bootstrap"], topic, after)
        assert sorted(read(cluster["bootstrap"], topic, 100)) == sorted(before + after)
        pids = cluster["pids"]
    wait_until_gone(pids)
    gc.collect()  # while the filter above holds: later it would fail some other test


def test_missing_java_is_one_sentence_and_exit_code_3(tmp_path: Path) -> None:
    done = run_with_path(tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("kafka: java is missing: Kafka needs a JDK 17 or newer")
    assert done.stderr.count("\n") == 1


def test_old_java_is_one_sentence_and_exit_code_3(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n")
    java.chmod(0o755)
    done = run_with_path(tmp_path)
    assert done.returncode == 3
    assert (
        done.stderr
        == f"kafka: {java} is Java 8: Kafka needs a JDK 17 or newer " + done.stderr[done.stderr.index("(") :]
    )


def run_with_path(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RUN)], env={"PATH": str(path)}, capture_output=True, text=True, check=False, timeout=60
    )
