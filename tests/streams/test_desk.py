from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from deskwatch import codec
from deskwatch.errors import PublishError
from deskwatch.owners import Owners
from deskwatch.records import Article, Classified, Coverage, DeadLetter, DeskTick, Record, ThemeScore, Tick
from deskwatch.settings import Settings
from streams.desk import Arrived, DeskWriter
from streams.metrics import Metrics
from streams.publishing import Message

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class ByTitle:
    """Gives the theme that the title says; the title `bug` breaks it."""

    name = "by-title"

    def classify(self, article: Article) -> tuple[ThemeScore, ...]:
        if article.title == "bug":
            raise RuntimeError(article.title)
        return (ThemeScore(theme=article.title, score=1.0),) if article.title else ()


class Log:
    """Kafka as the writer sees it; refuses from the n-th sending on."""

    def __init__(self, refuse_from: int = 1_000) -> None:
        self.records: list[tuple[str, Record]] = []
        self._left = refuse_from

    async def send(self, topic: str, messages: Iterable[Message]) -> None:
        self._left -= 1
        if self._left < 0:
            raise PublishError(topic, "refused")
        self.records += [(topic, codec.decode(message.value, message.headers)) for message in messages]

    def of(self, topic: str) -> list[Record]:
        return [record for name, record in self.records if name == topic]


def arrived(partition: int, offset: int, record: Record) -> Arrived:
    return Arrived(partition, offset, None, codec.encode(record), codec.headers_of(record))


def article(number: int, title: str = "taiwan") -> Article:
    return Article(
        article_id=f"{number:032x}", feed_id="f", source="s", url="", title=title, first_seen_at=AT, fetched_at=AT
    )


def write(batch: list[Arrived], log: Log, coverage: list[Coverage] | None = None) -> CollectorRegistry:
    registry = CollectorRegistry()
    writer = DeskWriter(Settings(kafka_prefix="t."), ByTitle(), Owners({}), Metrics(registry))
    asyncio.run(writer.write(batch, log.send, coverage))
    return registry


def test_articles_and_ticks_keep_their_order_and_coverage_comes_last() -> None:
    log = Log()
    tick = Tick(shard=0, at=AT)
    write([arrived(0, 5, article(1)), arrived(1, 9, article(2)), arrived(0, 6, tick), arrived(0, 8, article(3))], log)
    kinds = [type(record) for record in log.of("t.articles.classified")]
    assert kinds == [Classified, Classified, DeskTick, Classified, Coverage, Coverage]
    assert log.of("t.articles.classified")[-2:] == [
        Coverage(partition=0, runs=((5, 6), (8, 8))),  # 7 did not arrive: nobody vouches for it
        Coverage(partition=1, runs=((9, 9),)),
    ]


def test_dead_letters_are_covered_like_the_rest() -> None:
    log = Log()
    registry = write([Arrived(0, 0, b"k", b"junk", None), arrived(0, 1, article(1, "bug"))], log)
    letters = log.of("t.dead-letters")
    assert [letter.reason for letter in letters if isinstance(letter, DeadLetter)] == ["no_schema", "classifier_error"]
    assert log.of("t.articles.classified") == [Coverage(partition=0, runs=((0, 1),))]
    assert registry.get_sample_value("deskwatch_dead_letters_total", {"reason": "no_schema"}) == 1


@pytest.mark.parametrize("refuse_from", [0, 1])
def test_refused_batch_leaves_no_coverage_behind(refuse_from: int) -> None:
    log = Log(refuse_from)
    with pytest.raises(PublishError):
        write([arrived(0, 0, article(1)), Arrived(0, 1, None, None, None)], log)
    assert not [record for _, record in log.records if isinstance(record, Coverage)]


def test_coverage_that_is_given_replaces_the_offsets_that_arrived() -> None:
    log = Log()
    given_coverage = Coverage(partition=0, runs=((0, 10),), by="mender")
    registry = write([arrived(0, 4, article(1))], log, [given_coverage])
    assert log.of("t.articles.classified")[-1] == given_coverage
    assert registry.get_sample_value("deskwatch_covered_records_total", {"by": "mender"}) == 11


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["taiwan", "", "bug", "tick", "junk"])), max_size=130))
def test_every_record_that_arrives_is_covered_and_counted_once(batch: list[tuple[int, str]]) -> None:
    log = Log()
    written = []
    for offset, (partition, what) in enumerate(batch):
        if what == "junk":
            written.append(Arrived(partition, offset, None, b"", [("schema", b"article/1")]))
        elif what == "tick":
            written.append(arrived(partition, offset, Tick(shard=1, at=AT + timedelta(seconds=offset))))
        else:
            written.append(arrived(partition, offset, article(offset, what)))
    registry = write(written, log)
    covered = [
        (record.partition, offset)
        for _, record in log.records
        if isinstance(record, Coverage)
        for first, last in record.runs
        for offset in range(first, last + 1)
    ]
    assert sorted(covered) == sorted((one.partition, one.offset) for one in written)
    outcomes = [
        registry.get_sample_value("deskwatch_classified_records_total", {"outcome": outcome}) or 0
        for outcome in ("themed", "no_theme", "tick", "excuse", "dead_letter")
    ]
    assert sum(outcomes) == len(batch)
    assert len(log.of("t.dead-letters")) == sum(what in ("bug", "junk") for _, what in batch)
