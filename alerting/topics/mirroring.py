"""Where the ledger's changes and dead letters go: the topics `deliveries` and `dead-letters`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

import structlog
from kafka.errors import InvalidProducerEpochError, KafkaError, ProducerFencedError

from alerting.ledger.ledger import Change
from deskwatch import clients, codec, topics
from deskwatch.errors import CodecError, PublishError, SupersededError
from deskwatch.records import DeadLetter, Delivery
from deskwatch.settings import Settings

T = TypeVar("T")

ACKNOWLEDGED_WITHIN_S: Final = 15.0

_DELIVERY_HEADERS: Final = [(codec.HEADER, codec.schema_name(Delivery).encode())]

_log = structlog.get_logger()


class KafkaMirror:
    """Publishes the ledger's changes to `deliveries`, and dead letters; one service at a time can.

    That is what the transactional id is for: who takes over fences the one before. (The embedded broker has no
    transactions worth the name, and one service only.)
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._deliveries = settings.topic(topics.DELIVERIES.name)
        self._dead_letters = settings.topic(topics.DEAD_LETTERS.name)
        self._fences = not settings.kafka_embedded
        options = {"transactional_id": settings.topic(topics.ALERT_GROUP)} if self._fences else {}
        self._producer = clients.create_producer(settings, linger_ms=0, **options)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="deliveries")

    async def take_over(self) -> None:
        """Fence whoever published before.

        Raises:
            PublishError: the broker does not answer.
        """
        if self._fences:
            await self._run(self._fence)

    async def deliveries(self) -> Sequence[Delivery]:
        """Return what the topic holds; what is no delivery is left out, and said.

        Raises:
            KafkaError: the broker does not answer.
        """
        return await self._run(self._read)

    async def publish(self, changes: Sequence[Change]) -> None:
        """Return when the broker has acknowledged all changes.

        Raises:
            PublishError: it has not, in time.
            SupersededError: another service has taken over.
        """
        records = [(change.key.encode(), change.record, _DELIVERY_HEADERS) for change in changes]
        await self._run(lambda: self._send(self._deliveries, records))

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Return when the broker has acknowledged all dead letters; errors as of `publish`."""
        records = [(letter.topic.encode(), codec.encode(letter), codec.headers_of(letter)) for letter in letters]
        await self._run(lambda: self._send(self._dead_letters, records))

    async def close(self) -> None:
        """Close the producer."""
        await self._run(lambda: self._producer.close(timeout=2))
        self._thread.shutdown()

    def _fence(self) -> None:
        try:
            self._producer.init_transactions()
        except KafkaError as error:
            raise PublishError(self._deliveries, f"{type(error).__name__}: {error}") from error

    def _read(self) -> list[Delivery]:
        found = []
        for message in clients.read_messages(self._settings, topics.DELIVERIES.name):
            try:
                record = codec.decode(message.value, message.headers)
            except CodecError as error:
                _log.warning("deliveries.unreadable", offset=message.offset, detail=str(error))
                continue
            if isinstance(record, Delivery):
                found.append(record)
        return found

    def _send(self, topic: str, records: Sequence[tuple[bytes, bytes, list[tuple[str, bytes]]]]) -> None:
        try:
            with self._transaction():
                sent = [
                    self._producer.send(topic, key=key, value=value, headers=headers) for key, value, headers in records
                ]
                self._producer.flush(timeout=ACKNOWLEDGED_WITHIN_S)
                for future in sent:
                    future.get(timeout=ACKNOWLEDGED_WITHIN_S)
        except (ProducerFencedError, InvalidProducerEpochError) as error:
            raise SupersededError(topic) from error
        except KafkaError as error:
            raise PublishError(topic, f"{type(error).__name__}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if not self._fences:
            yield
            return
        self._producer.begin_transaction()
        try:
            yield
        except KafkaError:
            self._producer.abort_transaction()
            raise
        self._producer.commit_transaction()

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)
