"""The ledger's file: its tables, the way from an older version, and the record that mirrors a row."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final

from alerting.delivery import Frozen
from deskwatch.records import Delivery, DeliveryState

FILE: Final = "alerting.sqlite"
COLUMNS: Final = tuple(name for name in Frozen.__struct_fields__ if name != "thread_ref")
OPEN: Final = "state NOT IN ('held', 'sent', 'dead', 'folded')"
DONE: Final = frozenset({DeliveryState.SENT, DeliveryState.DEAD, DeliveryState.FOLDED})

_VERSION: Final = 2
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS deliveries (
    key TEXT PRIMARY KEY,
    spike_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    theme TEXT NOT NULL,
    subscriber TEXT NOT NULL,
    target TEXT NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    body BLOB NOT NULL,
    summary TEXT NOT NULL,
    created_at REAL NOT NULL,
    recorded_at REAL NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    not_before REAL NOT NULL,
    intent_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    provider_ref TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL DEFAULT 'opening',
    thread TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_not_done ON deliveries (not_before) WHERE state NOT IN ('sent', 'dead', 'folded');
CREATE INDEX IF NOT EXISTS deliveries_spike ON deliveries (spike_id);
CREATE INDEX IF NOT EXISTS deliveries_thread ON deliveries (thread);
CREATE INDEX IF NOT EXISTS deliveries_target ON deliveries (subscriber, target, created_at);
CREATE TABLE IF NOT EXISTS spikes (
    spike_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    is_over INTEGER NOT NULL,
    recorded_at REAL NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (spike_id, revision)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    record BLOB NOT NULL
) STRICT;
"""
_KEPT: Final = (
    "key, spike_id, revision, theme, subscriber, target, channel, address, body, summary, created_at, recorded_at,"
    " state, attempts, not_before, intent_at, changed_at, provider_ref, reason"
)


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables; a ledger of the first version, which held openings only, keeps what it knows."""
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")  # an intent must survive a power cut, or it is none
    known = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'deliveries'").fetchone()
    if known and db.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
        copied = f"INSERT INTO deliveries ({_KEPT}) SELECT {_KEPT} FROM earlier ORDER BY rowid;"  # noqa: S608  # our own names
        db.executescript(
            "BEGIN IMMEDIATE; DROP INDEX IF EXISTS deliveries_open; ALTER TABLE deliveries RENAME TO earlier;"
            f" {_SCHEMA} {copied} DROP TABLE earlier; PRAGMA user_version={_VERSION}; COMMIT;"
        )
        return
    db.executescript(f"{_SCHEMA} PRAGMA user_version={_VERSION};")


def mirrored_record(of: Frozen, owner: str, at: datetime) -> Delivery:
    """Return what the topic `deliveries` gets to know: all that a new ledger needs, of what is done only the fact."""
    done = of.state in DONE
    return Delivery(
        delivery_key=of.key,
        spike_id=of.spike_id,
        spike_revision=of.revision,
        theme=of.theme,
        subscriber=of.subscriber,
        target=of.target,
        channel=of.channel,
        state=of.state,
        at=at,
        attempts=of.attempts,
        provider_ref=of.provider_ref,
        reason=of.reason,
        kind=of.kind,
        thread=of.thread,
        owner=owner,
        address="" if done else of.address,
        body=b"" if done else of.body,
        summary="" if done else of.summary,
        created_at=of.created_at,
        recorded_at=of.recorded_at,
        not_before=of.not_before,
        intent_at=of.intent_at,
    )
