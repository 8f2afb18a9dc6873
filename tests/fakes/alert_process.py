"""The real `deskwatch alert` as a process, its settings, and what goes in and comes out of its topics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from deskwatch import clients, codec, topics
from deskwatch.records import Delivery, DeliveryState, Record
from deskwatch.settings import Settings
from fakes import slack
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp


def environment(settings: Settings, fake_slack: FakeSlack, fake_smtp: FakeSmtp, **alerting: object) -> dict[str, str]:
    """Return the environment in which `deskwatch alert` sends to the fakes."""
    values: dict[str, object] = {
        "smtp_port": fake_smtp.port,
        "smtp_tls": "none",
        "slack_base_url": fake_slack.url,
        "slack_token_env": "FAKE_TOKEN",
        "slack_gap_s": 0.0,
        "settle_s": 0.5,
        "retry_base_s": 0.1,
        "retry_max_s": 0.5,
    } | alerting
    shared = {field: getattr(settings, field) for field in settings.__struct_fields__}
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("DESKWATCH_")},
        **{f"DESKWATCH_{name.upper()}": str(value) for name, value in shared.items()},
        **{f"DESKWATCH_ALERTING_{name.upper()}": str(value) for name, value in values.items()},
        "FAKE_TOKEN": slack.TOKEN,
    }


def start(environ: dict[str, str], log: Path) -> subprocess.Popen[str]:
    """Return the running service; its log goes to a file."""
    script = "from deskwatch.cli import main; main()"
    with log.open("a") as stderr:
        return subprocess.Popen(
            [sys.executable, "-c", script, "alert"], env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True
        )


def stop(process: subprocess.Popen[str], *, number: int = signal.SIGTERM) -> tuple[int, str]:
    """Return exit code and stdout of a service that got a signal."""
    process.send_signal(number)
    stdout, _ = process.communicate(timeout=20)
    return process.returncode, stdout


def publish(settings: Settings, topic: str, records: Iterable[Record]) -> None:
    """Send records and wait for their acknowledgement."""
    producer = clients.create_producer(settings)
    try:
        sent = [
            producer.send(settings.topic(topic), value=codec.encode(one), headers=codec.headers_of(one))
            for one in records
        ]
        for future in sent:
            future.get(timeout=20)
    finally:
        producer.close()


def delivery_states(settings: Settings) -> dict[str, DeliveryState]:
    """Return the last state of every delivery on the topic `deliveries`."""
    records = [record for _, record in clients.read_topic(settings, topics.DELIVERIES.name)]
    return {record.delivery_key: record.state for record in records if isinstance(record, Delivery)}


def wait_for(condition: Callable[[], bool], what: str, *, within_s: float = 30.0) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s"
        time.sleep(0.02)
