"""A session against a broker in memory: whatever happens to it, what is committed is a function of the desk log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest
from aiokafka.errors import KafkaConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from deskwatch import codec, topics
from deskwatch.errors import PublishError
from deskwatch.records import (
    Article,
    Bucket,
    Classified,
    Coverage,
    DateQuality,
    DeadLetter,
    DeskTick,
    Generation,
    Origin,
    Record,
    ThemeScore,
    Tick,
)
from deskwatch.settings import Settings
from streams.memory import DESK, STORY, THEME
from streams.metrics import DetectorMetrics
from streams.resuming import LOG, UNREADABLE, Saved
from streams.rules import Rules
from streams.session import Session

T0 = datetime(2026, 3, 2, tzinfo=UTC)
STEP = timedelta(minutes=30)  # of log time, then every shard ticks
STEPS = 100
BURST = 90  # the step with news
SETTINGS = Settings()
STATE, SPIKES, BUCKETS, LETTERS = (
    topic.name for topic in (topics.DETECTOR_STATE, topics.SPIKES, topics.BUCKETS, topics.DEAD_LETTERS)
)


class Message(NamedTuple):
    """A record as a consumer gets it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Batch:
    """What aiokafka lets one fill, without its bound."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def append(self, **row: Any) -> object:
        self.rows.append(row)
        return self

    def record_count(self) -> int:
        return len(self.rows)

    def close(self) -> None:
        pass


class Broker:
    """Topics of one partition, and the producer that writes them: a transaction is there whole or not at all."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Message]] = {}
        self.fails_after: int | None = None  # batches
        self._open: list[Message] = []

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[None]:
        if self.fails_after == 0:
            raise KafkaConnectionError("gone")
        if self.fails_after is not None:
            self.fails_after -= 1
        self._open += [Message(topic, partition, 0, row["key"], row["value"], row["headers"]) for row in batch.rows]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        self._open = []
        yield
        for message in self._open:
            self.put(message.topic, message.key, message.value, message.headers)

    async def stop(self) -> None:
        pass

    def put(self, topic: str, key: bytes | None, value: bytes | None, headers: Any = ()) -> None:
        rows = self.topics.setdefault(topic, [])
        rows.append(Message(topic, 0, len(rows), key, value, list(headers)))

    def state(self) -> dict[str, Saved]:
        latest = {message.key: message for message in self.topics.get(STATE, ())}
        return {(m.key or b"").decode(): Saved(m.offset, m.value) for m in latest.values() if m.value is not None}

    def records(self, topic: str) -> list[Any]:
        return [codec.decode(message.value, message.headers) for message in self.topics.get(topic, ())]


@cache
def desk_log() -> list[Message]:
    """Return some days of a theme, with corrections, a burst, and bytes that are no record."""
    chance = random.Random(1)
    records: list[Record | bytes] = [Generation(config_hash="one", holds_from=T0, themes=("taiwan",))]
    offset, earlier = 0, range(0)
    for step in range(STEPS):
        began, count = T0 + step * STEP, 30 if step == BURST else chance.randrange(3)
        numbers = range(earlier.stop, earlier.stop + count)
        times = sorted(began + STEP * chance.random() for _ in numbers)
        found = [classified(number, at) for number, at in zip(numbers, times, strict=True)]
        found += [classified(number, began + STEP * chance.random(), revision=1) for number in earlier[::3]]
        ticks = [Tick(shard=shard, at=began + STEP) for shard in range(topics.SHARDS)]
        end = offset + len(found) + len(ticks)
        records += found
        records += [DeskTick(origin=Origin(partition=0, offset=end - 1), tick=tick) for tick in ticks]
        records.append(Coverage(partition=0, runs=((offset, end - 1),)))
        if step % 10 == 0:
            records.append(b"no record")
        offset, earlier = end, numbers
    return [message_of(i, record) for i, record in enumerate(records)]


def classified(number: int, at: datetime, revision: int = 0) -> Classified:
    """Return an article of the theme; its revision has lost it."""
    article = Article(
        article_id=f"article-{number}",
        revision=revision,
        feed_id="wire",
        source=f"Outlet {number % 40}",
        url=f"https://example.org/{number}",
        title=f"Headline with words of its own, number {number}",
        first_seen_at=at,
        fetched_at=at,
        published_at=at,
        published_quality=DateQuality.EXPLICIT_TZ,
    )
    themes = () if revision else (ThemeScore(theme="taiwan", score=1),)
    return Classified(origin=Origin(partition=0, offset=0), article=article, themes=themes)


def message_of(offset: int, record: Record | bytes) -> Message:
    if isinstance(record, bytes):
        return Message("articles.classified", 0, offset, None, record, [("schema", b"coverage/1")])
    return Message("articles.classified", 0, offset, None, codec.encode(record), codec.headers_of(record))


async def begin(broker: Broker, metrics: DetectorMetrics | None = None, beginning: int = 0) -> Session:
    metrics = metrics or DetectorMetrics(CollectorRegistry())
    session = await Session.begin(SETTINGS, Rules(), metrics, broker, broker.state())
    session.widen(1, beginning)
    return session


async def feed(session: Session, sizes: Iterator[int], rounds: int | None = None) -> bool:
    """Let a session read on and decide; return whether it came to the end of the log."""
    log, at = desk_log(), session.log.first_open
    while at < len(log) and rounds != 0:
        size = next(sizes)
        session.take(log[at : at + size])
        await session.step()
        at += size
        rounds = None if rounds is None else rounds - 1
    return at >= len(log)


def sizes(chance: random.Random) -> Iterator[int]:
    while True:
        yield chance.choice([1, 20, 100, 400])


async def run(broker: Broker, chance: random.Random, faults: int = 0) -> None:
    """Bring the committed topics to the end of the log, through sessions that die and values that are spoilt."""
    for _ in range(faults):
        session = await begin(broker)
        await feed(session, sizes(chance), chance.randrange(8))
        broker.fails_after = chance.randrange(4)  # the next transaction may go through, or be cut off anywhere
        with suppress(PublishError):
            await feed(session, sizes(chance), 1)
            if chance.random() < 0.5:
                spoil(broker, chance)
            await begin(broker)
        broker.fails_after = None
    session = await begin(broker)
    assert await feed(session, sizes(chance))


def spoil(broker: Broker, chance: random.Random) -> None:
    """Make one value of the state unreadable; not the place in the log."""
    keys = sorted(key for key in broker.state() if key.startswith((THEME, STORY, DESK)))
    if keys:
        broker.put(STATE, chance.choice(keys).encode(), chance.choice([b"{", b"\xff", b""]))


@cache
def straight() -> Broker:
    """Return what one session that reads all of it commits."""
    broker = Broker()
    asyncio.run(run(broker, random.Random(0)))
    return broker


def letters(broker: Broker, *, of_state: bool) -> list[DeadLetter]:
    return [letter for letter in broker.records(LETTERS) if (letter.reason == UNREADABLE) is of_state]


def test_log_has_what_these_tests_are_about() -> None:
    spikes = straight().records(SPIKES)
    assert {spike.state for spike in spikes} >= {"onset", "growing", "peak"}
    assert sum(bucket.revision > 0 for bucket in straight().records(BUCKETS)) > 0
    assert len(letters(straight(), of_state=False)) == STEPS // 10


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_deaths_batches_and_unreadable_values_lose_double_and_change_nothing(seed: int, faults: int) -> None:
    broker = Broker()
    asyncio.run(run(broker, random.Random(seed), faults))
    assert broker.records(SPIKES) == straight().records(SPIKES)
    assert sorted(map(by_bucket, broker.records(BUCKETS))) == sorted(map(by_bucket, straight().records(BUCKETS)))
    assert {key: one.value for key, one in broker.state().items()} == {
        key: one.value for key, one in straight().state().items()
    }


def by_bucket(bucket: Bucket) -> tuple[Any, ...]:
    return (bucket.theme, bucket.start, bucket.revision, codec.encode(bucket))


def test_unreadable_value_is_buried_and_nothing_is_told_twice() -> None:
    broker, registry = Broker(), CollectorRegistry()

    async def live() -> None:
        await feed(await begin(broker), sizes(random.Random(3)))
        broker.put(STATE, b"theme/taiwan", b"\xff{")
        session = await begin(broker, DetectorMetrics(registry))
        assert await feed(session, sizes(random.Random(4)))

    asyncio.run(live())
    (letter,) = letters(broker, of_state=True)
    assert (letter.topic, letter.key, letter.value) == (STATE, b"theme/taiwan", b"\xff{")
    assert letter.detail.startswith("theme/taiwan: ")
    assert registry.get_sample_value("deskwatch_detect_refused_records_total", {"reason": UNREADABLE}) == 1
    assert broker.topics[SPIKES] == straight().topics[SPIKES]
    assert len(broker.topics[BUCKETS]) == len(straight().topics[BUCKETS])
    assert letters(broker, of_state=False) == letters(straight(), of_state=False)


def test_unreadable_place_in_the_log_has_everything_told_again_alike() -> None:
    broker = Broker()

    async def live() -> None:
        await run(broker, random.Random(5))
        broker.put(STATE, LOG.encode(), b"[]")
        await run(broker, random.Random(6))

    asyncio.run(live())
    once = straight().records(SPIKES)
    assert broker.records(SPIKES) == once + once
    assert [letter.key for letter in letters(broker, of_state=True)] == [LOG.encode()]


def test_given_up_state_is_gone_in_one_transaction_or_still_there() -> None:
    async def live() -> None:
        broker = Broker()
        await feed(await begin(broker), sizes(random.Random(7)), 30)
        broker.put(STATE, DESK.encode(), b"{")
        before = broker.state()
        broker.fails_after = 1
        with pytest.raises(PublishError):
            await begin(broker)
        assert broker.state() == before
        assert letters(broker, of_state=True) == []
        broker.fails_after = None
        session = await begin(broker)
        assert list(broker.state()) == [LOG]
        assert session.log.first_open == 0
        assert session.log.silent_until is not None

    asyncio.run(live())


def test_record_that_cannot_be_read_is_buried_once_however_often_it_is_read() -> None:
    broker = Broker()
    waits = message_of(0, classified(900, T0 + timedelta(days=20)))  # and has all after it read again
    bad = next(message.offset for message in desk_log() if message.value == b"no record")

    async def live() -> None:
        for end in (bad + 1, bad + 100):
            session = await begin(broker)
            assert session.log.first_open == 0
            session.take([waits, *desk_log()[1:end]])
            assert await session.step()

    asyncio.run(live())
    assert [letter.offset for letter in letters(broker, of_state=False)] == [bad]


def test_log_without_its_beginning_is_counted_from_where_it_begins_and_said_to_be_so() -> None:
    broker, registry = Broker(), CollectorRegistry()
    beginning = len(desk_log()) // 4

    async def live() -> Session:
        session = await begin(broker, DetectorMetrics(registry), beginning)
        session.take(desk_log()[beginning:])
        await session.step()
        return session

    session = asyncio.run(live())
    assert session.log.watermark.at == T0 + STEPS * STEP
    assert session.log.watermark.gaps() == {}
    assert not any(progress.waiting for progress in session.log.watermark.partitions)
    assert registry.get_sample_value("deskwatch_detect_refused_records_total", {"reason": "expired"}) == beginning
    assert broker.records(SPIKES)[0].state == "onset"
