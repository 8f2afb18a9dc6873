from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import InvalidTimestampError, KafkaConnectionError
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata
from kafka.structs import TopicPartition

from deskwatch.clients import create_topics
from deskwatch.errors import ClockError, PublishError
from deskwatch.settings import Settings
from deskwatch.topics import FEED_POLLS
from producers.sending.publishing import Outgoing, Placed, Publisher, skew


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


@pytest.mark.parametrize(
    ("stamp_s", "sent_s", "acknowledged_s", "expected_s"),
    [
        (100.0, 100.0, 100.5, 0.0),
        (100.3, 100.0, 100.5, 0.0),
        (90.0, 100.0, 100.5, 10.0),  # we are ahead
        (120.5, 100.0, 100.5, -20.0),
        (120.5, 100.0, 115.0, -5.5),  # a slow answer tells less
        (100.0, 130.0, 90.0, 0.0),  # the clock was set back meanwhile
    ],
)
def test_skew_is_what_no_delay_explains(
    stamp_s: float, sent_s: float, acknowledged_s: float, expected_s: float
) -> None:
    assert skew(stamp_s, sent_s, acknowledged_s) == expected_s


@given(st.floats(-1e4, 1e4), st.floats(0, 1e3), st.floats(0, 1e3))
def test_skew_never_claims_more_than_is_there(ahead_s: float, there_s: float, back_s: float) -> None:
    sent_s, taken_s = 1e6 + ahead_s, 1e6 + there_s
    found = skew(taken_s, sent_s, sent_s + there_s + back_s)
    assert abs(found) <= abs(ahead_s) + 1e-6
    assert found * ahead_s >= -1e-6


@pytest.mark.parametrize("settings", [pytest.param("kafka", marks=pytest.mark.system)], indirect=True)
@pytest.mark.parametrize("ahead_s", [0.0, 400.0, -400.0])
def test_the_broker_tells_how_far_the_clock_is_off(settings: Settings, ahead_s: float) -> None:
    create_topics(settings)

    async def run() -> float:
        publisher = Publisher(settings, timeout_s=10, wall=lambda: time.time() + ahead_s)
        try:
            await publisher.publish([Outgoing(topic=settings.topic(FEED_POLLS.name), value=b"x", headers=[])])
            return publisher.skew_s
        finally:
            await publisher.close()

    assert asyncio.run(run()) == pytest.approx(ahead_s, abs=10.0)


def test_a_broker_that_does_not_stamp_tells_nothing_of_the_clock(settings: Settings) -> None:
    async def run() -> float:
        publisher = Publisher(settings, timeout_s=10)
        try:
            await publisher.publish([Outgoing(topic=settings.topic(FEED_POLLS.name), value=b"x", headers=[])])
            return publisher.skew_s
        finally:
            await publisher.close()

    assert asyncio.run(run()) == pytest.approx(0.0, abs=0.01)


def test_a_time_that_the_broker_refuses_is_the_clocks_fault(settings: Settings) -> None:
    class Refusing(SilentProducer):
        def send(self, topic: str, **_: Any) -> FutureRecordMetadata:
            raise InvalidTimestampError

    async def run() -> None:
        publisher = Publisher(settings, timeout_s=10, create=lambda *_, **__: Refusing())
        with pytest.raises(ClockError) as caught:
            await publisher.publish(records(settings, 1))
        assert caught.value.skew_s is None
        await publisher.close()

    asyncio.run(run())
