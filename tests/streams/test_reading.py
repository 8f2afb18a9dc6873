from __future__ import annotations

import copy
import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deskwatch import codec
from deskwatch.errors import CodecError
from deskwatch.records import (
    Article,
    Classified,
    Coverage,
    DeskExcuse,
    DeskTick,
    Excuse,
    FeedHealth,
    Origin,
    Record,
    ThemeScore,
    Tick,
)
from streams.facts import Fact, order_of
from streams.reading import LogState, Reader
from streams.watermark import Watermark

T0 = datetime(2026, 3, 2, tzinfo=UTC)
Log = list[Record]


def at(seconds: int) -> datetime:
    return T0 + timedelta(seconds=seconds)


def classified(number: int, seen_s: int, *, partition: int = 0, offset: int = 0) -> Classified:
    article = Article(
        article_id=f"article-{number}",
        feed_id="wire",
        source="Wire",
        url="https://example.org/",
        title=f"Headline {number}",
        first_seen_at=at(seen_s),
        fetched_at=at(seen_s),
    )
    themes = (ThemeScore(theme="taiwan", score=1),)
    return Classified(origin=Origin(partition=partition, offset=offset), article=article, themes=themes)


def tick(shard: int, seconds: int, *, offset: int, health: tuple[FeedHealth, ...] = ()) -> DeskTick:
    return DeskTick(origin=Origin(partition=0, offset=offset), tick=Tick(shard=shard, at=at(seconds), health=health))


def start() -> LogState:
    return LogState(watermark=Watermark(shards=2, partitions=[]))


def random_log(chance: random.Random, steps: int) -> Log:
    """Return a log as two shards write it: articles before the tick that vouches for them; batches come twice."""
    log: Log = []
    offset = now = 0
    ticked = [0, 0]
    for number in range(steps):
        batch: Log = []
        for shard in (0, 1):
            until = max(ticked[shard], now + chance.choice([10, 60, 200]))
            for _ in range(chance.randrange(4)):
                batch.append(classified(chance.randrange(200), chance.randint(ticked[shard], until), offset=offset))
                offset += 1
            ticked[shard] = until
            down = FeedHealth(feed_id=f"feed-{shard}", ok=bool(chance.randrange(2)), since=at(until - 3))
            batch.append(tick(shard, until, offset=offset, health=(down,) if chance.random() < 0.3 else ()))
            offset += 1
        covered = Coverage(partition=0, runs=((offset - len(batch), offset - 1),))
        batch.append(covered)
        if chance.random() < 0.2:
            batch.insert(chance.randrange(len(batch)), DeskExcuse(origin=Origin(partition=0, offset=0), excuse=Excuse(
                shard=chance.randrange(2), decided_at=at(now), silent_s=9.0)))  # fmt: skip
        log += batch
        if chance.random() < 0.3:
            log += batch  # a worker that was killed before its commit does it again
        now += 60 if number % 7 else 600
    return log


def consume(log: Log, chance: random.Random, *, crash: float) -> list[Fact]:
    """Return what a detector applies, step by step, when it crashes now and then and goes on from what it had saved."""
    saved, applied = start(), []
    reader, held, pending = Reader(copy.deepcopy(saved), 1), list[tuple[int, Fact]](), saved.first_open
    while pending < len(log):
        for offset in range(pending, min(len(log), pending + chance.randrange(1, 12))):
            record = log[offset]
            held += [(offset, f) for f in reader.read(offset, codec.encode(record), codec.headers_of(record))]
            pending = offset + 1
        if crash and chance.random() < crash:
            reader, held, pending = Reader(copy.deepcopy(saved), 1), [], saved.first_open
            crash *= 0.9
            continue
        watermark = reader.watermark
        if watermark is not None:
            ready = sorted((fact for _, fact in held if fact.effective < watermark), key=order_of)
            held = [(offset, fact) for offset, fact in held if fact.effective >= watermark]
            applied += ready
            reader.state.first_open = min([offset for offset, _ in held], default=reader.state.position)
            saved = msgspec.json.decode(msgspec.json.encode(reader.state), type=LogState)
    return applied


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 25))
def test_crashes_lose_double_and_reorder_nothing(seed: int, steps: int) -> None:
    log = random_log(random.Random(seed), steps)
    straight = consume(log, random.Random(seed + 1), crash=0)
    shaken = consume(log, random.Random(seed + 2), crash=0.5)
    assert shaken == straight
    assert [fact.effective for fact in straight] == sorted(fact.effective for fact in straight)


def test_fact_after_the_watermark_moved_is_effective_no_earlier_than_it() -> None:
    reader = Reader(start(), 1)
    log: Log = [
        tick(0, 60, offset=0),
        tick(1, 60, offset=1),
        Coverage(partition=0, runs=((0, 1),)),
        classified(1, 30, offset=2),
    ]
    facts = [
        fact for o, record in enumerate(log) for fact in reader.read(o, codec.encode(record), codec.headers_of(record))
    ]
    assert reader.watermark == at(60)
    assert [fact.effective for fact in facts] == [at(60)]
    assert reader.heard == {0, 1}


def test_tick_whose_batch_is_not_covered_does_not_count() -> None:
    reader = Reader(start(), 1)
    for offset, record in enumerate([classified(1, 5, offset=0), tick(0, 60, offset=1), tick(1, 60, offset=2)]):
        reader.read(offset, codec.encode(record), codec.headers_of(record))
    assert reader.watermark is None


def test_bytes_that_are_no_record_are_refused_once_and_read_over() -> None:
    reader = Reader(start(), 1)
    with pytest.raises(CodecError):
        reader.read(0, b"{", [("schema", b"coverage/1")])
    assert reader.state.position == 1


def test_partitions_that_nobody_told_of_are_ignored() -> None:
    reader = Reader(start(), 1)
    record = Coverage(partition=9, runs=((0, 5),))
    assert reader.read(0, codec.encode(record), codec.headers_of(record)) == []
    assert len(reader.state.watermark.partitions) == 1
