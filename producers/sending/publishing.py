"""Records to Kafka, a batch at a time, each acknowledged: kafka-python behind an asyncio face."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import msgspec
from kafka.errors import InvalidTimestampError, KafkaError, KafkaTimeoutError

from deskwatch.clients import create_producer
from deskwatch.errors import ClockError, PublishError
from deskwatch.settings import Settings
from deskwatch.topics import TOPICS

_CONNECT_MS: Final = 3_000
_RECONNECT_MS: Final = 1_000  # between attempts; kafka-python's default grows to half a minute
_DROP_S: Final = 1.0
_SLICE_S: Final = 0.25


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One record on its way: its key decides where a partition is not given; without a value the key is deleted."""

    topic: str
    value: bytes | None
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

    Args:
        timeout_s: Until a batch without all acknowledgements counts as failed.
        create: Makes the producer.
        wall: This machine's clock, in seconds since 1970.

    Attributes:
        skew_s: How far that clock was ahead of the broker's (negative: behind) when a batch last told.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        timeout_s: float,
        create: Callable[..., Any] = create_producer,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.skew_s = 0.0
        self._wall = wall
        stamped = () if settings.kafka_embedded else (topic for topic in TOPICS if topic.stamped)  # it stamps all 1234
        self._stamped = {settings.topic(topic.name) for topic in stamped}
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
            ClockError: it refused the time that they bear.
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
        sent_at = self._wall()
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
        except InvalidTimestampError as error:
            self._drop_producer()
            raise ClockError(None) from error
        except KafkaError as error:
            self._drop_producer()
            raise PublishError(topic, f"{type(error).__name__}: {error}") from error
        # Of a topic that was made without broker's stamps this is our own time, and tells nothing.
        stamps = [metadata.timestamp / 1000 for metadata in placed if metadata.topic in self._stamped]
        if stamps:
            self.skew_s = max((skew(stamp, sent_at, self._wall()) for stamp in stamps), key=abs)
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


def skew(stamp_s: float, sent_s: float, acknowledged_s: float) -> float:
    """Return the seconds by which our clock is at least ahead of the broker's, negative if it is behind.

    Args:
        stamp_s: When the broker says that it took a record.
        sent_s: When it was sent, by our clock.
        acknowledged_s: When the broker's answer was here, by our clock.
    """
    first, last = min(sent_s, acknowledged_s), max(sent_s, acknowledged_s)  # the clock may be set meanwhile
    return first - stamp_s if stamp_s < first else min(last - stamp_s, 0.0)
