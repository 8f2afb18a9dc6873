"""The service's side of Kafka: spikes in; dead letters and the ledger's mirror out.

kafka-python blocks, so its consumer and its producer have a thread each.
"""

from __future__ import annotations

import asyncio
import os
import socket
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from kafka.errors import KafkaError

from alerting.intake import Arrival
from alerting.ledger import Change
from deskwatch import clients, codec, topics
from deskwatch.errors import PublishError
from deskwatch.records import DeadLetter, Delivery
from deskwatch.settings import Settings

T = TypeVar("T")

POLL_MS: Final = 300
ACKNOWLEDGED_WITHIN_S: Final = 15.0
SESSION_MS: Final = 10_000

_DELIVERY_HEADERS: Final = [(codec.HEADER, codec.schema_name(Delivery).encode())]

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

    async def read(self) -> Sequence[Arrival]:
        """Return the next records, none after a short while without any."""
        batches = await self._run(lambda: self._consumer.poll(timeout_ms=POLL_MS))
        return [
            Arrival(
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                recorded_at=message.timestamp / 1000,
                key=message.key,
                value=message.value,
                headers=tuple(message.headers),
            )
            for messages in batches.values()
            for message in messages
        ]

    async def commit(self) -> None:
        """Commit what was read; if the group has moved on it is read again, and the ledger knows it."""
        try:
            await self._run(self._consumer.commit)
        except KafkaError as error:
            _log.warning("spikes.commit_refused", detail=str(error))

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Return when the dead letters are safe."""
        await self._producer.bury(letters)

    def is_assigned(self) -> bool:
        """Return whether this service has the spikes, and is not standing by."""
        return bool(self._consumer.assignment())

    async def close(self) -> None:
        """Leave the group."""
        await self._run(self._consumer.close)
        self._thread.shutdown()

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


class KafkaMirror:
    """Publishes the ledger's changes to `deliveries`, and dead letters."""

    def __init__(self, settings: Settings) -> None:
        self._deliveries = settings.topic(topics.DELIVERIES.name)
        self._dead_letters = settings.topic(topics.DEAD_LETTERS.name)
        self._producer = clients.create_producer(settings)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="deliveries")

    async def publish(self, changes: Sequence[Change]) -> None:
        """Return when the broker has acknowledged all changes.

        Raises:
            PublishError: it has not, in time.
        """
        records = [(change.key.encode(), change.record, _DELIVERY_HEADERS) for change in changes]
        await self._run(lambda: self._send(self._deliveries, records))

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Return when the broker has acknowledged all dead letters; PublishError as `publish`."""
        records = [(letter.topic.encode(), codec.encode(letter), codec.headers_of(letter)) for letter in letters]
        await self._run(lambda: self._send(self._dead_letters, records))

    async def close(self) -> None:
        """Close the producer."""
        await self._run(lambda: self._producer.close(timeout=2))
        self._thread.shutdown()

    def _send(self, topic: str, records: Sequence[tuple[bytes, bytes, list[tuple[str, bytes]]]]) -> None:
        try:
            sent = [
                self._producer.send(topic, key=key, value=value, headers=headers) for key, value, headers in records
            ]
            for future in sent:
                future.get(timeout=ACKNOWLEDGED_WITHIN_S)
        except KafkaError as error:
            raise PublishError(topic, f"{type(error).__name__}: {error}") from error

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)
