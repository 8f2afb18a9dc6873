from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import OffsetAndMetadata, TopicPartition

from deskwatch.broker import MockBroker
from deskwatch.errors import LostRecordsError
from deskwatch.settings import Settings
from deskwatch.watching import LossWatch, find_loss, readers_of

OFFSETS = st.integers(0, 1_000)
PARTITIONS = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 3))


def test_position_before_the_oldest_record_is_a_loss() -> None:
    loss = find_loss({("articles", 0): 0, ("articles", 1): 7}, {("articles", 0): 3, ("articles", 1): 5})
    assert loss is not None
    assert (loss.topic, loss.partition, loss.expected, loss.found) == ("articles", 1, 5, 7)


def test_position_at_the_oldest_record_is_none() -> None:
    assert find_loss({("articles", 0): 5}, {("articles", 0): 5}) is None


def test_group_that_never_committed_loses_nothing() -> None:
    assert find_loss({("articles", 0): 5, ("articles", 1): 9}, {("articles", 0): -1, ("articles", 1): -1}) is None


def test_group_that_committed_elsewhere_stands_at_the_beginning() -> None:
    loss = find_loss({("articles", 0): 5}, {("articles", 0): -1, ("articles", 1): 2})
    assert loss is not None
    assert (loss.partition, loss.expected) == (0, 0)


@given(st.dictionaries(PARTITIONS, OFFSETS), st.dictionaries(PARTITIONS, OFFSETS))
def test_a_loss_is_found_exactly_where_one_is(
    starts: dict[tuple[str, int], int], committed: dict[tuple[str, int], int]
) -> None:
    lost = {key for key, position in committed.items() if starts.get(key, 0) > position}
    found = find_loss(starts, committed)
    assert (found is None) == (not lost)
    assert found is None or (found.topic, found.partition) in lost


def test_names_of_the_readers_have_the_prefix() -> None:
    readers = readers_of(Settings(kafka_prefix="x-"))
    assert ("x-classify", "x-articles") in readers
    assert ("x-detect", "x-articles.classified") in readers


class World:
    """An embedded broker with a reader that committed its position at the very beginning."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.stop = threading.Event()
        self.watch = LossWatch(bootstrap, [("readers", "articles")], self.stop)

    def commit(self, offset: int) -> None:
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, api_version=(2, 3), group_id="readers")
        try:
            partition = TopicPartition("articles", 0)
            consumer.assign([partition])
            consumer.commit({partition: OffsetAndMetadata(offset, "", -1)})
        finally:
            consumer.close()

    def send(self, count: int, size: int) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap, api_version=(2, 3), acks="all", linger_ms=5, batch_size=262_144
        )
        try:
            for sent in [producer.send("articles", b"x" * size) for _ in range(count)]:
                sent.get(timeout=20)
        finally:
            producer.close()


@pytest.fixture
def world() -> Iterator[World]:
    with MockBroker({"articles": 1}) as broker:
        yield World(broker.bootstrap)


def test_records_trimmed_before_they_were_read_set_stop(world: World) -> None:
    world.commit(1)
    with world.watch:
        world.send(60, 100_000)
        assert world.stop.wait(20)
    assert isinstance(world.watch.error, LostRecordsError)
    assert (world.watch.error.topic, world.watch.error.expected) == ("articles", 1)
    assert world.watch.error.found > 1


def test_records_that_were_read_may_go(world: World) -> None:
    world.send(60, 100_000)
    world.commit(60)
    with world.watch:
        assert not world.stop.wait(1.5)
    assert world.watch.error is None
