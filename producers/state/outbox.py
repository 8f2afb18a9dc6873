"""Articles that the broker has not acknowledged, as they will go out, byte for byte."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from deskwatch import codec
from deskwatch.records import Article
from producers.state.rows import from_us, to_us

TABLES: Final = """
CREATE TABLE outbox (seq INTEGER PRIMARY KEY, shard INTEGER, article_id TEXT, revision INTEGER,
    first_seen_at INTEGER, fetched_at INTEGER, schema TEXT, value BLOB);
CREATE INDEX outbox_by_shard ON outbox (shard, first_seen_at);
CREATE TABLE acknowledged (topic TEXT, partition INTEGER, offset INTEGER, PRIMARY KEY (topic, partition));
CREATE TABLE sequence (last INTEGER);
INSERT INTO sequence VALUES (0);
"""


class Waiting(msgspec.Struct, frozen=True):
    """One row of the outbox."""

    seq: int
    article_id: str
    revision: int
    fetched_at: datetime  # when its document had arrived
    schema: str
    value: bytes


class Outbox:
    """The outbox of an open state file; the caller begins and ends the transactions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._last: int = db.execute("SELECT last FROM sequence").fetchone()[0]
        self.count, self.size = self._measure()

    def add(self, shard: int, articles: Sequence[Article]) -> int:
        """Let articles wait, in their order; returns the number of the last one ever added."""
        if not articles:
            return self._last
        schema = codec.schema_name(Article)
        values = [codec.encode(article) for article in articles]
        self._db.executemany(
            "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (seq, shard, a.article_id, a.revision, to_us(a.first_seen_at), to_us(a.fetched_at), schema, value)
                for seq, (a, value) in enumerate(zip(articles, values, strict=True), self._last + 1)
            ],
        )
        self._db.execute("UPDATE sequence SET last = ?", (self._last + len(articles),))
        self._last += len(articles)
        self.count += len(articles)
        self.size += sum(map(len, values))
        return self._last

    def oldest(self, *, max_articles: int, max_bytes: int) -> list[Waiting]:
        """Return the oldest waiting articles: at least one if there is any, else within the bounds."""
        if not self.count:
            return []
        found: list[Waiting] = []
        size = 0
        rows = self._db.execute(
            "SELECT seq, article_id, revision, fetched_at, schema, value FROM outbox ORDER BY seq LIMIT ?",
            (max_articles,),
        )
        for seq, article_id, revision, fetched_at, schema, value in rows:
            size += len(value)
            if found and size > max_bytes:
                break
            found.append(Waiting(seq, article_id, revision, from_us(fetched_at), schema, value))
        return found

    def ids(self) -> dict[tuple[str, int], int]:
        """Return id and revision of all waiting articles, with their number."""
        return {(row[0], row[1]): row[2] for row in self._db.execute("SELECT article_id, revision, seq FROM outbox")}

    def acknowledge(self, seqs: Iterable[int], topic: str, offsets: Mapping[int, int]) -> None:
        """Take articles out, and note up to which offset of each partition all is accounted for."""
        self._db.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in seqs])
        self._db.executemany(
            "INSERT OR REPLACE INTO acknowledged VALUES (?, ?, ?)",
            [(topic, p, offset) for p, offset in offsets.items()],
        )
        self.count, self.size = self._measure()

    def acknowledged(self, topic: str) -> dict[int, int]:
        """Return the noted offset of each partition; beyond it may lie articles that still wait here."""
        return dict(self._db.execute("SELECT partition, offset FROM acknowledged WHERE topic = ?", (topic,)))

    def oldest_by_shard(self) -> dict[int, datetime]:
        """Return per shard the least `first_seen_at` that waits."""
        if not self.count:
            return {}
        rows = self._db.execute("SELECT shard, min(first_seen_at) FROM outbox GROUP BY shard")
        return {shard: from_us(at) for shard, at in rows}

    def restore(self) -> None:
        """Take note of what a transaction that was rolled back has undone."""
        self._last = self._db.execute("SELECT last FROM sequence").fetchone()[0]
        self.count, self.size = self._measure()

    def _measure(self) -> tuple[int, int]:
        count, size = self._db.execute("SELECT count(*), coalesce(sum(length(value)), 0) FROM outbox").fetchone()
        return count, size
