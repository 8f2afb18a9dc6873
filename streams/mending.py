"""Classifies a range of `articles` that the Faust agents have lost, reading it directly."""

from __future__ import annotations

from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deskwatch import topics
from deskwatch.errors import ReadError
from deskwatch.records import Coverage
from deskwatch.settings import Settings
from streams.desk import Arrived, DeskWriter
from streams.publishing import DeskProducer

STEP_RECORDS: Final = 500
READ_MS: Final = 1_000
IDLE_READS: Final = 10  # without any record: the broker does not answer
EXPIRED: Final = "expired"
MENDER: Final = "mender"

log = structlog.get_logger()


class Mender:
    """Reads ranges of `articles` outside any consumer group and writes them into the desk log as the agents would.

    One mend at a time; connected from its first use until `close`.
    """

    def __init__(self, settings: Settings, writer: DeskWriter, producer: DeskProducer) -> None:
        self._topic = settings.topic(topics.ARTICLES.name)
        self._bootstrap = settings.kafka_bootstrap
        self._writer = writer
        self._producer = producer
        self._client: Any = None

    async def mend(self, partition: int, first: int, last: int) -> int:
        """Return how many offsets of `partition`, from `first` to `last` inclusive, are now covered.

        Offsets that the broker has deleted are covered as expired: nobody can classify them. `last` may lie beyond
        what the partition holds; that part is left.

        Raises:
            ReadError, PublishError: the broker does not answer; what was covered before stays so.
        """
        place = TopicPartition(self._topic, partition)
        try:
            client = await self._connected()
            client.assign([place])
            start = (await client.beginning_offsets([place]))[place]
            end = (await client.end_offsets([place]))[place]
        except KafkaError as error:
            await self._disconnect()
            raise ReadError(self._topic, partition, first, f"{type(error).__name__}: {error}") from error
        last = min(last, end - 1)
        if last < first:
            return 0
        position = max(first, min(start, last + 1))
        if position > first:
            log.warning("mender.expired", partition=partition, first=first, last=position - 1)
            await self._report(partition, first, position - 1, EXPIRED)
        if position <= last:
            await self._classify(client, place, position, last)
        log.info("mender.mended", partition=partition, first=first, last=last)
        return last - first + 1

    async def close(self) -> None:
        """Disconnect, and the producer too; a later mend connects again."""
        await self._disconnect()
        await self._producer.close()

    async def _classify(self, client: Any, place: Any, position: int, last: int) -> None:
        idle = 0
        try:
            client.seek(place, position)
            while position <= last:
                found = await client.getmany(place, timeout_ms=READ_MS, max_records=STEP_RECORDS)
                records = [record for record in found.get(place, ()) if position <= record.offset <= last]
                # Where the next read begins: past offsets that hold no record (a compacted log, a transaction's end).
                reached = min(await client.position(place), last + 1)
                if reached <= position:
                    idle += 1
                    if idle >= IDLE_READS:
                        raise ReadError(place.topic, place.partition, position, "no record arrives")
                    continue
                idle = 0
                arrived = [Arrived(r.partition, r.offset, r.key, r.value, r.headers) for r in records]
                coverage = Coverage(partition=place.partition, runs=((position, reached - 1),), by=MENDER)
                await self._writer.write(arrived, self._producer.publish, [coverage])
                position = reached
        except KafkaError as error:
            await self._disconnect()
            raise ReadError(place.topic, place.partition, position, f"{type(error).__name__}: {error}") from error

    async def _report(self, partition: int, first: int, last: int, by: str) -> None:
        coverage = Coverage(partition=partition, runs=((first, last),), by=by)
        await self._writer.write([], self._producer.publish, [coverage])

    async def _connected(self) -> Any:
        if self._client is None:
            client = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap.split(","),
                enable_auto_commit=False,
                auto_offset_reset="none",  # a range that is deleted meanwhile must not become another range
            )
            try:
                await client.start()
            except KafkaError:
                await client.stop()
                raise
            self._client = client
        return self._client

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.stop()
