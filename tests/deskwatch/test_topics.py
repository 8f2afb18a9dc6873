from __future__ import annotations

import uuid

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from deskwatch.topics import ARTICLES, DESK_LOG, SHARDS, SPIKES, TOPICS, shard_of

# Hashes of Kafka's own test (org.apache.kafka.common.utils.UtilsTest, testMurmur2).
KAFKA_HASHES = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize(("key", "hashed"), KAFKA_HASHES.items())
def test_shard_is_the_partition_of_the_java_client(key: str, hashed: int) -> None:
    assert shard_of(key) == (hashed & 0x7FFFFFFF) % SHARDS


@pytest.mark.system
def test_real_producer_puts_a_feed_into_the_partition_of_its_shard(kafka: str) -> None:
    topic = f"feeds-{uuid.uuid4().hex}"
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(topic, SHARDS, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=kafka)
    try:
        for feed_id in ("harbour-post", "кораблі", "海峡"):
            placed = producer.send(topic, b"x", key=feed_id.encode()).get(timeout=20)
            assert placed.partition == shard_of(feed_id)
    finally:
        producer.close()


def test_every_topic_is_either_compacted_or_kept_for_a_time() -> None:
    for topic in TOPICS:
        configs = topic.configs()
        assert (configs["cleanup.policy"] == "compact") == topic.compacted == ("retention.ms" not in configs)


def test_archive_is_kept_for_ninety_days() -> None:
    assert ARTICLES.configs()["retention.ms"] == str(90 * 24 * 3600 * 1000)
    assert ARTICLES.retention() == "90 days"


def test_names_are_unique() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_only_one_order_of_the_desk_log_is_possible() -> None:
    assert [topic.fits(count) for topic in (DESK_LOG, SPIKES) for count in (0, 1, 2)] == [False, True, False] * 2
    assert [ARTICLES.fits(count) for count in (0, 1, 2, 64)] == [False, True, True, True]
