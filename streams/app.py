"""The Faust app: takes `articles` in batches, writes the desk log, and acknowledges what the broker acknowledged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import faust
import structlog

from deskwatch import topics
from deskwatch.settings import Settings
from deskwatch.telemetry import Health
from streams.desk import Arrived, DeskWriter
from streams.metrics import Metrics
from streams.publishing import MAX_BATCH_BYTES, publish
from streams.pulse import Pulse
from streams.settings import StreamSettings
from streams.transport import Transport
from streams.worker import StreamWorker

FETCH_BYTES: Final = 1024 * 1024  # per partition; one fetch holds some hundred articles

log = structlog.get_logger()


def create_app(
    settings: Settings,
    stream_settings: StreamSettings,
    writer: DeskWriter,
    metrics: Metrics,
    health: Health,
    *,
    services: Sequence[Any] = (),
) -> faust.App:
    """Return an app that classifies `articles` into the desk log; nothing runs before a worker starts it.

    Args:
        settings: The topics must exist: Faust creates none here.
        stream_settings: Batches, timeouts.
        writer: Judges the articles, and writes the desk log.
        metrics: Counts.
        health: Is told that the loop turns, and whether this worker has its partitions and has caught up.
        services: Mode services that live and die with the app, such as the detector.
    """
    app = _bare_app(settings, stream_settings)
    _add_agent(app, settings, stream_settings, writer, metrics)
    for service in (Pulse(app, metrics, health), *services):
        app.service(service)
    return app


def _bare_app(settings: Settings, stream_settings: StreamSettings) -> faust.App:
    app = faust.App(
        settings.topic(topics.CLASSIFY_GROUP),
        broker=[f"kafka://{address}" for address in settings.kafka_bootstrap.split(",")],
        datadir=Path(settings.state_dir) / "faust",  # stays empty: there are no tables
        env_prefix="DESKWATCH_FAUST",  # else Faust takes its settings from variables such as BROKER_URL
        Worker=partial(StreamWorker, stop_within_s=stream_settings.stop_within_s),
        # Topics are ours to create: the embedded broker cannot, and a leader topic wakes every worker for nothing.
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        # Its default, True, holds up a rebalance for as long as a batch is in hand (and longer).
        stream_wait_empty=False,
        stream_buffer_maxsize=2 * stream_settings.batch_records + 1000,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        producer_max_batch_size=MAX_BATCH_BYTES,
        producer_linger=0.0,  # we send whole batches
        broker_session_timeout=stream_settings.session_timeout_s,
        broker_heartbeat_interval=stream_settings.heartbeat_s,
        broker_commit_interval=stream_settings.commit_interval_s,
    )
    app.transport = Transport(app.conf.broker_consumer, app, fetch_wait_ms=stream_settings.fetch_wait_ms)
    return app


def _add_agent(
    app: faust.App, settings: Settings, stream_settings: StreamSettings, writer: DeskWriter, metrics: Metrics
) -> None:
    # Raw bytes: an error of Faust's decoding would be thrown into the agent. Concurrency stays 1: more commits wrong
    # offsets (faust #606); partitions and workers are what scales.
    topic = app.topic(
        settings.topic(topics.ARTICLES.name),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )

    async def classify(stream: Any) -> None:
        taken = 0
        # `take` acknowledges in `finally`, so also what failed; `noack_take` leaves it to us.
        async for events in stream.noack_take(stream_settings.batch_records, within=stream_settings.batch_wait_s):
            taken += 1
            try:
                if taken != stream_settings.fault_drop_batch:
                    await _write(app, writer, metrics, [event.message for event in events])
            except Exception as error:
                # Faust would restart the agent and go on behind the batch that failed. The process ends instead, and
                # its successor begins at the last commit.
                log.exception("classify.failed", records=len(events))
                await app.crash(error)
                raise
            for event in events:
                event.ack()

    app.agent(topic, name="classify", concurrency=1)(classify)


async def _write(app: faust.App, writer: DeskWriter, metrics: Metrics, messages: Sequence[Any]) -> None:
    began = time.monotonic()
    arrived = [Arrived(m.partition, m.offset, m.key, m.value, m.headers) for m in messages]
    await writer.write(arrived, partial(publish, app.producer.client))
    metrics.batch_seconds.observe(time.monotonic() - began)
    now = time.time()
    for message in messages:
        metrics.delay_seconds.observe(max(0.0, now - message.timestamp))
