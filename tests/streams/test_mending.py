from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from deskwatch import clients
from deskwatch.broker import MockBroker
from deskwatch.errors import DeskwatchError
from deskwatch.owners import Owners
from deskwatch.records import Article, Classified, Coverage, DeadLetter, Record, ThemeScore
from deskwatch.settings import Settings
from streams.desk import DeskWriter
from streams.mending import Mender
from streams.metrics import Metrics
from streams.publishing import DeskProducer, Message, message_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Taiwan:
    name = "taiwan"

    def classify(self, article: Article) -> tuple[ThemeScore, ...]:
        return (ThemeScore(theme="taiwan", score=1.0),)


TOPICS = {"articles": 2, "articles.classified": 1, "dead-letters": 1}


@pytest.fixture(scope="module")
def worlds() -> Iterator[Iterator[Settings]]:
    """Yield fresh topics, again and again, of one broker: to start and end it takes a second."""
    prefixes = [f"{number}." for number in range(10)]
    with MockBroker({prefix + name: count for prefix in prefixes for name, count in TOPICS.items()}) as broker:
        yield (Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True, kafka_prefix=p) for p in prefixes)


@pytest.fixture
def settings(worlds: Iterator[Settings]) -> Settings:
    return next(worlds)


def article(number: int, text: str = "") -> Article:
    return Article(
        article_id=f"{number:032x}",
        feed_id="f",
        source="s",
        url="",
        title="t",
        text=text,
        first_seen_at=AT,
        fetched_at=AT,
    )


def feed(settings: Settings, messages: list[Message]) -> None:
    async def send() -> None:
        producer = DeskProducer(settings)
        await producer.publish(settings.topic("articles"), messages, partition=1)
        await producer.close()

    asyncio.run(send())


def mend(settings: Settings, *ranges: tuple[int, int]) -> list[int]:
    async def run() -> list[int]:
        producer = DeskProducer(settings)
        mender = Mender(settings, DeskWriter(settings, Taiwan(), Owners({}), Metrics(CollectorRegistry())), producer)
        try:
            return [await mender.mend(1, first, last) for first, last in ranges]
        finally:
            await mender.close()

    return asyncio.run(run())


def desk_log(settings: Settings) -> list[Record]:
    return [record for _, record in clients.read_topic(settings, "articles.classified")]


def covered(records: list[Record], by: str) -> list[int]:
    return [
        offset
        for record in records
        if isinstance(record, Coverage) and record.by == by
        for first, last in record.runs
        for offset in range(first, last + 1)
    ]


def numbers(records: list[Record]) -> list[int]:
    return [int(record.article.article_id, 16) for record in records if isinstance(record, Classified)]


def test_mend_classifies_exactly_the_range_in_order_and_covers_it(settings: Settings) -> None:
    feed(settings, [message_of(article(number)) for number in range(1500)])
    assert mend(settings, (100, 1299)) == [1200]
    records = desk_log(settings)
    assert numbers(records) == list(range(100, 1300))
    assert covered(records, "mender") == list(range(100, 1300))
    places = [(record.origin.partition, record.origin.offset) for record in records if isinstance(record, Classified)]
    assert places == [(1, number) for number in range(100, 1300)]


def test_one_mender_mends_one_range_after_another_even_backwards(settings: Settings) -> None:
    feed(settings, [message_of(article(number)) for number in range(30)])
    assert mend(settings, (20, 29), (0, 4), (7, 7)) == [10, 5, 1]
    assert numbers(desk_log(settings)) == [*range(20, 30), *range(5), 7]


def test_range_beyond_the_end_is_mended_as_far_as_there_are_records(settings: Settings) -> None:
    feed(settings, [message_of(article(number)) for number in range(10)])
    assert mend(settings, (5, 99), (50, 60)) == [5, 0]
    assert covered(desk_log(settings), "mender") == list(range(5, 10))


def test_what_cannot_be_decoded_becomes_a_dead_letter_and_is_covered(settings: Settings) -> None:
    feed(settings, [message_of(article(0)), Message(b"k", b"junk", []), message_of(article(2))])
    assert mend(settings, (0, 2)) == [3]
    records = desk_log(settings)
    assert (numbers(records), covered(records, "mender")) == ([0, 2], [0, 1, 2])
    letters = [record for _, record in clients.read_topic(settings, "dead-letters")]
    assert [(letter.offset, letter.value) for letter in letters if isinstance(letter, DeadLetter)] == [(1, b"junk")]


def test_offsets_that_the_broker_has_deleted_are_covered_as_expired(settings: Settings) -> None:
    large = 200_000
    feed(settings, [message_of(article(number, "x" * large)) for number in range(40)])  # it keeps 5 MiB
    assert mend(settings, (0, 39)) == [40]
    records = desk_log(settings)
    gone = covered(records, "expired")
    assert 0 < len(gone) < 40
    assert gone + covered(records, "mender") == list(range(40))
    assert numbers(records) == list(range(len(gone), 40))


def test_range_that_is_deleted_as_a_whole_is_only_expired(settings: Settings) -> None:
    feed(settings, [message_of(article(number, "x" * 200_000)) for number in range(40)])
    assert mend(settings, (0, 3)) == [4]
    records = desk_log(settings)
    assert (covered(records, "expired"), covered(records, "mender")) == ([0, 1, 2, 3], [])


def test_broker_that_is_gone_is_an_error_that_may_pass() -> None:
    with MockBroker({"articles": 2}) as broker:
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
    with pytest.raises(DeskwatchError) as caught:
        mend(settings, (0, 1))
    assert caught.value.recoverable
