from __future__ import annotations

import asyncio
import threading

import pytest
from aiokafka import AIOKafkaConsumer
from kafka import KafkaConsumer, KafkaProducer

from deskwatch.broker import MockBroker, serve

API_VERSION = (2, 3)


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, api_version=API_VERSION, acks="all", enable_idempotence=True)
    try:
        for sent in [producer.send(topic, value) for value in values]:
            sent.get(timeout=20)
    finally:
        producer.close()


def partition_count(bootstrap: str, topic: str) -> int:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, api_version=API_VERSION)
    try:
        return len(consumer.partitions_for_topic(topic) or ())
    finally:
        consumer.close()


async def read_as_group(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id="readers", auto_offset_reset="earliest", enable_auto_commit=False
    )
    values: list[bytes] = []
    async with asyncio.timeout(30):
        await consumer.start()
        try:
            while len(values) < count:
                for messages in (await consumer.getmany(timeout_ms=500)).values():
                    values += [message.value for message in messages]
            await consumer.commit()
        finally:
            await consumer.stop()
    return values


def test_topics_have_the_partition_counts_asked_for() -> None:
    with MockBroker({"one": 1, "eight": 8}) as broker:
        assert partition_count(broker.bootstrap, "one") == 1
        assert partition_count(broker.bootstrap, "eight") == 8


def test_a_consumer_group_reads_what_an_idempotent_producer_sent() -> None:
    values = [f"article {i}".encode() for i in range(500)]
    with MockBroker({"articles": 3}) as broker:
        produce(broker.bootstrap, "articles", values)
        read = asyncio.run(read_as_group(broker.bootstrap, "articles", len(values)))
    assert sorted(read) == sorted(values)


def test_two_brokers_at_once_know_nothing_of_each_other() -> None:
    with MockBroker({"news": 1}) as one, MockBroker({"news": 2}) as two:
        assert one.bootstrap != two.bootstrap
        produce(one.bootstrap, "news", [b"first"])
        produce(two.bootstrap, "news", [b"second"])
        assert asyncio.run(read_as_group(one.bootstrap, "news", 1)) == [b"first"]
        assert asyncio.run(read_as_group(two.bootstrap, "news", 1)) == [b"second"]


def test_a_broker_after_a_closed_one_works_and_closing_twice_is_harmless() -> None:
    first = MockBroker({"news": 1})
    first.close()
    first.close()
    with MockBroker({"news": 4}) as second:
        assert partition_count(second.bootstrap, "news") == 4


def test_a_topic_without_partitions_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="creating topic empty: 0 partitions"):
        MockBroker({"empty": 0})


def test_serve_announces_its_address_and_runs_until_stopped() -> None:
    addresses: list[str] = []
    announced, stop = threading.Event(), threading.Event()

    def announce(address: str) -> None:
        addresses.append(address)
        announced.set()

    thread = threading.Thread(target=serve, args=({"news": 2}, announce, stop))
    thread.start()
    try:
        assert announced.wait(10)
        assert partition_count(addresses[0], "news") == 2
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
