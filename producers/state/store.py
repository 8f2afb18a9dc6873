"""What a restart must know, in one SQLite file: feeds, their memories, unacknowledged articles, last ticks.

What a poll changes is written as a whole: the feed's validators never get ahead of its articles, and a process killed
at any moment finds each article either not seen yet or waiting in the outbox. Polls share transactions; `flush` ends
one, always before anything of it is sent. A power cut (not a kill) may take back the last transactions
(`synchronous=NORMAL`); then the articles are published once more under the same ids.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.feedrecords import FeedState
from deskwatch.records import Article
from deskwatch.topics import shard_of
from producers.state import outbox
from producers.state.memory import Memory, pack, unpack
from producers.state.outbox import Outbox, Waiting
from producers.state.rows import from_us, pack_state, to_us, unpack_state

FILE: Final = "producers.sqlite"
QUIET_POLLS: Final = 8  # polls that change nothing else are told to others only now and then: 2 KB a poll add up

_VERSION: Final = 2
_SCHEMA: Final = f"""{outbox.TABLES}
CREATE TABLE feeds (number INTEGER PRIMARY KEY, feed_id TEXT UNIQUE, shard INTEGER, state BLOB, serial INTEGER,
    unsent INTEGER, seq INTEGER);
CREATE INDEX feeds_unsent ON feeds (unsent) WHERE unsent > 0;
CREATE TABLE memories (number INTEGER PRIMARY KEY, seen BLOB);
CREATE TABLE ticks (shard INTEGER PRIMARY KEY, at INTEGER);
CREATE TABLE writer (id TEXT);
"""
_FIRST_VERSION: Final = ("feeds", "seen", "outbox", "acknowledged", "ticks")


class Store:
    """The state file, open and locked against a second producer.

    Args:
        directory: Where it lies; created if missing.
        shared: Whether other producers are told the feeds' states: then nothing is known of a shard until `take_shard`.

    Raises:
        ConfigError: another producer has it, or it is of a later version.
    """

    def __init__(self, directory: Path, *, shared: bool = False) -> None:
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
            self.writer = self._prepare(path)
            self._outbox = Outbox(self._db)
        except BaseException:
            self._db.close()
            os.close(self._lock)
            raise
        self._shared = shared
        self._states: dict[str, FeedState] = {}
        if not shared:  # a moment ago nothing of it was uncommitted
            self._states = read_states(path)

    def close(self) -> None:
        """Write what is not written yet, close the file and let others have it."""
        self.flush()
        self._db.close()
        os.close(self._lock)

    @property
    def waiting(self) -> int:
        """How many articles wait for the broker."""
        return self._outbox.count

    @property
    def waiting_bytes(self) -> int:
        """Their size."""
        return self._outbox.size

    def states(self) -> Mapping[str, FeedState]:
        """Return the states of all feeds that are ours and were ever polled, without `seen`."""
        return self._states

    def feed(self, feed_id: str) -> FeedState | None:
        """Return one feed's state, without `seen`; None if it was never polled."""
        return self._states.get(feed_id)

    def memory(self, feed_id: str) -> Memory:
        """Return what is remembered of a feed's items."""
        row = self._db.execute(
            "SELECT seen FROM feeds JOIN memories USING (number) WHERE feed_id = ?", (feed_id,)
        ).fetchone()
        return unpack(row[0]) if row else Memory()

    def record(self, state: FeedState, memory: Memory | None = None, articles: Sequence[Article] = ()) -> None:
        """Write what one poll changed: all of it or, when it raises, nothing.

        Args:
            state: The feed's new state.
            memory: What to remember of its items; None if that is unchanged.
            articles: New ones and revisions, oldest first.
        """
        before = self._states.get(state.feed_id)
        serial = (before.serial if before else 0) + 1
        state = replace(state, seen=b"", writer=self.writer, serial=serial)
        unsent = 0
        if self._shared:
            unsent = QUIET_POLLS if memory is not None or articles or _says_more(before, state) else 1
        with self._savepoint():
            seq = self._outbox.add(shard_of(state.feed_id), articles)
            self._write(state, unsent, seq if articles else 0)
            if memory is not None:
                self._remember(state.feed_id, pack(memory))
        self._states[state.feed_id] = state

    def flush(self) -> None:
        """Commit what polls have written."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def outbox(self, *, max_articles: int, max_bytes: int) -> list[Waiting]:
        """Return the oldest waiting articles, all committed: at least one if there is any, else within the bounds."""
        self.flush()
        return self._outbox.oldest(max_articles=max_articles, max_bytes=max_bytes)

    def outbox_ids(self) -> dict[tuple[str, int], int]:
        """Return id and revision of all waiting articles, with their number."""
        return self._outbox.ids()

    def acknowledge(self, seqs: Iterable[int], topic: str, offsets: Mapping[int, int]) -> None:
        """Take articles out of the outbox, and note up to which offset of each partition all is accounted for."""
        with self._savepoint():
            self._outbox.acknowledge(seqs, topic, offsets)
        self.flush()

    def acknowledged(self, topic: str) -> dict[int, int]:
        """Return the noted offset of each partition; beyond it may lie articles that still wait in the outbox."""
        return self._outbox.acknowledged(topic)

    def oldest_waiting(self) -> dict[int, datetime]:
        """Return per shard the least `first_seen_at` that waits in the outbox."""
        return self._outbox.oldest_by_shard()

    def ticks(self) -> dict[int, datetime]:
        """Return the last tick of each shard."""
        return {shard: from_us(at) for shard, at in self._db.execute("SELECT shard, at FROM ticks")}

    def save_ticks(self, ticks: Mapping[int, datetime]) -> None:
        """Write ticks before they are sent, so that none of a later process steps back."""
        with self._savepoint():
            self._db.executemany(
                "INSERT OR REPLACE INTO ticks VALUES (?, ?)", [(s, to_us(at)) for s, at in ticks.items()]
            )
        self.flush()

    def unsent_states(self, limit: int, shards: Collection[int], *, quiet: bool = False) -> list[FeedState]:
        """Return states that others have to be told, with `seen`: none whose articles wait in the outbox.

        Args:
            limit: At most so many.
            shards: Of these shards.
            quiet: Also those of which only the time of the next poll is new, for a hand-over.
        """
        self.flush()
        rows = self._db.execute(
            "SELECT state, seen FROM feeds LEFT JOIN memories USING (number) WHERE unsent >= ?"
            " AND seq < coalesce((SELECT min(seq) FROM outbox), seq + 1)"
            " AND shard IN (SELECT value FROM json_each(?)) LIMIT ?",
            (1 if quiet else QUIET_POLLS, json.dumps(sorted(shards)), limit),
        )
        return [replace(unpack_state(state), seen=seen or b"") for state, seen in rows]

    def confirm_states(self, states: Iterable[FeedState]) -> None:
        """Note that others have been told these states; what changed since stays to be told."""
        with self._savepoint():
            self._db.executemany(
                "UPDATE feeds SET unsent = 0 WHERE feed_id = ? AND serial = ?",
                [(state.feed_id, state.serial) for state in states],
            )

    def take_shard(self, shard: int, states: Iterable[FeedState], ticked_at: datetime | None) -> None:
        """Make a shard ours, as the others left it.

        Where the last word on a feed was ours, our own state holds: it may be newer than what was told. Elsewhere
        theirs replaces it.
        """
        own = {
            state.feed_id: state
            for (packed,) in self._db.execute("SELECT state FROM feeds WHERE shard = ?", (shard,))
            if (state := unpack_state(packed)).writer == self.writer
        }
        with self._savepoint():
            for told in states:
                mine = own.get(told.feed_id)
                if mine is not None and told.writer == self.writer and told.serial <= mine.serial:
                    continue
                own[told.feed_id] = replace(told, seen=b"")
                self._write(own[told.feed_id], 0, 0)
                self._remember(told.feed_id, told.seen)
            known = self.ticks().get(shard)
            if ticked_at is not None and (known is None or ticked_at > known):
                self._db.execute("INSERT OR REPLACE INTO ticks VALUES (?, ?)", (shard, to_us(ticked_at)))
        self.flush()
        self._states |= own

    def drop_shard(self, shard: int) -> None:
        """Forget that a shard is ours; its rows stay, for the case that it comes back."""
        self.flush()
        self._states = {id_: state for id_, state in self._states.items() if shard_of(id_) != shard}

    def _write(self, state: FeedState, unsent: int, seq: int) -> None:
        self._db.execute(
            "INSERT INTO feeds (feed_id, shard, state, serial, unsent, seq) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET state = excluded.state,"
            " serial = excluded.serial, unsent = unsent + excluded.unsent, seq = max(seq, excluded.seq)",
            (state.feed_id, shard_of(state.feed_id), pack_state(state), state.serial, unsent, seq),
        )

    def _remember(self, feed_id: str, seen: bytes) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO memories VALUES ((SELECT number FROM feeds WHERE feed_id = ?), ?)", (feed_id, seen)
        )

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        """Do the block whole or not at all, within the transaction that is open or begins here."""
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("SAVEPOINT one")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # some errors, such as a full disk, have ended it already
                self._db.execute("ROLLBACK TO one")
            self._outbox.restore()
            raise
        self._db.execute("RELEASE one")

    def _prepare(self, path: Path) -> str:
        """Make the tables that are missing, and return the file's name for itself."""
        self._db.execute("PRAGMA page_size = 16384")  # rows are of 300 to 3,000 bytes
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise ConfigError([Problem(str(path), 1, 1, f"is of version {version}; this program knows {_VERSION}")])
        if version < _VERSION:
            # Ids of articles changed with version 2, so the first one's memory is of no use: its feeds begin anew.
            drops = "".join(f"DROP TABLE IF EXISTS {name};" for name in _FIRST_VERSION)
            self._db.executescript(f"BEGIN; {drops} {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
            self._db.execute("INSERT INTO writer VALUES (?)", (secrets.token_hex(8),))
        writer: str = self._db.execute("SELECT id FROM writer").fetchone()[0]
        return writer


def read_states(path: Path) -> dict[str, FeedState]:
    """Return the states in a state file, without `seen`; also beside the producer that uses it, or if there is none."""
    if not path.exists():
        return {}
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            return {}
        return {
            state.feed_id: state for state in (unpack_state(row[0]) for row in db.execute("SELECT state FROM feeds"))
        }
    finally:
        db.close()


def _says_more(before: FeedState | None, after: FeedState) -> bool:
    """Return whether others need to know more than when the feed is polled next."""
    return before is None or any(
        getattr(before, name) != getattr(after, name)
        for name in ("etag", "last_modified", "condition", "ok", "url", "moved_to", "errors", "identity")
    )
