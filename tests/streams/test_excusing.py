from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from deskwatch import clients
from deskwatch.broker import MockBroker
from deskwatch.clock import SteppedClock
from deskwatch.records import Excuse
from deskwatch.settings import Settings
from streams.excusing import Excuser, silent_shards
from streams.metrics import Metrics
from streams.publishing import DeskProducer

seconds = st.floats(0, 1000)


def test_shard_is_excused_when_silent_too_long_and_only_once() -> None:
    seen = {0: 0.0, 1: 50.0, 2: 10.0}
    assert silent_shards(100.0, seen, set(), 90.0) == [(0, 100.0), (2, 90.0)]
    assert silent_shards(100.0, seen, {0}, 90.0) == [(2, 90.0)]
    assert silent_shards(60.0, seen, set(), 90.0) == []


@given(st.dictionaries(st.integers(0, 7), seconds), st.sets(st.integers(0, 7)), seconds, seconds)
def test_longer_patience_never_excuses_more(
    seen: dict[int, float], excused: set[int], patience: float, more: float
) -> None:
    fewer = silent_shards(1000.0, seen, excused, patience + more)
    assert set(fewer) <= set(silent_shards(1000.0, seen, excused, patience))


def test_excuse_is_a_fact_of_articles_in_the_partition_of_its_shard() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    with MockBroker({"articles": 3}) as broker:
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
        metrics = Metrics(CollectorRegistry())

        async def excuse() -> None:
            producer = DeskProducer(settings)
            await Excuser(settings, producer, SteppedClock(now), metrics).excuse(7, 12.5)
            await producer.close()

        asyncio.run(excuse())
        found = [(message.partition, record) for message, record in clients.read_topic(settings, "articles")]
    assert found == [(1, Excuse(shard=7, decided_at=now, silent_s=12.5))]
    assert metrics.excuses._value.get() == 1
