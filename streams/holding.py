"""Facts that wait for the watermark, in the order in which it will release them; beyond a bound they lie on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from streams.facts import Fact, Health, Lesson, NewGeneration, Sighting, order_of

CACHE_KIB: Final = 64 * 1024
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

AnyFact = Sighting | Health | NewGeneration | Lesson


class Held:
    """A store of facts with the offsets of the desk log they come from.

    It is an unnamed SQLite database: its pages stay in memory up to CACHE_KIB, the rest goes to a file that has no name
    and is gone when it is closed. A desk that stalls for a day must not run out of memory.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE held (effective INTEGER, kind INTEGER, id TEXT, revision INTEGER, offset INTEGER, fact BLOB,"
            " PRIMARY KEY (effective, kind, id, revision, offset)) WITHOUT ROWID"
        )
        self._db.execute("CREATE INDEX by_offset ON held (offset)")
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[AnyFact] = msgspec.msgpack.Decoder(AnyFact)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, facts: Iterable[tuple[int, Fact]]) -> None:
        """Keep facts, each with its offset."""
        rows = []
        for offset, fact in facts:
            effective, kind, name, revision = order_of(fact)
            rows.append((_micros(effective), kind, name, revision, offset, self._encoder.encode(fact)))
        if rows:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR IGNORE INTO held VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
            self._count += len(rows)

    def take(self, before: datetime, limit: int) -> list[Fact]:
        """Remove and return, in order, the first facts that are effective before an instant; at most `limit`."""
        columns = "effective, kind, id, revision, offset"
        query = f"SELECT {columns}, fact FROM held WHERE effective < ? ORDER BY {columns} LIMIT ?"  # noqa: S608
        rows = self._db.execute(query, (_micros(before), limit)).fetchall()
        if rows:
            self._db.execute(
                f"DELETE FROM held WHERE ({columns}) <= (?, ?, ?, ?, ?)",  # noqa: S608  # our own column names
                rows[-1][:5],
            )
            self._count -= len(rows)
        return [self._decoder.decode(row[5]) for row in rows]

    def first_offset(self) -> int | None:
        """Return the least offset of a held fact."""
        found: int | None = self._db.execute("SELECT min(offset) FROM held").fetchone()[0]
        return found

    def close(self) -> None:
        """Forget everything."""
        self._db.close()


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
