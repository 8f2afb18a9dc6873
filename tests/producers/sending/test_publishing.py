from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata
from kafka.structs import TopicPartition

from deskwatch.errors import PublishError
from deskwatch.settings import Settings
from producers.sending.publishing import Outgoing, Placed, Publisher, scan


def records(settings: Settings, count: int, *, start: int = 0) -> list[Outgoing]:
    return [
        Outgoing(
            topic=settings.topic("articles"),
            value=b"v%d" % n,
            headers=[("schema", b"x/1")],
            key=b"k%d" % n,
            partition=n % 3,
        )
        for n in range(start, start + count)
    ]


def publish(settings: Settings, *batches: list[Outgoing], timeout_s: float = 10) -> list[Placed]:
    async def run() -> list[Placed]:
        publisher = Publisher(settings, timeout_s=timeout_s)
        try:
            return [place for batch in batches for place in await publisher.publish(batch)]
        finally:
            await publisher.close()

    return asyncio.run(run())


def test_every_record_is_placed_where_it_says(settings: Settings) -> None:
    assert publish(settings, records(settings, 5), records(settings, 4, start=5)) == [
        Placed(n % 3, n // 3) for n in range(9)
    ]


def test_scan_shows_what_lies_beyond_the_given_offsets(settings: Settings) -> None:
    publish(settings, records(settings, 9))
    found: list[bytes] = []

    def look(message: Any) -> None:
        found.append(message.value)

    assert scan(settings, settings.topic("articles"), None, look) == {0: 3, 1: 3, 2: 3, 3: 0}
    assert found == []
    scan(settings, settings.topic("articles"), {0: 1, 1: 2, 2: 0}, look)
    assert found == [b"v6", b"v5", b"v8"]
    found.clear()
    scan(
        settings, settings.topic("articles"), {0: 2, 1: 500}, look
    )  # 1: a new topic of the same name; 2: a new partition
    assert found == [b"v1", b"v4", b"v7", b"v2", b"v5", b"v8"]


def test_partitions_are_counted_on_the_broker(settings: Settings) -> None:
    async def run() -> int:
        publisher = Publisher(settings, timeout_s=5)
        try:
            return await publisher.count_partitions(settings.topic("articles"))
        finally:
            await publisher.close()

    assert asyncio.run(run()) == 4


class SilentProducer:
    """A KafkaProducer whose broker never answers."""

    def __init__(self) -> None:
        self._sender = self
        self.stopped: list[str] = []

    def send(self, topic: str, **_: Any) -> FutureRecordMetadata:
        return FutureRecordMetadata(FutureProduceResult(TopicPartition(topic, 0)), 0, 0, None, 0, 0, 0)

    def force_close(self) -> None:
        self.stopped.append("sender")

    def join(self, timeout: float) -> None:
        self.stopped.append("joined")

    def close(self, timeout: float) -> None:
        self.stopped.append("producer")


def test_a_batch_without_acknowledgement_fails_and_costs_the_producer(settings: Settings) -> None:
    made: list[SilentProducer] = []

    def create(*_: Any, **__: Any) -> SilentProducer:
        made.append(SilentProducer())
        return made[-1]

    async def run() -> None:
        publisher = Publisher(settings, timeout_s=0.1, create=create)
        for _ in range(2):
            with pytest.raises(PublishError, match="articles: KafkaTimeoutError") as caught:
                await publisher.publish(records(settings, 2))
            assert caught.value.recoverable
        await publisher.close()

    asyncio.run(run())
    assert [producer.stopped for producer in made] == [["sender", "joined", "producer"]] * 2


def test_closing_does_not_wait_for_a_silent_broker(settings: Settings) -> None:
    async def run() -> None:
        publisher = Publisher(settings, timeout_s=600, create=lambda *_, **__: SilentProducer())
        sending = asyncio.create_task(publisher.publish(records(settings, 1)))
        await asyncio.sleep(0)  # it has begun
        await publisher.close()
        with pytest.raises(PublishError):
            await sending

    asyncio.run(run())


def test_a_broker_that_is_not_there_is_our_error(settings: Settings) -> None:
    def create(*_: Any, **__: Any) -> None:
        raise KafkaConnectionError

    async def run() -> None:
        publisher = Publisher(settings, timeout_s=1, create=create)
        for attempt in (
            publisher.connect(),
            publisher.count_partitions(settings.topic("articles")),
            publisher.publish(records(settings, 1)),
        ):
            with pytest.raises(PublishError, match="KafkaConnectionError"):
                await attempt
        await publisher.close()

    asyncio.run(run())
