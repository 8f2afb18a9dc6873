"""What a restart must know, in one SQLite file: feeds, seen articles, unacknowledged ones (the outbox), last ticks.

What a poll changes is written in one transaction: the feed's validators never get ahead of its articles, and a process
killed at any moment finds each article either not seen yet or waiting in the outbox. A power cut (not a kill) may take
back the last transactions (`synchronous=NORMAL`); then the articles are published once more under the same ids.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from deskwatch import codec
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.records import Article
from deskwatch.topics import shard_of
from producers.identity.keys import Seen
from producers.state import feedstate
from producers.state.feedstate import FeedState, from_us, read_feeds, to_us, write_feed

FILE: Final = "producers.sqlite"
SEEN_PER_FEED: Final = 5_000

_VERSION: Final = 1
_SCHEMA: Final = f"""{feedstate.TABLE}
CREATE TABLE seen (feed_id TEXT, article_id TEXT, content_hash TEXT, revision INTEGER, url_key TEXT, old INTEGER,
    shared INTEGER, place INTEGER, PRIMARY KEY (feed_id, article_id)) WITHOUT ROWID;
CREATE INDEX seen_by_place ON seen (feed_id, place);
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, shard INTEGER, article_id TEXT, revision INTEGER,
    first_seen_at INTEGER, schema TEXT, value BLOB);
CREATE INDEX outbox_by_shard ON outbox (shard, first_seen_at);
CREATE TABLE acknowledged (topic TEXT, partition INTEGER, offset INTEGER, PRIMARY KEY (topic, partition));
CREATE TABLE ticks (shard INTEGER PRIMARY KEY, at INTEGER);
"""


class Waiting(msgspec.Struct, frozen=True):
    """One row of the outbox: an article as it will go out, byte for byte."""

    seq: int
    article_id: str
    revision: int
    schema: str
    value: bytes


class Store:
    """The state file, open and locked against a second producer.

    Raises:
        ConfigError: another producer has it, or it is of a later version.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / FILE
        self._lock = os.open(directory / f"{FILE}.lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise ConfigError([Problem(str(path), 1, 1, "another producer uses this state")]) from error
        self._db = sqlite3.connect(path, isolation_level=None)
        try:
            self._prepare(path)
        except BaseException:
            self.close()
            raise
        self.waiting, self.waiting_bytes = self._measure()

    def close(self) -> None:
        """Close the file and let others have it."""
        self._db.close()
        os.close(self._lock)

    def feeds(self) -> dict[str, FeedState]:
        """Return all feeds ever polled."""
        return read_feeds(self._db)

    def feed(self, feed_id: str) -> FeedState | None:
        """Return one feed's state; None if it was never polled."""
        return read_feeds(self._db, feed_id).get(feed_id)

    def seen(self, feed_id: str, ids: Iterable[str]) -> dict[str, Seen]:
        """Return what is remembered of those of the given articles that are known."""
        rows = self._db.execute(
            "SELECT article_id, content_hash, revision, url_key, old, shared FROM seen"
            " WHERE feed_id = ? AND article_id IN (SELECT value FROM json_each(?))",
            (feed_id, json.dumps(list(ids))),
        )
        return {
            row[0]: Seen(content_hash=row[1], revision=row[2], url_key=row[3], old=bool(row[4]), shared=bool(row[5]))
            for row in rows
        }

    def record(
        self,
        feed: FeedState,
        articles: Sequence[tuple[Article, Seen]] = (),
        *,
        present: Iterable[str] = (),
        shared: Iterable[str] = (),
    ) -> None:
        """Write what one poll changed, in one transaction.

        Args:
            feed: Its new state.
            articles: New ones and revisions, oldest first, with what to remember of them.
            present: Ids of all articles in the polled document: they are not forgotten.
            shared: Known ids to be marked as having a shared guid.
        """
        values = [(article, seen, codec.encode(article)) for article, seen in articles]
        with self._transaction():
            write_feed(self._db, feed)
            if values:
                self._write_articles(feed.feed_id, values)
                self._forget(feed.feed_id, list(present))
            self._db.executemany(
                "UPDATE seen SET shared = 1 WHERE feed_id = ? AND article_id = ?",
                [(feed.feed_id, id_) for id_ in shared],
            )
        self.waiting += len(values)
        self.waiting_bytes += sum(len(value) for _, _, value in values)

    def outbox(self, *, max_articles: int, max_bytes: int) -> list[Waiting]:
        """Return the oldest waiting articles: at least one if there is any, else within the bounds."""
        found: list[Waiting] = []
        size = 0
        rows = self._db.execute(
            "SELECT seq, article_id, revision, schema, value FROM outbox ORDER BY seq LIMIT ?", (max_articles,)
        )
        for row in rows:
            size += len(row[4])
            if found and size > max_bytes:
                break
            found.append(Waiting(*row))
        return found

    def outbox_ids(self) -> dict[tuple[str, int], int]:
        """Return id and revision of all waiting articles, with their `seq`."""
        return {(row[0], row[1]): row[2] for row in self._db.execute("SELECT article_id, revision, seq FROM outbox")}

    def acknowledge(self, seqs: Iterable[int], topic: str, offsets: Mapping[int, int]) -> None:
        """Take articles out of the outbox, and note up to which offset of each partition all is accounted for."""
        with self._transaction():
            self._db.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in seqs])
            self._db.executemany(
                "INSERT OR REPLACE INTO acknowledged VALUES (?, ?, ?)",
                [(topic, p, offset) for p, offset in offsets.items()],
            )
        self.waiting, self.waiting_bytes = self._measure()

    def acknowledged(self, topic: str) -> dict[int, int]:
        """Return the noted offset of each partition; beyond it may lie articles that still wait in the outbox."""
        return dict(self._db.execute("SELECT partition, offset FROM acknowledged WHERE topic = ?", (topic,)))

    def oldest_waiting(self) -> dict[int, datetime]:
        """Return per shard the least `first_seen_at` that waits in the outbox."""
        rows = self._db.execute("SELECT shard, min(first_seen_at) FROM outbox GROUP BY shard")
        return {shard: from_us(at) for shard, at in rows}

    def ticks(self) -> dict[int, datetime]:
        """Return the last tick of each shard."""
        return {shard: from_us(at) for shard, at in self._db.execute("SELECT shard, at FROM ticks")}

    def save_ticks(self, ticks: Mapping[int, datetime]) -> None:
        """Write ticks before they are sent, so that none of a later process steps back."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO ticks VALUES (?, ?)", [(s, to_us(at)) for s, at in ticks.items()]
            )

    def _prepare(self, path: Path) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise ConfigError([Problem(str(path), 1, 1, f"is of version {version}; this program knows {_VERSION}")])
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")

    def _measure(self) -> tuple[int, int]:
        count, size = self._db.execute("SELECT count(*), coalesce(sum(length(value)), 0) FROM outbox").fetchone()
        return count, size

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)

    def _write_articles(self, feed_id: str, values: Sequence[tuple[Article, Seen, bytes]]) -> None:
        shard = shard_of(feed_id)
        schema = codec.schema_name(Article)
        last = self._db.execute("SELECT coalesce(max(place), 0) FROM seen WHERE feed_id = ?", (feed_id,)).fetchone()[0]
        self._db.executemany(
            "INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " content_hash = excluded.content_hash, revision = excluded.revision, url_key = excluded.url_key,"
            " shared = excluded.shared",
            [
                (feed_id, a.article_id, s.content_hash, s.revision, s.url_key, s.old, s.shared, place)
                for place, (a, s, _) in enumerate(values, last + 1)
            ],
        )
        self._db.executemany(
            "INSERT INTO outbox (shard, article_id, revision, first_seen_at, schema, value) VALUES (?, ?, ?, ?, ?, ?)",
            [(shard, a.article_id, a.revision, to_us(a.first_seen_at), schema, value) for a, _, value in values],
        )

    def _forget(self, feed_id: str, present: list[str]) -> None:
        """Forget the longest known articles beyond the bound, but none that the feed still shows."""
        count = self._db.execute("SELECT count(*) FROM seen WHERE feed_id = ?", (feed_id,)).fetchone()[0]
        if count > SEEN_PER_FEED:
            self._db.execute(
                "DELETE FROM seen WHERE feed_id = ?1 AND article_id IN (SELECT article_id FROM seen WHERE feed_id = ?1"
                " AND article_id NOT IN (SELECT value FROM json_each(?2)) ORDER BY place LIMIT ?3)",
                (feed_id, json.dumps(present), count - SEEN_PER_FEED),
            )


class _Transaction:
    """BEGIN to COMMIT, or ROLLBACK when the block raises."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
