"""What is known of episodes and messages: from the ledger of this machine, or from the topics."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from alerting.delivery import Frozen
from alerting.ledger.file import COLUMNS, FILE, mirrored_record
from deskwatch import clients, codec, topics
from deskwatch.errors import CodecError
from deskwatch.records import Delivery, Record, Spike
from deskwatch.settings import Settings

Known = tuple[list[Spike], list[Delivery]]


def from_ledger(directory: Path) -> Known:
    """Return the episodes and the last state of each message in a ledger, which may be in use.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    with closing(sqlite3.connect(f"file:{directory / FILE}?mode=ro", uri=True)) as db:
        spikes = [
            msgspec.json.decode(record, type=Spike)
            for (record,) in db.execute("SELECT record FROM spikes ORDER BY spike_id, revision")
        ]
        rows = db.execute(f"SELECT {', '.join(COLUMNS)}, changed_at FROM deliveries ORDER BY rowid").fetchall()  # noqa: S608  # names of our own fields
    deliveries = []
    for *values, changed_at in rows:
        frozen = msgspec.convert(dict(zip(COLUMNS, values, strict=True)), Frozen)
        deliveries.append(mirrored_record(frozen, "", datetime.fromtimestamp(changed_at, UTC)))
    return spikes, deliveries


def from_topics(settings: Settings) -> Known:
    """Return the same from `spikes` and `deliveries`; what cannot be read is a dead letter already.

    Raises:
        KafkaError: the broker does not answer.
    """
    spikes = [record for record in _records(settings, topics.SPIKES.name) if isinstance(record, Spike)]
    deliveries = [record for record in _records(settings, topics.DELIVERIES.name) if isinstance(record, Delivery)]
    return spikes, deliveries


def _records(settings: Settings, topic: str) -> Iterator[Record]:
    for message in clients.read_messages(settings, topic):
        try:
            yield codec.decode(message.value, message.headers)
        except CodecError:
            continue
