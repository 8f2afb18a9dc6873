"""The services as processes on one real Kafka, and what they wrote."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from kafka.structs import TopicPartition

from deskwatch import clients, codec
from deskwatch.records import Record
from deskwatch.settings import Settings


class Services:
    """`deskwatch produce`, `stream` and `alert`, each started and killed by name."""

    def __init__(self, settings: Settings, environ: dict[str, str], logs: Path) -> None:
        self.settings = settings
        self._environ = environ
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, service: str, *options: str) -> None:
        command = [sys.executable, "-m", "deskwatch.cli", service, *options]
        with (self._logs / f"{service}.log").open("ab") as log:
            self._running[service] = subprocess.Popen(command, env=self._environ, stdout=log, stderr=log)

    def kill(self, service: str) -> None:
        self._running[service].send_signal(signal.SIGKILL)
        self._running[service].wait()

    def wait(self, service: str, within_s: float) -> int:
        return self._running[service].wait(within_s)

    def is_running(self, service: str) -> bool:
        return self._running[service].poll() is None

    def close(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def read(self, topic: str) -> list[Record]:
        return [record for _, record in clients.read_topic(self.settings, topic)]

    def count(self, topic: str) -> int:
        """Return how many offsets partition 0 of a topic has."""
        place = TopicPartition(self.settings.topic(topic), 0)
        consumer = clients.create_consumer(self.settings)
        try:
            return int(consumer.end_offsets([place])[place])
        finally:
            consumer.close()

    def last(self, topic: str) -> Record | None:
        """Return one of the newest records of partition 0 of a topic."""
        place = TopicPartition(self.settings.topic(topic), 0)
        consumer = clients.create_consumer(self.settings)
        try:
            consumer.assign([place])
            end = consumer.end_offsets([place])[place]
            consumer.seek(place, max(0, end - 50))
            found = consumer.poll(timeout_ms=1000).get(place, [])
            return codec.decode(found[-1].value, found[-1].headers) if found else None
        finally:
            consumer.close()


def environment(settings: Settings, own: Mapping[str, object]) -> dict[str, str]:
    """Return the environment for services; `own` has the sections' keys, as in `STREAMS_MIN_OWNERS`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DESKWATCH_")}
    shared = {f"DESKWATCH_{name.upper()}": str(getattr(settings, name)) for name in settings.__struct_fields__}
    return inherited | shared | {f"DESKWATCH_{name}": str(value) for name, value in own.items()}


def wait_until(condition: Callable[[], bool], what: str, *, within_s: float = 60.0, every_s: float = 0.5) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s"
        time.sleep(every_s)
