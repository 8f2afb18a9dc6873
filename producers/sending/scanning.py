"""Records read back from a topic, up to where it ends at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from deskwatch.clients import create_consumer
from deskwatch.errors import PublishError
from deskwatch.settings import Settings

_CONNECT_MS: Final = 3_000
_RECONNECT_MS: Final = 1_000


def scan(
    settings: Settings,
    topic: str,
    after: Mapping[int, int] | None,
    look: Callable[[Any], None],
    *,
    partitions: Collection[int] | None = None,
    expected: int | None = None,
    timeout_s: float = 10.0,
) -> dict[int, int]:
    """Show `look` every record beyond the offsets in `after`, up to the end at this moment, and return the ends.

    Args:
        settings: Where the broker is.
        topic: Its full name.
        after: Per partition the last offset that is known; one that is not in there is read whole. Where an offset lies
            beyond the end, the topic is a new one of the same name, and is read whole too. None reads nothing.
        look: Gets Kafka's own messages.
        partitions: The ones to read; None is all of them.
        expected: How many partitions the topic has to have, if that matters.
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
        existing = sorted(consumer.partitions_for_topic(topic) or ())
        if not existing:
            raise PublishError(topic, "the topic does not exist")
        if expected is not None and len(existing) != expected:
            raise PublishError(topic, f"the topic has {len(existing)} partitions and must have {expected}")
        wanted = [TopicPartition(topic, p) for p in existing if partitions is None or p in partitions]
        starts, ends = consumer.beginning_offsets(wanted), consumer.end_offsets(wanted)
        for partition in wanted:
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
