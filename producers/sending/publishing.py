"""Records to Kafka, a batch at a time, each acknowledged: kafka-python behind an asyncio face."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import msgspec
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.structs import TopicPartition

from deskwatch.clients import create_consumer, create_producer
from deskwatch.errors import PublishError
from deskwatch.settings import Settings

_CONNECT_MS: Final = 3_000
_RECONNECT_MS: Final = 1_000  # between attempts; kafka-python's default grows to half a minute
_DROP_S: Final = 1.0
_SLICE_S: Final = 0.25


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One record on its way: without a partition its key decides."""

    topic: str
    value: bytes
    headers: list[tuple[str, bytes]]
    key: bytes | None = None
    partition: int | None = None


class Placed(msgspec.Struct, frozen=True):
    """Where the broker put a record."""

    partition: int
    offset: int


class Publisher:
    """Sends batches one after the other and waits for every acknowledgement.

    One batch is in flight at a time: that bounds memory, which kafka-python does not. After a batch that failed the
    producer is gone (an idempotent one is of no use after a timeout) and part of the batch may stand in the topic; the
    next batch gets a new producer.
    """

    def __init__(self, settings: Settings, *, timeout_s: float, create: Callable[..., Any] = create_producer) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._create = create
        self._producer: Any = None
        # kafka-python blocks while it looks for the broker; one thread keeps the batches in order
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="publisher")
        self._closing = threading.Event()

    async def publish(self, records: Sequence[Outgoing]) -> list[Placed]:
        """Return where each record stands, once the broker has acknowledged all of them.

        Raises:
            PublishError: it did not; any of them may stand in its topic all the same.
        """
        placed: list[Placed] = await self._run(self._publish, list(records))
        return placed

    async def connect(self) -> None:
        """Find the broker.

        Raises:
            PublishError: it is not there.
        """
        await self._run(self._connect, "(any topic)")

    async def count_partitions(self, topic: str) -> int:
        """Return how many partitions a topic has on the broker.

        Raises:
            PublishError: the broker or the topic is not there.
        """
        count: int = await self._run(self._count_partitions, topic)
        return count

    async def close(self) -> None:
        """Give up what is in flight and disconnect."""
        self._closing.set()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._drop_producer)
        self._thread.shutdown(wait=False)

    async def _run(self, function: Callable[[Any], Any], argument: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, argument)

    def _publish(self, records: list[Outgoing]) -> list[Placed]:
        deadline = time.monotonic() + self._timeout_s
        topic = records[0].topic if records else ""
        try:
            producer = self._get_producer()
            futures = []
            for record in records:
                topic = record.topic
                futures.append(
                    producer.send(
                        record.topic,
                        value=record.value,
                        key=record.key,
                        headers=record.headers,
                        partition=record.partition,
                    )
                )
            placed = [self._wait(future, deadline) for future in futures]
        except KafkaError as error:
            self._drop_producer()
            raise PublishError(topic, f"{type(error).__name__}: {error}") from error
        return [Placed(metadata.partition, metadata.offset) for metadata in placed]

    def _wait(self, future: Any, deadline: float) -> Any:
        """Return the future's value, giving up at the deadline or when the publisher closes."""
        while True:
            left = deadline - time.monotonic()
            try:
                return future.get(timeout=max(min(left, _SLICE_S), 0.001))
            except KafkaTimeoutError:
                if future.is_done or left <= 0 or self._closing.is_set():
                    raise

    def _connect(self, topic: str) -> None:
        try:
            self._get_producer()
        except KafkaError as error:
            raise PublishError(topic, f"{type(error).__name__}: {error}") from error

    def _count_partitions(self, topic: str) -> int:
        try:
            partitions = self._get_producer().partitions_for(topic)
        except KafkaError as error:
            self._drop_producer()
            raise PublishError(topic, f"{type(error).__name__}: {error}") from error
        if not partitions:
            raise PublishError(topic, "the topic does not exist")
        return len(partitions)

    def _get_producer(self) -> Any:
        if self._producer is None:
            self._producer = self._create(
                self._settings,
                bootstrap_timeout_ms=_CONNECT_MS,
                reconnect_backoff_max_ms=_RECONNECT_MS,
                max_block_ms=_CONNECT_MS,
                request_timeout_ms=int(self._timeout_s * 500),
                delivery_timeout_ms=int(self._timeout_s * 1000),
            )
        return self._producer

    def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        # kafka-python 3.0.12: close(timeout=0) raises out of its flush while records are in flight, and leaves the
        # sender running, which would deliver them behind our back. Goes when close() stops it in any case.
        producer._sender.force_close()
        producer._sender.join(_DROP_S)
        with suppress(KafkaTimeoutError):
            producer.close(timeout=_DROP_S)


def scan(
    settings: Settings,
    topic: str,
    after: Mapping[int, int] | None,
    look: Callable[[Any], None],
    *,
    timeout_s: float = 10.0,
) -> dict[int, int]:
    """Show `look` every record beyond the offsets in `after`, up to the end at this moment, and return the ends.

    Args:
        settings: Where the broker is.
        topic: Its full name.
        after: Per partition the last offset that is known; one that is not in there is read whole. Where an offset lies
            beyond the end, the topic is a new one of the same name, and is read whole too. None reads nothing.
        look: Gets Kafka's own messages.
        timeout_s: Seconds without a record after which the broker counts as stuck.

    Raises:
        PublishError: the broker or the topic is not there, or the broker is stuck.
    """
    try:
        consumer = create_consumer(settings, bootstrap_timeout_ms=_CONNECT_MS, reconnect_backoff_max_ms=_RECONNECT_MS)
    except KafkaError as error:
        raise PublishError(topic, f"{type(error).__name__}: {error}") from error
    try:
        consumer.bootstrap(timeout_ms=_CONNECT_MS)  # with a given api_version it has not looked for the broker yet
        partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
        if not partitions:
            raise PublishError(topic, "the topic does not exist")
        starts, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        for partition in partitions:
            if after is None:
                break
            position = after.get(partition.partition, -1) + 1
            position = max(position if position <= ends[partition] else 0, starts[partition])
            if position < ends[partition]:
                _read(consumer, partition, position, ends[partition], look, timeout_s)
    except KafkaError as error:
        raise PublishError(topic, f"reading it back: {type(error).__name__}: {error}") from error
    finally:
        consumer.close(autocommit=False, timeout_ms=_CONNECT_MS)
    return {partition.partition: end for partition, end in ends.items()}


def _read(
    consumer: Any, partition: TopicPartition, position: int, end: int, look: Callable[[Any], None], timeout_s: float
) -> None:
    consumer.assign([partition])
    consumer.seek(partition, position)
    deadline = time.monotonic() + timeout_s
    while position < end:
        messages = consumer.poll(timeout_ms=500).get(partition, [])
        for message in messages:
            if message.offset < end:
                look(message)
        before, position = position, consumer.position(partition)
        if position > before:
            deadline = time.monotonic() + timeout_s
        elif time.monotonic() > deadline:
            raise PublishError(partition.topic, f"reading it back: no record at offset {position} for {timeout_s:g} s")
