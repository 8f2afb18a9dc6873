"""What becomes of a worker whose desk log refuses a batch."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deskwatch import clients, codec, topics
from deskwatch.broker import MockBroker
from deskwatch.records import Tick
from deskwatch.settings import Settings

REFUSED = """
import os
from prometheus_client import CollectorRegistry
from deskwatch.errors import PublishError
from deskwatch.settings import load
from deskwatch.telemetry import Health, configure_logging
from streams.app import create_app
from streams.metrics import Metrics
from streams.settings import StreamSettings
from streams.worker import run_worker

class Refused:
    async def write(self, arrived, send):
        raise PublishError("articles.classified", "refused")

configure_logging("info", as_json=True)
metrics = Metrics(CollectorRegistry())
run_worker(create_app(load(os.environ), StreamSettings(), Refused(), metrics, Health()))
"""


@pytest.mark.slow
def test_refused_batch_ends_the_worker_and_is_not_acknowledged(tmp_path: Path) -> None:
    with MockBroker({"articles": 1}) as broker:
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
        tick = Tick(shard=0, at=datetime(2026, 3, 1, tzinfo=UTC))
        producer = clients.create_producer(settings)
        producer.send("articles", codec.encode(tick), headers=codec.headers_of(tick))
        producer.flush()
        producer.close()
        ended = subprocess.run(
            [sys.executable, "-c", REFUSED],
            env={
                "PATH": os.environ["PATH"],
                "DESKWATCH_KAFKA_BOOTSTRAP": broker.bootstrap,
                "DESKWATCH_KAFKA_EMBEDDED": "true",
                "DESKWATCH_STATE_DIR": str(tmp_path),
            },
            stderr=subprocess.PIPE,
            timeout=60,
        )
        consumer = clients.create_consumer(settings, group_id=topics.CLASSIFY_GROUP)
        committed = consumer.committed(clients.TopicPartition("articles", 0))
        consumer.close()
    assert ended.returncode == 1
    assert b'"classify.failed"' in ended.stderr
    assert committed is None
