from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kafka.errors import KafkaConnectionError
from kafka.structs import TopicPartition

from deskwatch.settings import Settings
from producers.sharing.membership import Membership

DEADLINE_S = 5
SESSION_S = 10


class Beat:
    last_send = float("-inf")
    last_receive = float("-inf")


class Net:
    @staticmethod
    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0)


class Consumer:
    """A KafkaConsumer whose group is the test: it calls the listener as kafka-python does."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self._net = Net()
        self._coordinator = self
        self.heartbeat = Beat()
        self.topics: list[str] = []
        self.listener: Any = None
        self.decided: list[Callable[[], Any]] = []  # what the group does in the next poll
        self.polls = 0
        self.closed = False

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self.topics, self.listener = topics, listener

    def poll(self, timeout_ms: int) -> dict[Any, Any]:
        self.polls += 1
        result = self.decided.pop(0)() if self.decided else None
        if asyncio.iscoroutine(result):
            asyncio.run(result)
            result = None
        return result or {}

    def close(self, autocommit: bool, timeout_ms: int) -> None:
        assert not autocommit
        asyncio.run(self.listener.on_partitions_revoked(partitions(1, 2)))
        self.closed = True


class Sharer:
    def __init__(self) -> None:
        self.happened: list[Any] = []
        self.is_done = True

    def grant(self, shards: set[int]) -> None:
        self.happened.append(("grant", *sorted(shards)))

    def revoke(self, shards: set[int]) -> Callable[[], bool]:
        self.happened.append(("revoke", *sorted(shards)))
        return lambda: self.is_done

    def lose(self, shards: set[int]) -> None:
        self.happened.append(("lose", *sorted(shards)))

    def hear(self, messages: Sequence[Any]) -> None:
        self.happened.append(("hear", *messages))


class Group:
    """A membership, the consumers it makes, and its clock."""

    def __init__(self) -> None:
        self.sharer = Sharer()
        self.consumers: list[Consumer] = []
        self.now = 1000.0
        self.failures: list[Exception] = []
        self.member = Membership(
            Settings(kafka_prefix="p."),
            session_timeout_s=SESSION_S,
            sharer=self.sharer,
            create=self.create,
            retry_s=0.01,
            monotonic=lambda: self.now,
        )

    def create(self, _settings: Settings, **options: Any) -> Consumer:
        if self.failures:
            raise self.failures.pop()
        self.consumers.append(Consumer(options))
        return self.consumers[-1]

    @property
    def consumer(self) -> Consumer:
        wait_for(lambda: self.consumers and self.consumers[-1].polls)
        return self.consumers[-1]

    def decide(self, decision: Callable[[], Any]) -> None:
        """Let the group do something, and return when the next poll has come."""
        consumer = self.consumer
        consumer.decided.append(decision)
        wait_for(lambda: not consumer.decided)
        polls = consumer.polls
        wait_for(lambda: consumer.polls > polls)


@contextmanager
def group(*failures: Exception) -> Iterator[Group]:
    group = Group()
    group.failures += failures
    group.member.start()
    try:
        yield group
    finally:
        group.member.close()


def partitions(*shards: int) -> list[TopicPartition]:
    return [TopicPartition("p.feeds", shard) for shard in shards]


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        threading.Event().wait(0.001)


def test_it_takes_part_in_the_group_of_the_feeds_and_commits_nothing() -> None:
    with group() as found:
        consumer = found.consumer
        assert consumer.topics == ["p.feeds"]
        assert consumer.options["group_id"] == "p.produce"
        assert consumer.options["session_timeout_ms"] == SESSION_S * 1000
    assert consumer.closed


def test_what_the_group_decides_is_passed_on_in_order() -> None:
    with group() as found:
        found.decide(lambda: found.consumer.listener.on_partitions_assigned(partitions(1, 2, 3)))
        found.decide(lambda: {TopicPartition("p.feeds", 1): ["m1", "m2"]})
        found.decide(lambda: found.consumer.listener.on_partitions_revoked(partitions(1)))
        found.decide(lambda: found.consumer.listener.on_partitions_lost(partitions(2)))
        assert found.sharer.happened == [("grant", 1, 2, 3), ("hear", "m1", "m2"), ("revoke", 1), ("lose", 2)]


def test_the_group_waits_while_shards_are_handed_over() -> None:
    with group() as found:
        found.sharer.is_done = False
        returned = threading.Event()

        async def revoke() -> None:
            await found.consumer.listener.on_partitions_revoked(partitions(1))
            returned.set()

        found.consumer.decided.append(revoke)
        wait_for(lambda: found.sharer.happened)
        assert not returned.wait(0.05)
        found.sharer.is_done = True
        assert returned.wait(DEADLINE_S)


def test_it_is_current_for_a_session_from_when_the_last_answered_heartbeat_was_sent() -> None:
    with group() as found:
        beat = found.consumer.heartbeat
        assert not found.member.is_current(), "nothing is confirmed yet"
        beat.last_send, beat.last_receive = 1000.0, 1000.1
        assert found.member.is_current()
        beat.last_send = 1003.0  # on its way
        found.now = 1009.9
        assert found.member.is_current()
        found.now = 1010.0
        assert not found.member.is_current()


def test_an_answer_that_lay_in_the_socket_while_the_process_was_stopped_confirms_nothing() -> None:
    with group() as found:
        beat = found.consumer.heartbeat
        beat.last_send = 1000.0
        found.now, beat.last_receive = 1060.0, 1060.0  # read after a minute asleep
        assert not found.member.is_current()


def test_closing_leaves_without_a_further_word() -> None:
    with group() as found:
        found.decide(lambda: found.consumer.listener.on_partitions_assigned(partitions(1, 2)))
    assert found.sharer.happened == [("grant", 1, 2)]
    assert not found.member.is_current()


def test_a_consumer_that_fails_costs_the_shards_and_is_replaced() -> None:
    def fail() -> None:
        raise KafkaConnectionError("gone")

    with group(KafkaConnectionError("not there yet")) as found:
        first = found.consumer
        found.decide(lambda: first.listener.on_partitions_assigned(partitions(1, 2)))
        first.decided.append(fail)
        wait_for(lambda: len(found.consumers) == 2)
        assert first.closed
        assert found.sharer.happened == [("grant", 1, 2), ("lose", 1, 2)]


def test_renewing_joins_with_a_new_consumer() -> None:
    with group() as found:
        first = found.consumer
        found.member.renew()
        wait_for(lambda: len(found.consumers) == 2)
        assert first.closed
