"""Records onto a topic in the order given, each acknowledged by the broker before this returns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deskwatch import codec
from deskwatch.errors import PublishError
from deskwatch.records import Record
from deskwatch.settings import Settings

REQUEST_TIMEOUT_MS: Final = 15_000
MAX_BATCH_BYTES: Final = 512 * 1024


class Message(NamedTuple):
    """One record as bytes; without a value it deletes its key from a compacted topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def message_of(record: Record, *, key: bytes | None = None, value: bytes | None = None) -> Message:
    """Return a record as bytes; `value`, if it is encoded already."""
    return Message(key, codec.encode(record) if value is None else value, codec.headers_of(record))


async def publish(client: Any, topic: str, messages: Iterable[Message], *, partition: int = 0) -> None:
    """Send `messages` to one partition, in their order, and return when the broker has acknowledged every one.

    Whole batches are built here: one future for hundreds of records, where `send` makes one for each.

    Args:
        client: A started aiokafka producer that keeps the order (idempotent).

    Raises:
        PublishError: some may be there and some not.
    """
    acknowledged: list[asyncio.Future[Any]] = []
    try:
        for batch in _batches(client, topic, messages):
            acknowledged.append(await client.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*acknowledged)
    except KafkaError as error:
        for future in acknowledged:  # else asyncio complains of failures that nobody looked at
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise PublishError(topic, f"{type(error).__name__}: {error}") from error


class DeskProducer:
    """An idempotent producer of its own, connected at its first use; for what is sent beside the Faust stream."""

    def __init__(self, settings: Settings) -> None:
        self._bootstrap = settings.kafka_bootstrap
        self._client: Any = None
        self._lock = asyncio.Lock()

    async def publish(self, topic: str, messages: Iterable[Message], *, partition: int = 0) -> None:
        """Send as `publish` does.

        Raises:
            PublishError: the broker did not acknowledge; the next call connects anew.
        """
        async with self._lock:
            try:
                await publish(await self._connected(topic), topic, messages, partition=partition)
            except PublishError:
                await self._disconnect()
                raise

    async def partitions_of(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        async with self._lock:
            client = await self._connected(topic)
            try:
                return len(await client.partitions_for(topic))
            except KafkaError as error:
                raise PublishError(topic, f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Disconnect; a later use connects again."""
        async with self._lock:
            await self._disconnect()

    async def _connected(self, topic: str) -> Any:
        if self._client is None:
            client = AIOKafkaProducer(**producer_options(self._bootstrap))
            try:
                await client.start()
            except KafkaError as error:
                await client.stop()
                raise PublishError(topic, f"{type(error).__name__}: {error}") from error
            self._client = client
        return self._client

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.stop()


def producer_options(bootstrap: str) -> Mapping[str, Any]:
    """Return the options of an aiokafka producer that loses and doubles nothing."""
    return {
        "bootstrap_servers": bootstrap.split(","),
        "acks": "all",
        "enable_idempotence": True,
        "max_batch_size": MAX_BATCH_BYTES,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
    }


def _batches(client: Any, topic: str, messages: Iterable[Message]) -> Iterable[Any]:
    batch = client.create_batch()
    for key, value, headers in messages:
        if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
            yield batch
            batch = client.create_batch()  # an empty one takes a record of any size: classifying.py bounds them
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                raise PublishError(topic, f"a record of {len(value or b'')} bytes fits no batch")
    if batch.record_count():
        batch.close()
        yield batch
