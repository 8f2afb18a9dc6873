from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.counting import Follower, Line, Tally, account
from deskwatch import codec
from deskwatch.broker import MockBroker
from deskwatch.clients import create_producer
from deskwatch.errors import CodecError, LostRecordsError
from deskwatch.records import (
    Article,
    Classified,
    Coverage,
    DeadLetter,
    Delivery,
    DeliveryState,
    DeskTick,
    Origin,
    Record,
    Severity,
    Spike,
    SpikeState,
    ThemeScore,
    Tick,
)
from deskwatch.settings import Settings

AT = datetime(2026, 3, 1, tzinfo=UTC)
TOPICS = {"articles": 2, "articles.classified": 1, "spikes": 1, "deliveries": 8, "dead-letters": 1}


def article(number: int) -> Article:
    return Article(
        article_id=f"a{number}",
        feed_id="f",
        source="s",
        url="https://s.example/",
        title="t",
        guid=f"g{number}",
        first_seen_at=AT,
        fetched_at=AT,
    )


def classified(number: int) -> Classified:
    origin = Origin(partition=0, offset=number)
    return Classified(origin=origin, article=article(number), themes=(ThemeScore(theme="taiwan", score=1.0),))


def tally_of(published: int, themed: int, covered: int) -> Tally:
    tally = Tally()
    for number in range(published):
        tally.add("articles", 0, number, article(number))
    for number in range(themed):
        tally.add("articles.classified", 0, number, classified(number))
    if covered:
        tally.add("articles.classified", 0, themed, Coverage(partition=0, runs=((0, covered - 1),)))
    return tally


def guids(count: int) -> set[str]:
    return {f"g{number}" for number in range(count)}


def wrong(lines: list[Line]) -> list[str]:
    return [line.what for line in lines if not line.holds]


def test_account_holds_when_everything_was_counted() -> None:
    assert wrong(account(printed=guids(5), served=guids(5), tally=tally_of(5, 3, 5), counted=3)) == []


@pytest.mark.parametrize(
    ("served", "published", "themed", "covered", "counted", "expected"),
    [
        (4, 5, 3, 5, 3, "served"),
        (5, 4, 3, 4, 3, "published to Kafka"),
        (5, 6, 3, 6, 3, "never printed"),
        (5, 5, 3, 4, 3, "classified"),
        (5, 5, 3, 5, 2, "detector"),
        (5, 5, 3, 5, 4, "detector"),
    ],
)
def test_each_loss_shows_in_its_own_line(
    served: int, published: int, themed: int, covered: int, counted: int, expected: str
) -> None:
    tally = tally_of(published, themed, covered)
    lines = wrong(account(printed=guids(5), served=guids(served), tally=tally, counted=counted))
    assert len(lines) == 1
    assert expected in lines[0]


def test_double_is_told() -> None:
    tally = tally_of(5, 3, 5)
    tally.add("articles", 1, 0, article(0))
    tally.add("articles.classified", 0, 9, Coverage(partition=1, runs=((0, 0),)))
    assert wrong(account(printed=guids(5), served=guids(5), tally=tally, counted=3)) == [
        "published twice, or never printed"
    ]


def test_dead_letter_is_told() -> None:
    tally = tally_of(5, 3, 5)
    tally.add("dead-letters", 0, 0, DeadLetter(topic="articles", partition=0, offset=1, reason="x", detail=""))
    assert wrong(account(printed=guids(5), served=guids(5), tally=tally, counted=3)) == ["dead letters"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=10))
def test_coverage_counts_each_offset_once(runs: list[tuple[int, int]]) -> None:
    tally = tally_of(36, 0, 0)
    spans = tuple((first, first + more) for first, more in runs)
    for _ in range(2):
        tally.add("articles.classified", 0, 0, Coverage(partition=0, runs=spans))
    assert tally.uncovered() == 36 - len({n for first, last in spans for n in range(first, last + 1)})


def test_newest_tick_of_each_origin_is_kept() -> None:
    tally = Tally()
    for hours in (1, 3, 2):
        tick = Tick(shard=4, at=AT + timedelta(hours=hours))
        tally.add("articles.classified", 0, hours, DeskTick(origin=Origin(partition=1, offset=hours), tick=tick))
    assert tally.ticked == {(4, 1): AT + timedelta(hours=3)}


def spike(theme: str, detected_at: datetime) -> Spike:
    return Spike(
        spike_id=f"{theme}-{detected_at:%H}",
        revision=0,
        theme=theme,
        state=SpikeState.ONSET,
        severity=Severity.HIGH,
        onset_at=detected_at,
        detected_at=detected_at,
        revised_at=detected_at,
        window_s=900,
        observed=9,
        expected=1.0,
        expected_low=0,
        expected_high=3,
        score=2.0,
        articles=9,
        stories=9,
        owners=9,
    )


def delivery(spike_id: str, state: DeliveryState) -> Delivery:
    return Delivery(
        delivery_key=f"{spike_id}|0|desk|mail",
        spike_id=spike_id,
        spike_revision=0,
        theme="taiwan",
        subscriber="desk",
        target="mail",
        channel="email",
        state=state,
        at=AT,
    )


@pytest.mark.parametrize(
    ("theme", "hour", "state", "found"),
    [
        ("taiwan", 13, DeliveryState.SENT, True),
        ("taiwan", 12, DeliveryState.SENT, False),
        ("tariffs", 13, DeliveryState.SENT, False),
        ("taiwan", 13, DeliveryState.SENDING, False),
    ],
)
def test_alert_counts_when_it_is_of_the_event_and_was_sent(
    theme: str, hour: int, state: DeliveryState, found: bool
) -> None:
    tally = Tally()
    record = spike(theme, AT + timedelta(hours=hour))
    tally.add("spikes", 0, 0, record)
    tally.add("deliveries", 3, 0, delivery(record.spike_id, state))
    assert (tally.find_alerted("taiwan", AT + timedelta(hours=13)) is not None) == found


def send(settings: Settings, topic: str, records: list[Record], size: int = 0) -> None:
    producer = create_producer(settings)
    try:
        for record in records:
            value = codec.encode(record) + b" " * size
            producer.send(topic, value, headers=codec.headers_of(record), partition=0).get(timeout=20)
    finally:
        producer.close()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.01)


def test_follower_counts_what_was_there_and_what_comes() -> None:
    with MockBroker(TOPICS) as broker:
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
        send(settings, "articles", [article(0), article(1)])
        with Follower(settings) as follower:
            wait_for(lambda: len(follower.tally.articles) == 2)
            send(settings, "articles", [article(1), article(2)])
            send(settings, "articles.classified", [classified(2), Coverage(partition=0, runs=((0, 3),))])
            wait_for(lambda: len(follower.tally.articles) == 3 and follower.tally.uncovered() == 0)
        assert follower.error is None
        assert (follower.tally.repeated, follower.tally.classified) == (1, {"a2"})


def test_follower_says_so_when_the_broker_has_dropped_records() -> None:
    with MockBroker(TOPICS) as broker:
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
        send(settings, "articles", [article(number) for number in range(20)], size=400_000)
        with Follower(settings) as follower:
            wait_for(lambda: follower.error is not None)
        assert isinstance(follower.error, LostRecordsError)


def test_follower_says_so_when_a_topic_holds_something_else() -> None:
    with MockBroker(TOPICS) as broker:
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
        producer = create_producer(settings)
        producer.send("articles", b"junk").get(timeout=20)
        producer.close()
        with Follower(settings) as follower:
            wait_for(lambda: follower.error is not None)
        assert isinstance(follower.error, CodecError)
