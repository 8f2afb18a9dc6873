from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import OffsetAndMetadata, TopicPartition

from deskwatch.broker import MockBroker
from deskwatch.errors import LagError
from deskwatch.pacing import LagGate

EMBEDDED = (2, 3)


class World:
    """One topic of two partitions and one group on a broker: feeds it, and commits as the group would."""

    def __init__(self, bootstrap: str, api_version: tuple[int, ...] | None, topic: str) -> None:
        self.options: dict[str, Any] = {"bootstrap_servers": bootstrap, "api_version": api_version}
        self.topic, self.group = topic, f"group-of-{topic}"
        self.producer = KafkaProducer(**self.options)
        self.consumer = KafkaConsumer(**self.options, group_id=self.group, enable_auto_commit=False)

    def send(self, count: int) -> None:
        for sent in [self.producer.send(self.topic, b"x", partition=i % 2) for i in range(count)]:
            sent.get(timeout=20)

    def commit(self, *offsets: int) -> None:
        self.consumer.commit(
            {TopicPartition(self.topic, p): OffsetAndMetadata(o, "", -1) for p, o in enumerate(offsets)}
        )

    def gate(self, max_lag_records: int, timeout_s: float = 30.0, *more: tuple[str, str]) -> LagGate:
        return LagGate(
            self.options["bootstrap_servers"],
            [(self.group, self.topic), *more],
            max_lag_records=max_lag_records,
            timeout_s=timeout_s,
            api_version=self.options["api_version"],
        )

    def close(self) -> None:
        self.producer.close()
        self.consumer.close()


@pytest.fixture
def embedded() -> Iterator[World]:
    with MockBroker({"articles": 2}) as broker:
        world = World(broker.bootstrap, EMBEDDED, "articles")
        try:
            yield world
        finally:
            world.close()


@pytest.fixture
def real(kafka: str) -> Iterator[World]:
    topic = f"articles-{uuid.uuid4().hex}"
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        admin.create_topics([NewTopic(topic, 2, 1)])
    finally:
        admin.close()
    world = World(kafka, None, topic)
    try:
        yield world
    finally:
        world.close()


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.system)])
def world(request: pytest.FixtureRequest) -> World:
    found: World = request.getfixturevalue(request.param)
    return found


def test_gate_blocks_until_the_group_has_committed(world: World) -> None:
    gate = world.gate(100)
    world.send(120)
    with ThreadPoolExecutor(1) as pool:
        try:
            waiting = pool.submit(gate.wait, 120)
            with pytest.raises(TimeoutError):
                waiting.result(0.5)
            world.commit(30, 30)  # 60 unread: less than the limit, but not yet below half of it
            with pytest.raises(TimeoutError):
                waiting.result(0.5)
            world.commit(40, 40)
            waiting.result(20)
        finally:
            gate.close()


def test_broker_is_asked_only_when_the_bound_is_passed(embedded: World) -> None:
    gate = embedded.gate(10, 0.3)
    try:
        gate.wait(0)  # learns that nothing is unread
        embedded.send(40)
        gate.wait(10)  # asking would find 40
        with pytest.raises(LagError):
            gate.wait(1)
    finally:
        gate.close()


def test_stuck_group_is_named_with_its_topic_and_lag(world: World) -> None:
    gate = world.gate(10, 0.3)
    world.send(20)
    world.commit(1, 2)
    try:
        with pytest.raises(LagError) as caught:
            gate.wait(20)
    finally:
        gate.close()
    assert (caught.value.group, caught.value.topic, caught.value.lag) == (world.group, world.topic, 17)


@pytest.mark.slow
def test_slow_group_that_progresses_is_waited_for(embedded: World) -> None:
    gate = embedded.gate(10, 1.0)
    embedded.send(40)
    done = threading.Event()

    def commit_slowly() -> None:
        for offset in range(1, 21):
            if done.wait(0.2):
                return
            embedded.commit(offset, offset)

    with ThreadPoolExecutor(1) as pool:
        try:
            committing = pool.submit(commit_slowly)
            gate.wait(40)  # takes longer than the timeout
        finally:
            done.set()
            gate.close()
        committing.result(20)


def test_group_that_stands_still_is_noticed_beside_one_that_moves(embedded: World) -> None:
    gate = embedded.gate(10, 1.0, ("stuck", "articles"))
    embedded.send(40)
    done = threading.Event()

    def commit_on() -> None:
        offset = 0
        while not done.wait(0.1):
            offset = min(offset + 1, 20)
            embedded.commit(offset, offset)

    with ThreadPoolExecutor(1) as pool:
        committing = pool.submit(commit_on)
        try:
            with pytest.raises(LagError) as caught:
                gate.wait(40)
        finally:
            done.set()
            gate.close()
        committing.result(20)
    assert (caught.value.group, caught.value.lag) == ("stuck", 40)


def test_lag_left_by_an_earlier_run_counts(embedded: World) -> None:
    embedded.send(20)
    gate = embedded.gate(10, 0.2)
    try:
        with pytest.raises(LagError):
            gate.wait(0)
    finally:
        gate.close()


def test_topic_that_does_not_exist_yet_has_no_lag(world: World) -> None:
    gate = world.gate(10, 5.0, ("other", f"missing-{uuid.uuid4().hex}"))
    try:
        gate.wait(100)
    finally:
        gate.close()


def test_closing_lets_a_waiting_feeder_go(embedded: World) -> None:
    gate = embedded.gate(10)
    embedded.send(20)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gate.wait, 20)
        with pytest.raises(TimeoutError):
            waiting.result(0.3)
        gate.close()
        waiting.result(20)
