"""Dead letters and what became of them.

The topic is its own journal: a letter is open until a `dead-letter-closed` record in the same topic names its offset.
(A consumer group's position would be forgotten by the broker after a week without consumers, and says nothing of who
did what, when.) Retrying sends first and closes afterwards: an operator's machine that dies in between sends twice,
which does no harm, since every reader knows the ids it has seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from deskwatch import codec
from deskwatch.errors import CodecError, PublishError
from deskwatch.records import DeadLetter, DeadLetterAction, DeadLetterClosed
from deskwatch.settings import Settings
from deskwatch.topics import DEAD_LETTERS, DETECTOR_STATE, TOPICS

_SEND_S: Final = 30.0


class OpenLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter that nobody has dealt with, by its offset in `dead-letters`."""

    offset: int
    at: datetime
    letter: DeadLetter


def open_letters(messages: Iterable[Any]) -> list[OpenLetter]:
    """Return the letters that are still open, oldest first.

    Args:
        messages: All of the topic, as kafka-python gives them. One that is no record of ours is a letter too.
    """
    letters: dict[int, OpenLetter] = {}
    closed: set[int] = set()
    for message in messages:
        try:
            record = codec.decode(message.value, message.headers)
        except CodecError as error:
            record = DeadLetter(
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                reason=error.reason,
                detail=str(error),
                value=message.value,
            )
        if isinstance(record, DeadLetterClosed):
            closed.add(record.offset)
        elif isinstance(record, DeadLetter):
            at = datetime.fromtimestamp(message.timestamp / 1000, UTC)
            letters[message.offset] = OpenLetter(offset=message.offset, at=at, letter=record)
    return [letter for offset, letter in sorted(letters.items()) if offset not in closed]


def retry(producer: Any, settings: Settings, found: OpenLetter, now: datetime) -> None:
    """Send a letter's bytes, key and headers to the partition they came from, then close the letter.

    Raises:
        PublishError: the letter comes from no topic of ours, or the broker did not acknowledge it; it stays open.
    """
    letter = found.letter
    topic = _source(settings, letter.topic)
    _send(
        producer,
        topic,
        partition=letter.partition,
        key=letter.key,
        value=letter.value,
        headers=list(letter.headers),
    )
    _close(producer, settings, found, DeadLetterAction.RETRIED, now)


def drop(producer: Any, settings: Settings, found: OpenLetter, now: datetime) -> None:
    """Close a letter; its bytes stay in the topic until they are too old.

    Raises:
        PublishError: the broker did not acknowledge it; the letter stays open.
    """
    _close(producer, settings, found, DeadLetterAction.DROPPED, now)


def _close(producer: Any, settings: Settings, found: OpenLetter, action: DeadLetterAction, now: datetime) -> None:
    record = DeadLetterClosed(offset=found.offset, action=action, at=now)
    key = found.letter.topic.encode()
    topic = settings.topic(DEAD_LETTERS.name)
    _send(producer, topic, key=key, value=codec.encode(record), headers=codec.headers_of(record))


def _source(settings: Settings, topic: str) -> str:
    """Return the full name of the topic that a letter came from; letters may name it with or without the prefix."""
    # A state that could not be read has been computed anew: sent back, it would spoil the new one.
    full = {settings.topic(known.name) for known in TOPICS if known not in (DEAD_LETTERS, DETECTOR_STATE)}
    for name in (topic, settings.topic(topic)):
        if name in full:
            return name
    raise PublishError(topic, "this is no topic to send a dead letter back to: drop it")


def _send(producer: Any, topic: str, **message: Any) -> None:
    from kafka.errors import KafkaError

    try:
        producer.send(topic, **message).get(timeout=_SEND_S)
    except KafkaError as error:
        raise PublishError(topic, str(error)) from error
