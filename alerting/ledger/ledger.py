"""The delivery ledger: every message to every target, its frozen bytes and its state, in one SQLite file.

    held --> pending --> sending --> sent
      |                    |  \\----> retry ----> sending
      \\--> folded          |  \\----> dead
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
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from alerting.delivery import Frozen, Reason
from alerting.ledger.file import COLUMNS, FILE, OPEN, mirrored_record, prepare
from deskwatch import codec
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.records import DeliveryKind, DeliveryState, Spike

_COLUMNS: Final = ", ".join(COLUMNS)
# A target whose provider is away is probed with its oldest message, and the others stay behind it in their order. One
# failure says nothing yet, and a message that fails for ever must not block the others for ever.
_DUE: Final = f"""
WITH waiting AS MATERIALIZED (
    SELECT rowid AS place, subscriber, target, state, reason, attempts, not_before, thread FROM deliveries WHERE {OPEN})
SELECT {_COLUMNS}, coalesce((SELECT provider_ref FROM deliveries o WHERE o.key = d.thread), '')
FROM deliveries d WHERE rowid IN (
    SELECT min(place) FROM waiting d
    WHERE state != 'sending' AND not_before <= ?1 AND NOT EXISTS (
        SELECT 1 FROM deliveries o WHERE o.key = d.thread AND o.state NOT IN ('sent', 'dead', 'folded'))
    AND NOT EXISTS (
        SELECT 1 FROM waiting o WHERE o.subscriber = d.subscriber AND o.target = d.target AND o.not_before > ?1 AND (
            o.state = 'retry' AND o.reason = 'rate_limited'
            OR o.place < d.place AND o.attempts BETWEEN 2 AND 20
            AND o.reason IN ('connect', 'credentials', 'no_answer', 'server_fault')))
    GROUP BY subscriber, target)
ORDER BY rowid
"""  # noqa: S608  # names of our own fields


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

    Args:
        owner: The name of this service, written into every change.

    Raises:
        ConfigError: another process has this ledger.
    """

    def __init__(self, directory: Path, owner: str = "") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(directory / f"{FILE}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            problem = Problem(str(directory / FILE), 1, 1, "another alerting service runs on this ledger")
            raise ConfigError([problem]) from error
        self.owner = owner
        self._db = sqlite3.connect(directory / FILE, isolation_level=None)
        prepare(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        os.close(self._lock)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that is written inside one change, or none; one inside another can fail on its own."""
        begin, undo, commit = (
            ("SAVEPOINT inner_one", "ROLLBACK TO inner_one; RELEASE inner_one", "RELEASE inner_one")
            if self._db.in_transaction
            else ("BEGIN IMMEDIATE", "ROLLBACK", "COMMIT")
        )
        self._db.execute(begin)
        try:
            yield
        except BaseException:
            for statement in undo.split("; "):
                self._db.execute(statement)
            raise
        self._db.execute(commit)

    def note_spike(self, spike: Spike, recorded_at: float) -> bool:
        """Keep a revision of an episode, and return whether it was new."""
        row = self._db.execute(
            "INSERT INTO spikes (spike_id, revision, is_over, recorded_at, record) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (spike.spike_id, spike.revision, spike.state.is_over, recorded_at, codec.encode(spike)),
        )
        return row.rowcount > 0

    def spike(self, spike_id: str, revision: int | None = None) -> Spike | None:
        """Return a revision of an episode, or its latest."""
        which, values = ("revision = ?", (spike_id, revision)) if revision is not None else ("1", (spike_id,))
        row = self._db.execute(
            f"SELECT record FROM spikes WHERE spike_id = ? AND {which} ORDER BY revision DESC LIMIT 1",  # noqa: S608
            values,
        ).fetchone()
        return msgspec.json.decode(row[0], type=Spike) if row else None

    def newest_spikes(self, limit: int) -> list[Spike]:
        """Return the last revision of each of the episodes that came last, the newest episode first."""
        rows = self._db.execute(
            "SELECT (SELECT record FROM spikes l WHERE l.spike_id = s.spike_id ORDER BY revision DESC LIMIT 1)"
            " FROM spikes s GROUP BY spike_id ORDER BY min(recorded_at) DESC, spike_id LIMIT ?",
            (limit,),
        )
        return [msgspec.json.decode(record, type=Spike) for (record,) in rows]

    def add(self, deliveries: Iterable[Frozen]) -> list[Frozen]:
        """Record deliveries, all or none, and return those that are new; known ones keep their bytes and state."""
        new = []
        with self.transaction():
            for delivery in deliveries:
                if self._insert(delivery, delivery.created_at):
                    new.append(delivery)
                    self._note(delivery, delivery.created_at)
        return new

    def replace(self, delivery: Frozen, now: float) -> Frozen:
        """Write a delivery anew that is held or folded: it is let go, held longer, or folded; return it."""
        with self.transaction():
            self._update(delivery, now)
            self._note(delivery, now)
        return delivery

    def has(self, key: str) -> bool:
        """Return whether a delivery is known."""
        return self._db.execute("SELECT 1 FROM deliveries WHERE key = ?", (key,)).fetchone() is not None

    def knows_spikes(self) -> bool:
        """Return whether any episode is known."""
        return self._db.execute("SELECT 1 FROM spikes LIMIT 1").fetchone() is not None

    def overwrite(self, delivery: Frozen, at: float, *, is_changed: bool) -> None:
        """Take a delivery from another's ledger, and drop changes of ours that were not mirrored.

        Args:
            is_changed: It is not just as it stands on the topic, so that the topic has to hear of it.
        """
        with self.transaction():
            self._db.execute("DELETE FROM changes WHERE key = ?", (delivery.key,))
            if self.has(delivery.key):
                self._update(delivery, at)
            else:
                self._insert(delivery, at)
            if is_changed:
                self._note(delivery, at)

    def fold(self, deliveries: Iterable[Frozen], reason: Reason, now: float) -> None:
        """Write down that deliveries are told by another message, or need not be told any more."""
        for delivery in deliveries:
            self.settle(delivery, DeliveryState.FOLDED, now, reason=reason)

    def of_spike(self, spike_id: str) -> list[Frozen]:
        """Return all deliveries about an episode, oldest first."""
        return self._select("spike_id = ?", (spike_id,))

    def thread(self, key: str) -> list[Frozen]:
        """Return an opening and all that follows it, oldest first."""
        return self._select("key = ?1 OR thread = ?1", (key,))

    def of_target(self, subscriber: str, target: str) -> list[Frozen]:
        """Return all deliveries to a target, oldest first."""
        return self._select("subscriber = ? AND target = ?", (subscriber, target))

    def held(self, now: float) -> list[Frozen]:
        """Return what is held and whose time has come, oldest first."""
        return self._select("state = 'held' AND not_before <= ?", (now,))

    def opened_since(self, subscriber: str, target: str, since: float) -> list[Frozen]:
        """Return the openings that a target got since then, also those under way."""
        return self._select(
            "subscriber = ? AND target = ? AND created_at >= ? AND kind = ? AND state NOT IN ('held', 'folded')",
            (subscriber, target, since, DeliveryKind.OPENING),
        )

    def count_opened(self, subscriber: str, theme: str, since: float, target: str = "") -> tuple[int, int]:
        """Return how many openings about a theme a subscriber, or one target, got since then; of how many episodes."""
        row = self._db.execute(
            "SELECT count(*), count(DISTINCT spike_id) FROM deliveries WHERE subscriber = ?1 AND theme = ?2"
            " AND created_at >= ?3 AND kind = ?4 AND state NOT IN ('held', 'folded') AND ?5 IN ('', target)",
            (subscriber, theme, since, DeliveryKind.OPENING, target),
        )
        messages, episodes = row.fetchone()
        return messages, episodes

    def one(self, key: str) -> Frozen | None:
        """Return a delivery by its key."""
        return next(iter(self._select("key = ?", (key,))), None)

    def by_reference(self, provider_ref: str) -> list[Frozen]:
        """Return the deliveries that a provider knows by this name."""
        return self._select("provider_ref = ?", (provider_ref,))

    def opened_to(self, subscriber: str, since: float) -> bool:
        """Return whether a subscriber got, or will get, a first message since then."""
        row = self._db.execute(
            "SELECT 1 FROM deliveries WHERE subscriber = ? AND created_at >= ? AND kind IN ('opening', 'digest')"
            " AND reason != 'below' LIMIT 1",
            (subscriber, since),
        )
        return row.fetchone() is not None

    def due(self, now: float, *, excluding: Collection[str] = ()) -> list[Frozen]:
        """Return of each target (`subscriber/target`) the oldest delivery whose time has come, oldest first.

        What follows an opening waits until that is sent, or never will be. A target whose provider asked to be left
        alone for a while gets nothing meanwhile.
        """
        return [one for one in map(_frozen, self._db.execute(_DUE, (now,))) if one.name not in excluding]

    def begin(self, delivery: Frozen, now: float) -> Frozen:
        """Write down the intent to send, and return the delivery as it is now; then, and only then, send."""
        started = msgspec.structs.replace(
            delivery, state=DeliveryState.SENDING, attempts=delivery.attempts + 1, intent_at=now
        )
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
        changed = msgspec.structs.replace(
            delivery, state=state, not_before=not_before, reason=reason, provider_ref=provider_ref
        )
        self._set(changed, now)
        return changed

    def recover(self, now: float, settle_s: float) -> int:
        """Make what was being sent when the last process ended `unknown`, and return how many there were."""
        rows = self._select("state = 'sending'", ())
        for row in rows:
            self.settle(row, DeliveryState.UNKNOWN, now, reason=Reason.INTERRUPTED, not_before=now + settle_s)
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
            f"SELECT channel, count(*), min(created_at) FROM deliveries WHERE {OPEN} GROUP BY channel"  # noqa: S608
        )
        return [Backlog(channel=channel, open=number, oldest_at=at) for channel, number, at in rows]

    def prune(self, before: float) -> int:
        """Remove bytes and addresses of messages about episodes that ended before then; return of how many.

        Of other messages (digests) those that were done before then.
        """
        row = self._db.execute(
            "UPDATE deliveries SET body = x'', address = '', summary = '' WHERE address != '' AND changed_at < ?1 AND"
            " state IN ('sent', 'dead', 'folded') AND NOT EXISTS (SELECT 1 FROM spikes WHERE spike_id ="
            " deliveries.spike_id GROUP BY spike_id HAVING NOT max(is_over) OR max(recorded_at) >= ?1)",
            (before,),
        )
        return row.rowcount

    def _select(self, where: str, values: Sequence[object]) -> list[Frozen]:
        rows = self._db.execute(f"SELECT {_COLUMNS}, '' FROM deliveries WHERE {where} ORDER BY rowid", values)  # noqa: S608
        return [_frozen(row) for row in rows.fetchall()]

    def _insert(self, delivery: Frozen, at: float) -> bool:
        values = [getattr(delivery, name) for name in COLUMNS]
        row = self._db.execute(
            f"INSERT INTO deliveries ({_COLUMNS}, changed_at) VALUES ({', '.join('?' * (len(values) + 1))})"  # noqa: S608  # names of our own fields
            " ON CONFLICT DO NOTHING",
            [*values, at],
        )
        return row.rowcount > 0

    def _update(self, delivery: Frozen, at: float) -> None:
        names = [name for name in COLUMNS if name != "key"]
        self._db.execute(
            f"UPDATE deliveries SET {', '.join(f'{name} = ?' for name in names)}, changed_at = ? WHERE key = ?",  # noqa: S608
            [*(getattr(delivery, name) for name in names), at, delivery.key],
        )

    def _set(self, delivery: Frozen, now: float) -> None:
        names = ("state", "attempts", "intent_at", "not_before", "reason", "provider_ref")
        with self.transaction():
            self._db.execute(
                f"UPDATE deliveries SET {', '.join(f'{name} = ?' for name in names)}, changed_at = ? WHERE key = ?",  # noqa: S608
                [*(getattr(delivery, name) for name in names), now, delivery.key],
            )
            self._note(delivery, now)

    def _note(self, delivery: Frozen, now: float) -> None:
        record = mirrored_record(delivery, self.owner, datetime.fromtimestamp(now, UTC))
        self._db.execute("INSERT INTO changes (key, record) VALUES (?, ?)", (delivery.key, codec.encode(record)))


def _frozen(row: Sequence[Any]) -> Frozen:
    return msgspec.convert(dict(zip((*COLUMNS, "thread_ref"), row, strict=True)), Frozen)


def read_states(directory: Path) -> dict[str, DeliveryState]:
    """Return the state of every delivery of a ledger, which may be in use."""
    with closing(sqlite3.connect(f"file:{directory / FILE}?mode=ro", uri=True)) as db:
        return {key: DeliveryState(state) for key, state in db.execute("SELECT key, state FROM deliveries")}
