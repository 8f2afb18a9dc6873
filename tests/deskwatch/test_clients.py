"""The clients against both brokers: what they create, what they read, and what they leave out."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import UnknownTopicOrPartitionError

from deskwatch import clients, codec
from deskwatch.broker import MockBroker
from deskwatch.errors import CodecError
from deskwatch.records import Excuse
from deskwatch.settings import Settings
from deskwatch.topics import ARTICLES, FEEDS, SPIKES, TOPICS

NOW = datetime(2026, 1, 2, tzinfo=UTC)


# Few, because the mock cluster now and then takes a second to create one.
EMBEDDED_TOPICS = (ARTICLES, SPIKES)


@pytest.fixture(scope="module")
def embedded_prefixes() -> Iterator[Iterator[tuple[str, str]]]:
    """Yield address and prefix of topics that no test has used: the broker has all its topics from the start."""
    prefixes = [f"t{i}-" for i in range(7)]
    counts = {f"{prefix}{topic.name}": topic.partitions for prefix in prefixes for topic in EMBEDDED_TOPICS}
    with MockBroker(counts) as broker:
        yield ((broker.bootstrap, prefix) for prefix in prefixes)


@pytest.fixture
def embedded(embedded_prefixes: Iterator[tuple[str, str]]) -> Settings:
    bootstrap, prefix = next(embedded_prefixes)
    return Settings(kafka_bootstrap=bootstrap, kafka_prefix=prefix, kafka_embedded=True)


@pytest.fixture
def real(kafka: str) -> Settings:
    return Settings(kafka_bootstrap=kafka, kafka_prefix=f"t{uuid.uuid4().hex}-")


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.system)])
def settings(request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.getfixturevalue(request.param)
    clients.create_topics(found)
    return found


def excuse(shard: int) -> Excuse:
    return Excuse(shard=shard, decided_at=NOW, silent_s=1.5)


def send(settings: Settings, name: str, *shards: int) -> None:
    producer = clients.create_producer(settings)
    try:
        for shard in shards:
            record = excuse(shard)
            topic = settings.topic(name)
            producer.send(topic, codec.encode(record), headers=codec.headers_of(record), partition=shard).get(30)
    finally:
        producer.close()


def test_what_was_sent_is_read_back_from_every_partition(settings: Settings) -> None:
    send(settings, ARTICLES.name, 0, 3, 3, 7)
    found = [(message.partition, record) for message, record in clients.read_topic(settings, ARTICLES.name)]
    assert found == [(shard, excuse(shard)) for shard in (0, 3, 3, 7)]


def test_empty_topic_is_read_as_empty(settings: Settings) -> None:
    assert list(clients.read_topic(settings, ARTICLES.name)) == []


def test_bytes_that_are_no_record_are_an_error_of_read_topic_only(settings: Settings) -> None:
    producer = clients.create_producer(settings)
    producer.send(settings.topic(SPIKES.name), b"junk").get(30)
    producer.close()
    with pytest.raises(CodecError):
        list(clients.read_topic(settings, SPIKES.name))
    assert [message.value for message in clients.read_messages(settings, SPIKES.name)] == [b"junk"]


def test_reader_can_start_at_a_time(settings: Settings) -> None:
    send(settings, ARTICLES.name, 1)
    now = datetime.now(UTC)
    assert len(list(clients.read_messages(settings, ARTICLES.name, since=now - timedelta(hours=1)))) == 1
    assert list(clients.read_messages(settings, ARTICLES.name, since=now + timedelta(hours=1))) == []


def test_follower_gets_what_comes_later(settings: Settings) -> None:
    send(settings, ARTICLES.name, 1)
    messages = clients.read_messages(settings, ARTICLES.name, follow_until=threading.Event())
    assert next(messages).partition == 1
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(next, messages)
        send(settings, ARTICLES.name, 2)
        assert later.result(30).partition == 2
    messages.close()


def test_missing_topic_is_named(settings: Settings) -> None:
    with pytest.raises(UnknownTopicOrPartitionError, match="no-such-topic"):
        list(clients.read_messages(settings, "no-such-topic"))


def test_partitions_of_all_topics_are_counted(settings: Settings) -> None:
    existing = EMBEDDED_TOPICS if settings.kafka_embedded else TOPICS
    assert clients.count_partitions(settings) == {settings.topic(topic.name): topic.partitions for topic in existing}


@pytest.mark.system
def test_topics_are_created_once_by_however_many_processes(real: Settings) -> None:
    with ThreadPoolExecutor(3) as pool:
        created = [name for names in pool.map(lambda _: clients.create_topics(real), range(3)) for name in names]
    assert sorted(created) == sorted(real.topic(topic.name) for topic in TOPICS)
    assert clients.create_topics(real) == []


@pytest.mark.system
def test_topics_are_created_with_their_settings(real: Settings) -> None:
    clients.create_topics(real)
    admin = KafkaAdminClient(bootstrap_servers=real.kafka_bootstrap)
    try:
        for topic in (FEEDS, ARTICLES):
            resource = ConfigResource(ConfigResourceType.TOPIC, real.topic(topic.name))
            said = str(admin.describe_configs([resource]))
            for key, value in topic.configs().items():
                assert key in said
                assert value in said
    finally:
        admin.close()


@pytest.mark.system
def test_reader_sees_committed_transactions_only_and_comes_to_an_end(real: Settings) -> None:
    clients.create_topics(real)
    topic = real.topic(SPIKES.name)
    producer = clients.create_producer(real, transactional_id=real.topic("writer"))
    producer.init_transactions()
    try:
        for value, ends in ((b"kept", producer.commit_transaction), (b"dropped", producer.abort_transaction)):
            producer.begin_transaction()
            producer.send(topic, value)
            producer.flush()
            ends()
        producer.begin_transaction()
        producer.send(topic, b"open")
        producer.flush()
        assert [message.value for message in clients.read_messages(real, SPIKES.name)] == [b"kept"]
        producer.abort_transaction()
    finally:
        producer.close()
