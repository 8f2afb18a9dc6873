"""kafka-python clients with the settings that keep records: the one place where they are made."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError, UnknownTopicOrPartitionError
from kafka.structs import TopicPartition

from deskwatch import codec
from deskwatch.records import Record
from deskwatch.settings import Settings
from deskwatch.topics import TOPICS

VISIBLE_S: Final = 15.0


def client_options(settings: Settings) -> dict[str, Any]:
    """Return what every kafka-python client needs: where the broker is, and for librdkafka's mock an old protocol."""
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap.split(",")}
    if settings.kafka_embedded:
        options["api_version"] = (2, 3)  # newer ApiVersions requests get a malformed answer from the mock cluster
    return options


def create_producer(settings: Settings, **options: Any) -> KafkaProducer:
    """Return an idempotent producer that waits for all replicas."""
    defaults: dict[str, Any] = {"acks": "all", "enable_idempotence": True, "linger_ms": 5, "batch_size": 262_144}
    return KafkaProducer(**client_options(settings), **(defaults | options))


def create_consumer(settings: Settings, **options: Any) -> KafkaConsumer:
    """Return a consumer that reads committed records from the earliest on and commits only when told to."""
    defaults: dict[str, Any] = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_uncommitted" if settings.kafka_embedded else "read_committed",
    }
    return KafkaConsumer(**client_options(settings), **(defaults | options))


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing, and return their names once the broker tells others of them.

    The embedded broker has them from its start.

    Raises:
        KafkaError: the broker does not answer, or did not make them known within VISIBLE_S.
    """
    if settings.kafka_embedded:
        return []
    admin = KafkaAdminClient(**client_options(settings))
    try:
        existing = set(admin.list_topics())
        wanted = [topic for topic in TOPICS if settings.topic(topic.name) not in existing]
        created = []
        for topic in wanted:
            new = NewTopic(
                settings.topic(topic.name), topic.partitions, settings.kafka_replication, topic_configs=topic.configs()
            )
            try:
                admin.create_topics([new])
                created.append(new.name)
            except TopicAlreadyExistsError:
                continue  # another process of ours was faster
        # Creation is the controller's; the brokers hear of it a little later, and deny the topic until then.
        deadline = time.monotonic() + VISIBLE_S
        while not {settings.topic(topic.name) for topic in wanted} <= set(admin.list_topics()):
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(f"topics not known to the broker after {VISIBLE_S:g} s")
            time.sleep(0.05)
        return created
    finally:
        admin.close()


def read_topic(settings: Settings, name: str) -> Iterator[tuple[Any, Record]]:
    """Yield every record that a topic holds at this moment, with Kafka's own message beside it, partition by partition.

    Raises:
        CodecError: at the first bytes that are no record.
    """
    for message in read_messages(settings, name):
        yield message, codec.decode(message.value, message.headers)


def read_messages(
    settings: Settings, name: str, *, since: datetime | None = None, follow_until: threading.Event | None = None
) -> Iterator[Any]:
    """Yield every message that a topic holds at this moment, undecoded, partition by partition.

    Args:
        name: Of the topic, without the prefix.
        since: Leave out what the broker took before this time.
        follow_until: Go on with what arrives, then in no order between partitions, until this is set.

    Raises:
        KafkaError: the topic does not exist, or the broker does not answer.
    """
    consumer = create_consumer(settings)
    try:
        topic = settings.topic(name)
        partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
        if not partitions:
            raise UnknownTopicOrPartitionError(f"there is no topic {topic}: `deskwatch topics` creates it")
        ends = consumer.end_offsets(partitions)
        # The mock cluster answers no question about times, so there everything is read and the early part left out.
        starts = _starts(consumer, partitions, None if settings.kafka_embedded else since)
        since_ms = int(since.timestamp() * 1000) if since else 0
        for partition in partitions:
            consumer.assign([partition])
            consumer.seek(partition, starts.get(partition, ends[partition]))
            # Transaction markers move the position too, so that it reaches the end when the last record is one.
            while consumer.position(partition) < ends[partition]:
                for messages in consumer.poll(timeout_ms=500).values():
                    for message in messages:
                        if message.offset < ends[partition] and message.timestamp >= since_ms:
                            yield message
        if follow_until:
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, ends[partition])
        while follow_until and not follow_until.is_set():
            yield from chain.from_iterable(consumer.poll(timeout_ms=500).values())
    finally:
        consumer.close()


def count_partitions(settings: Settings) -> dict[str, int]:
    """Return the number of partitions of each of our topics that exists, by full name."""
    consumer = create_consumer(settings)
    try:
        names = [settings.topic(topic.name) for topic in TOPICS]
        existing = consumer.topics()
        return {name: len(consumer.partitions_for_topic(name) or ()) for name in names if name in existing}
    finally:
        consumer.close()


def _starts(
    consumer: KafkaConsumer, partitions: list[TopicPartition], since: datetime | None
) -> dict[TopicPartition, int]:
    """Return where to start; a partition with nothing since then is left out."""
    if since is None:
        return dict(consumer.beginning_offsets(partitions))
    found = consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
    return {partition: at.offset for partition, at in found.items() if at is not None}
