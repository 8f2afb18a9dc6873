from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deskwatch import codec
from deskwatch.errors import ConfigError
from deskwatch.records import Article
from deskwatch.topics import shard_of
from producers.fetching.fetcher import Validators
from producers.identity.keys import Seen
from producers.state.feedstate import FeedState
from producers.state.store import FILE, Store
from producers.state import store as state

NOW = datetime(2026, 3, 1, 6, 0, 0, 123456, tzinfo=UTC)
FEED = FeedState(
    feed_id="post",
    url="https://post.example/rss",
    validators=Validators('W/"1"', "Sun"),
    body_hash="b",
    next_poll_at=NOW + timedelta(minutes=5),
    last_success_at=NOW,
    errors=2,
    ok=True,
    ok_since=NOW - timedelta(days=1),
    newest_at=NOW - timedelta(hours=1),
)


def article(id_: str, *, revision: int = 0, seen_at: datetime = NOW, summary: str = "") -> tuple[Article, Seen]:
    made = Article(
        article_id=id_, feed_id="post", source="P", url="", title=id_, summary=summary, revision=revision,
        first_seen_at=seen_at, fetched_at=seen_at,
    )  # fmt: skip
    return made, Seen(content_hash=f"h{revision}", revision=revision, url_key=f"u-{id_}", old=revision == 0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    try:
        yield store
    finally:
        store.close()


def test_all_of_it_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.record(FEED, [article("a"), article("b", seen_at=NOW + timedelta(seconds=1))], present=["a", "b"])
    first.save_ticks({3: NOW})
    first.acknowledge([1], "articles", {0: 17})
    first.close()
    second = Store(tmp_path)
    assert second.feeds() == {"post": FEED}
    assert second.feed("post") == FEED
    assert second.feed("other") is None
    assert second.seen("post", ["a", "b", "c"]) == {"a": article("a")[1], "b": article("b")[1]}
    (waiting,) = second.outbox(max_articles=10, max_bytes=10**6)
    assert codec.decode(waiting.value, [(codec.HEADER, waiting.schema.encode())]).article_id == "b"
    assert second.oldest_waiting() == {shard_of("post"): NOW + timedelta(seconds=1)}
    assert (second.ticks(), second.acknowledged("articles"), second.acknowledged("else")) == ({3: NOW}, {0: 17}, {})
    assert (second.waiting, second.waiting_bytes) == (1, len(waiting.value))
    second.close()


def test_a_poll_is_written_whole_or_not_at_all(store: Store) -> None:
    twice = [article("a"), article("b")]
    store.record(FEED, [twice[0]])
    store._db.execute("CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(sqlite3.Error, match="disk full"):
        store.record(FeedState(feed_id="post", url="new"), [twice[1]])
    assert store.feed("post") == FEED
    assert store.seen("post", ["b"]) == {}
    assert store.waiting == 1


def test_the_outbox_comes_oldest_first_and_within_bounds(store: Store) -> None:
    store.record(FEED, [article(f"a{n}", summary="x" * 1_000) for n in range(5)])
    assert [w.article_id for w in store.outbox(max_articles=2, max_bytes=10**6)] == ["a0", "a1"]
    assert [w.article_id for w in store.outbox(max_articles=9, max_bytes=2_700)] == ["a0", "a1"]
    assert len(store.outbox(max_articles=9, max_bytes=1)) == 1, "a large article still moves"
    assert store.outbox_ids()["a4", 0] == 5


def test_a_revision_updates_what_is_remembered_but_not_that_it_is_old(store: Store) -> None:
    store.record(FEED, [article("a")])
    store.record(FEED, [article("a", revision=1)], shared=["a"])
    assert store.seen("post", ["a"]) == {"a": Seen(content_hash="h1", revision=1, url_key="u-a", old=True, shared=True)}
    assert set(store.outbox_ids()) == {("a", 0), ("a", 1)}


def test_memory_is_bounded_but_what_the_feed_still_shows_stays(store: Store) -> None:
    evergreen = article("evergreen")
    store.record(FEED, [evergreen], present=["evergreen"])
    for batch in range(6):
        ids = [f"n{batch}-{n}" for n in range(state.SEEN_PER_FEED // 5)]
        store.record(FEED, [article(id_) for id_ in ids], present=["evergreen", *ids])
    (count,) = store._db.execute("SELECT count(*) FROM seen").fetchone()
    assert count == state.SEEN_PER_FEED
    known = store.seen("post", ["evergreen", "n0-0", "n5-0"])
    assert set(known) == {"evergreen", "n5-0"}


def test_a_second_producer_on_the_same_state_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="another producer"):
        Store(tmp_path)


def test_state_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match="version 99"):
        Store(tmp_path)
