"""What is remembered of one feed between two polls, and its row in the state file."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from producers.fetching.fetcher import Validators

TABLE: Final = """
CREATE TABLE feeds (feed_id TEXT PRIMARY KEY, url TEXT, etag TEXT, last_modified TEXT, body_hash TEXT,
    next_poll_at INTEGER, last_success_at INTEGER, errors INTEGER, ok INTEGER, ok_since INTEGER,
    newest_at INTEGER);
"""

_SELECT: Final = (
    "SELECT feed_id, url, etag, last_modified, body_hash, next_poll_at, last_success_at, errors, ok, ok_since,"
    " newest_at FROM feeds"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class FeedState(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of one feed. `ok` says whether the last poll brought an answer, `ok_since` from when on."""

    feed_id: str
    url: str
    validators: Validators = Validators()
    body_hash: str = ""
    next_poll_at: datetime | None = None
    last_success_at: datetime | None = None
    errors: int = 0  # failed polls in a row
    ok: bool = False
    ok_since: datetime | None = None
    newest_at: datetime | None = None  # the latest trusted publication time in it so far


def write_feed(db: sqlite3.Connection, feed: FeedState) -> None:
    """Write a feed's state, within the caller's transaction."""
    db.execute(
        "INSERT OR REPLACE INTO feeds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            feed.feed_id,
            feed.url,
            feed.validators.etag,
            feed.validators.last_modified,
            feed.body_hash,
            to_us(feed.next_poll_at),
            to_us(feed.last_success_at),
            feed.errors,
            feed.ok,
            to_us(feed.ok_since),
            to_us(feed.newest_at),
        ),
    )


def read_feeds(db: sqlite3.Connection, feed_id: str | None = None) -> dict[str, FeedState]:
    """Return the state of one or all feeds; also for a reader beside the producer."""
    rows = db.execute(_SELECT) if feed_id is None else db.execute(f"{_SELECT} WHERE feed_id = ?", (feed_id,))
    return {
        row[0]: FeedState(
            feed_id=row[0],
            url=row[1],
            validators=Validators(row[2], row[3]),
            body_hash=row[4],
            next_poll_at=from_us(row[5]) if row[5] is not None else None,
            last_success_at=from_us(row[6]) if row[6] is not None else None,
            errors=row[7],
            ok=bool(row[8]),
            ok_since=from_us(row[9]) if row[9] is not None else None,
            newest_at=from_us(row[10]) if row[10] is not None else None,
        )
        for row in rows
    }


def to_us(at: datetime | None) -> int | None:
    """Return a time as whole microseconds since 1970, as the state file has it."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    """Return the time that `to_us` stored."""
    return _EPOCH + value * _MICROSECOND
