"""The delivery ledger: every alert to every target, its frozen bytes and its state, in one SQLite file.

    pending --> sending --> sent
                  |  \\----> retry ----> sending
                  |  \\----> dead
                  \\-------> unknown --> sent (found at the provider) | sending (absent, or nobody can tell)

`sending` is on disk before the first byte leaves, so that what was under way when the process died is known to be
unknown, and looked up before it goes again. Each change of state also lands, in the same transaction, in `changes`,
from where it is mirrored to the topic `deliveries`.

One process owns a ledger, which a lock on the file beside it makes sure of.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from alerting.channels import Frozen, Reason
from deskwatch import codec
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.records import Delivery, DeliveryState

FILE: Final = "alerting.sqlite"

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
    UNIQUE (spike_id, subscriber, target)  -- one opening message, whatever the revision
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_open ON deliveries (not_before) WHERE state NOT IN ('sent', 'dead');
CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    record BLOB NOT NULL
) STRICT;
"""
_COLUMNS: Final = ", ".join(Frozen.__struct_fields__)
_OPEN: Final = "state NOT IN ('sent', 'dead')"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of state that still has to be mirrored: the encoded `Delivery`."""

    seq: int
    key: str
    record: bytes


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a channel is not done, and since when (seconds since the epoch)."""

    channel: str
    open: int
    oldest_at: float


class Ledger:
    """The one writer of a ledger file; a context manager.

    Raises:
        ConfigError: another process has this ledger.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(directory / f"{FILE}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            problem = Problem(str(directory / FILE), 1, 1, "another alerting service runs on this ledger")
            raise ConfigError([problem]) from error
        self._db = sqlite3.connect(directory / FILE, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")  # an intent must survive a power cut, or it is none
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        os.close(self._lock)

    def add(self, deliveries: Iterable[Frozen]) -> list[Frozen]:
        """Record deliveries, all or none, and return those that are new; known ones keep their bytes and state."""
        new = []
        with _Transaction(self._db):
            for delivery in deliveries:
                values = [getattr(delivery, field) for field in Frozen.__struct_fields__]
                marks = ", ".join("?" * (len(values) + 1))
                row = self._db.execute(
                    f"INSERT INTO deliveries ({_COLUMNS}, changed_at) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608  # names of our own fields
                    [*values, delivery.created_at],
                )
                if row.rowcount:
                    new.append(delivery)
                    self._note(delivery, DeliveryState.PENDING, delivery.created_at)
        return new

    def due(self, now: float, *, excluding: Collection[str] = ()) -> list[Frozen]:
        """Return of each target (`subscriber/target`) the oldest delivery whose time has come, oldest first."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM deliveries WHERE rowid IN (SELECT min(rowid) FROM deliveries"  # noqa: S608
            f" WHERE {_OPEN} AND state != 'sending' AND not_before <= ? GROUP BY subscriber, target) ORDER BY rowid",
            (now,),
        )
        return [one for one in map(_frozen, rows) if one.name not in excluding]

    def begin(self, delivery: Frozen, now: float) -> Frozen:
        """Write down the intent to send, and return the delivery as it is now; then, and only then, send."""
        started = msgspec.structs.replace(
            delivery, state=DeliveryState.SENDING, attempts=delivery.attempts + 1, intent_at=now
        )
        with _Transaction(self._db):
            self._set(started, now)
        return started

    def settle(
        self,
        delivery: Frozen,
        state: DeliveryState,
        now: float,
        *,
        reason: Reason = Reason.NONE,
        provider_ref: str = "",
        not_before: float = 0.0,
    ) -> Frozen:
        """Write down what became of a delivery, and return it as it is now."""
        changed = msgspec.structs.replace(delivery, state=state, not_before=not_before)
        with _Transaction(self._db):
            self._set(changed, now, reason, provider_ref)
        return changed

    def recover(self, now: float, settle_s: float) -> int:
        """Make what was being sent when the last process ended `unknown`, and return how many there were."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM deliveries WHERE state = 'sending'").fetchall()  # noqa: S608
        for row in rows:
            self.settle(_frozen(row), DeliveryState.UNKNOWN, now, reason=Reason.INTERRUPTED, not_before=now + settle_s)
        return len(rows)

    def changes(self, limit: int = 500) -> list[Change]:
        """Return the oldest changes that are not mirrored yet."""
        rows = self._db.execute("SELECT seq, key, record FROM changes ORDER BY seq LIMIT ?", (limit,))
        return [Change(seq=seq, key=key, record=record) for seq, key, record in rows]

    def mirrored(self, up_to: int) -> None:
        """Forget the changes up to this number: the broker has them."""
        self._db.execute("DELETE FROM changes WHERE seq <= ?", (up_to,))

    def backlog(self) -> list[Backlog]:
        """Return how much is open, by channel."""
        rows = self._db.execute(
            f"SELECT channel, count(*), min(created_at) FROM deliveries WHERE {_OPEN} GROUP BY channel"  # noqa: S608
        )
        return [Backlog(channel=channel, open=number, oldest_at=at) for channel, number, at in rows]

    def _set(self, delivery: Frozen, now: float, reason: Reason = Reason.NONE, provider_ref: str = "") -> None:
        self._db.execute(
            "UPDATE deliveries SET state = ?, attempts = ?, intent_at = ?, not_before = ?, changed_at = ?, reason = ?,"
            " provider_ref = ? WHERE key = ?",
            (
                delivery.state,
                delivery.attempts,
                delivery.intent_at,
                delivery.not_before,
                now,
                reason,
                provider_ref,
                delivery.key,
            ),
        )
        self._note(delivery, delivery.state, now, reason, provider_ref)

    def _note(
        self, of: Frozen, state: DeliveryState, now: float, reason: Reason = Reason.NONE, provider_ref: str = ""
    ) -> None:
        record = Delivery(
            delivery_key=of.key,
            spike_id=of.spike_id,
            spike_revision=of.revision,
            theme=of.theme,
            subscriber=of.subscriber,
            target=of.target,
            channel=of.channel,
            state=state,
            at=datetime.fromtimestamp(now, UTC),
            attempts=of.attempts,
            provider_ref=provider_ref,
            reason=reason,
        )
        self._db.execute("INSERT INTO changes (key, record) VALUES (?, ?)", (of.key, codec.encode(record)))


class _Transaction:
    """BEGIN IMMEDIATE to COMMIT, or ROLLBACK at an error."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def _frozen(row: Sequence[Any]) -> Frozen:
    return msgspec.convert(dict(zip(Frozen.__struct_fields__, row, strict=True)), Frozen)


def read_states(directory: Path) -> dict[str, DeliveryState]:
    """Return the state of every delivery of a ledger, which may be in use."""
    with closing(sqlite3.connect(f"file:{directory / FILE}?mode=ro", uri=True)) as db:
        return {key: DeliveryState(state) for key, state in db.execute("SELECT key, state FROM deliveries")}
