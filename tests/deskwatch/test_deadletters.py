from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import KafkaTimeoutError

from deskwatch import codec
from deskwatch.deadletters import OpenLetter, drop, open_letters, retry
from deskwatch.errors import PublishError
from deskwatch.records import DeadLetter, DeadLetterAction, DeadLetterClosed, Record, Tick
from deskwatch.settings import Settings

NOW = datetime(2026, 3, 2, 14, 5, tzinfo=UTC)
SETTINGS = Settings(kafka_prefix="desk-")


def letter(topic: str = "articles", **fields: Any) -> DeadLetter:
    defaults = {"partition": 3, "offset": 17, "reason": "malformed", "detail": "d"}
    return DeadLetter(topic=topic, **defaults | fields)


def message(offset: int, record: Record | bytes) -> Any:
    value = record if isinstance(record, bytes) else codec.encode(record)
    headers = [] if isinstance(record, bytes) else codec.headers_of(record)
    return SimpleNamespace(
        topic="desk-dead-letters",
        partition=0,
        offset=offset,
        timestamp=NOW.timestamp() * 1000,
        value=value,
        headers=headers,
    )


def closed(offset: int) -> DeadLetterClosed:
    return DeadLetterClosed(offset=offset, action=DeadLetterAction.DROPPED, at=NOW)


class Producer:
    """Keeps what it is sent, and refuses what goes to the topic `broken`."""

    def __init__(self, broken: str = "") -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self._broken = broken

    def send(self, topic: str, **fields: Any) -> Any:
        future: Future[None] = Future()
        if topic == self._broken:
            future.set_exception(KafkaTimeoutError("no answer"))
        else:
            self.sent.append((topic, fields))
            future.set_result(None)
        return SimpleNamespace(get=future.result)


@given(st.integers(0, 20), st.sets(st.integers(0, 30)))
def test_open_are_the_letters_that_no_later_record_closes(count: int, handled: set[int]) -> None:
    log = [message(i, letter()) for i in range(count)]
    log += [message(count + i, closed(offset)) for i, offset in enumerate(sorted(handled))]
    assert [each.offset for each in open_letters(log)] == [i for i in range(count) if i not in handled]


def test_bytes_that_are_no_letter_are_one_and_other_records_are_none() -> None:
    (found,) = open_letters([message(0, Tick(shard=0, at=NOW)), message(1, b"junk")])
    assert (found.offset, found.at, found.letter.reason, found.letter.value) == (1, NOW, "no_schema", b"junk")


@pytest.mark.parametrize("name", ["articles", "desk-articles"])
def test_retry_sends_the_same_bytes_to_the_same_partition_then_closes(name: str) -> None:
    producer = Producer()
    original = letter(name, key=b"\xff", value=b"{\x00", headers=(("schema", b"article/1"), ("trace", b"\x01")))
    retry(producer, SETTINGS, OpenLetter(offset=5, at=NOW, letter=original), NOW)
    (topic, back), (journal, note) = producer.sent
    assert (topic, journal) == ("desk-articles", "desk-dead-letters")
    assert back == {
        "partition": 3,
        "key": b"\xff",
        "value": b"{\x00",
        "headers": [("schema", b"article/1"), ("trace", b"\x01")],
    }
    assert codec.decode(note["value"], note["headers"]) == DeadLetterClosed(
        offset=5, action=DeadLetterAction.RETRIED, at=NOW
    )


def test_drop_only_closes() -> None:
    producer = Producer()
    drop(producer, SETTINGS, OpenLetter(offset=5, at=NOW, letter=letter()), NOW)
    ((topic, note),) = producer.sent
    assert topic == "desk-dead-letters"
    assert codec.decode(note["value"], note["headers"]) == DeadLetterClosed(
        offset=5, action=DeadLetterAction.DROPPED, at=NOW
    )


def test_letter_whose_retry_is_not_acknowledged_stays_open() -> None:
    producer = Producer(broken="desk-articles")
    with pytest.raises(PublishError):
        retry(producer, SETTINGS, OpenLetter(offset=5, at=NOW, letter=letter()), NOW)
    assert producer.sent == []


@pytest.mark.parametrize(
    "topic",
    ["dead-letters", "desk-dead-letters", "desk-detector-state", "__consumer_offsets", "other-articles", ""],
)
def test_letter_of_no_topic_that_takes_it_back_is_not_sent_anywhere(topic: str) -> None:
    producer = Producer()
    with pytest.raises(PublishError, match="drop it"):
        retry(producer, SETTINGS, OpenLetter(offset=5, at=NOW, letter=letter(topic)), NOW)
    assert producer.sent == []
