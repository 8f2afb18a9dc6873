"""Where spikes come from: the topic, one service at a time.

kafka-python blocks, so each of its consumers and producers has a thread.
"""

from __future__ import annotations

import asyncio
import os
import socket
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from kafka.errors import KafkaError

from alerting.deciding.intake import Arrival
from alerting.topics.mirroring import KafkaMirror
from deskwatch import clients, topics
from deskwatch.records import DeadLetter
from deskwatch.settings import Settings

T = TypeVar("T")

POLL_MS: Final = 300
SESSION_MS: Final = 10_000
EARLIER: Final = timedelta(days=60)  # longer than an episode lasts

_log = structlog.get_logger()


def instance_id(settings: Settings) -> str:
    """Return the name under which this host's service with this ledger is a member of its group."""
    place = zlib.crc32(os.fsencode(Path(settings.state_dir).resolve()))
    return f"alert-{socket.gethostname()}-{place:08x}"


class KafkaSource:
    """Reads the topic `spikes` in the group `alert`: one service at a time has it, others stand by."""

    def __init__(self, settings: Settings, producer: KafkaMirror) -> None:
        options: dict[str, Any] = {
            "group_id": settings.topic(topics.ALERT_GROUP),
            "session_timeout_ms": SESSION_MS,
            "heartbeat_interval_ms": SESSION_MS // 4,
            "max_poll_records": 100,
        }
        if not settings.kafka_embedded:
            # A service that was killed and comes back on the same host takes its place again at once.
            options["group_instance_id"] = instance_id(settings)
        self._consumer = clients.create_consumer(settings, **options)
        self._consumer.subscribe([settings.topic(topics.SPIKES.name)])
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spikes")
        self._producer = producer
        self._settings = settings

    async def read(self) -> Sequence[Arrival]:
        """Return the next records, none after a short while without any."""
        batches = await self._run(lambda: self._consumer.poll(timeout_ms=POLL_MS))
        return [_arrival(message) for messages in batches.values() for message in messages]

    async def commit(self) -> None:
        """Commit what was read; if the group has moved on it is read again, and the ledger knows it."""
        try:
            await self._run(self._consumer.commit)
        except KafkaError as error:
            _log.warning("spikes.commit_refused", detail=str(error))

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Return when the dead letters are safe."""
        await self._producer.bury(letters)

    async def earlier(self) -> Sequence[Arrival]:
        """Return the spikes of the last weeks up to the committed position."""
        return await self._run(self._read_earlier)

    def is_assigned(self) -> bool:
        """Return whether this service has the spikes, and is not standing by."""
        return bool(self._consumer.assignment())

    def _read_earlier(self) -> list[Arrival]:
        committed = {place.partition: self._consumer.committed(place) or 0 for place in self._consumer.assignment()}
        since = datetime.now(UTC) - EARLIER
        return [
            _arrival(message)
            for message in clients.read_messages(self._settings, topics.SPIKES.name, since=since)
            if message.offset < committed.get(message.partition, 0)
        ]

    async def close(self) -> None:
        """Leave the group."""
        await self._run(self._consumer.close)
        self._thread.shutdown()

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _arrival(message: Any) -> Arrival:
    return Arrival(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        recorded_at=message.timestamp / 1000,
        key=message.key,
        value=message.value,
        headers=tuple(message.headers),
    )
