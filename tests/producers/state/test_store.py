from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from deskwatch import codec
from deskwatch.errors import ConfigError
from deskwatch.feedrecords import Condition, FeedState
from deskwatch.records import Article
from deskwatch.topics import SHARDS, shard_of
from producers.state.memory import Memory, Seen, pack
from producers.state.store import FILE, QUIET_POLLS, Store, read_states

NOW = datetime(2026, 3, 1, 6, 0, 0, 123456, tzinfo=UTC)
FEED = FeedState(feed_id="post", url="https://post.example/rss", etag='W/"1"', next_poll_at=NOW, ok=True)
SHARD = shard_of("post")
MEMORY = Memory().after([Seen(key=b"aaaaaa", url=b"bbbb", content=b"cccc", digest=b"ddddd")])


def article(id_: str, *, revision: int = 0, seen_at: datetime = NOW, summary: str = "") -> Article:
    return Article(
        article_id=id_, feed_id="post", source="P", url="", title=id_, summary=summary, revision=revision,
        first_seen_at=seen_at, fetched_at=seen_at,
    )  # fmt: skip


def plain(state: FeedState | None) -> FeedState | None:
    """Return a state without who wrote it."""
    return None if state is None else replace(state, writer="", serial=0, seen=b"")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "shared", shared=True)
    try:
        yield store
    finally:
        store.close()


def test_all_of_it_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.record(FEED, MEMORY, [article("a"), article("b", seen_at=NOW + timedelta(seconds=1))])
    first.save_ticks({3: NOW})
    first.acknowledge([1], "articles", {0: 17})
    first.close()
    second = Store(tmp_path)
    assert plain(second.feed("post")) == FEED
    assert set(second.states()) == {"post"}
    assert second.feed("other") is None
    assert (second.memory("post"), second.memory("other")) == (MEMORY, Memory())
    (waiting,) = second.outbox(max_articles=10, max_bytes=10**6)
    decoded = codec.decode(waiting.value, [(codec.HEADER, waiting.schema.encode())])
    assert isinstance(decoded, Article)
    assert decoded.article_id == "b"
    assert second.oldest_waiting() == {SHARD: NOW + timedelta(seconds=1)}
    assert (second.ticks(), second.acknowledged("articles"), second.acknowledged("else")) == ({3: NOW}, {0: 17}, {})
    assert (second.waiting, second.waiting_bytes) == (1, len(waiting.value))
    assert second.writer == first.writer
    second.close()


def test_a_poll_is_written_whole_or_not_at_all_and_costs_others_nothing(store: Store, tmp_path: Path) -> None:
    store.record(FEED, MEMORY, [article("a")])
    store._db.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(sqlite3.Error, match="disk full"):
        store.record(replace(FEED, etag="new"), Memory(), [article("b")])
    store._db.execute("DROP TRIGGER full")
    assert plain(store.feed("post")) == FEED
    assert store.memory("post") == MEMORY
    store.record(replace(FEED, feed_id="other"), None, [article("c")])
    store.flush()
    assert set(read_states(tmp_path / FILE)) == {"post", "other"}
    assert [w.article_id for w in store.outbox(max_articles=9, max_bytes=10**6)] == ["a", "c"]
    assert store.waiting == 2


def test_what_is_not_flushed_is_gone_with_the_process_as_a_whole(store: Store, tmp_path: Path) -> None:
    store.record(FEED, MEMORY, [article("a")])
    assert read_states(tmp_path / FILE) == {}
    assert [w.article_id for w in store.outbox(max_articles=9, max_bytes=10**6)] == ["a"]
    assert set(read_states(tmp_path / FILE)) == {"post"}, "nothing is sent that is not committed"


def test_the_outbox_comes_oldest_first_and_within_bounds(store: Store) -> None:
    store.record(FEED, None, [article(f"a{n}", summary="x" * 1_000) for n in range(5)])
    assert [w.article_id for w in store.outbox(max_articles=2, max_bytes=10**6)] == ["a0", "a1"]
    assert [w.article_id for w in store.outbox(max_articles=9, max_bytes=2_700)] == ["a0", "a1"]
    assert len(store.outbox(max_articles=9, max_bytes=1)) == 1, "a large article still moves"
    assert store.outbox_ids()["a4", 0] == 5


def test_numbers_of_the_outbox_are_never_used_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.record(FEED, None, [article("a")])
    store.acknowledge([1], "articles", {})
    store.close()
    again = Store(tmp_path)
    again.record(FEED, None, [article("b")])
    assert again.outbox_ids() == {("b", 0): 2}
    again.close()


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
    assert read_states(tmp_path / FILE) == {}


def test_state_of_the_first_version_gives_way(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / FILE)
    db.executescript("CREATE TABLE feeds (feed_id TEXT); CREATE TABLE seen (x); PRAGMA user_version = 1;")
    db.close()
    store = Store(tmp_path)
    store.record(FEED)
    assert set(store.states()) == {"post"}
    store.close()


def test_others_are_told_of_a_feed_once_its_articles_are_on_the_broker(shared: Store) -> None:
    shared.record(FEED, MEMORY, [article("a")])
    shared.record(replace(FEED, feed_id="quiet"))
    every = range(SHARDS)
    assert [s.feed_id for s in shared.unsent_states(9, every)] == ["quiet"]
    shared.acknowledge([1], "articles", {})
    told = {s.feed_id: s for s in shared.unsent_states(9, every)}
    assert set(told) == {"post", "quiet"}
    assert (told["post"].seen, told["post"].writer, told["post"].serial) == (pack(MEMORY), shared.writer, 1)
    shared.record(replace(FEED, etag="newer"))
    shared.confirm_states(told.values())
    assert [s.etag for s in shared.unsent_states(9, every)] == ["newer"], "it changed after it was told"
    assert shared.unsent_states(9, {(SHARD + 1) % SHARDS}) == []


def test_polls_without_news_are_told_now_and_then_or_at_a_hand_over(shared: Store) -> None:
    shared.record(FEED)
    shared.confirm_states(shared.unsent_states(9, {SHARD}))
    shared.record(replace(FEED, next_poll_at=NOW + timedelta(minutes=5)))
    assert shared.unsent_states(9, {SHARD}) == []
    assert len(shared.unsent_states(9, {SHARD}, quiet=True)) == 1
    for n in range(QUIET_POLLS):
        shared.record(replace(FEED, next_poll_at=NOW + timedelta(minutes=6 + n)))
    assert len(shared.unsent_states(9, {SHARD})) == 1


def test_one_producer_alone_tells_nobody(store: Store) -> None:
    store.record(FEED, MEMORY, [])
    assert store.unsent_states(9, range(SHARDS), quiet=True) == []


def test_a_shard_comes_as_the_last_owner_left_it(shared: Store) -> None:
    theirs = replace(FEED, etag="theirs", seen=pack(MEMORY), writer="other", serial=7)
    shared.take_shard(SHARD, [theirs], NOW)
    known = shared.feed("post")
    assert known is not None
    assert (known.etag, known.serial, shared.memory("post")) == ("theirs", 7, MEMORY)
    assert shared.ticks() == {SHARD: NOW}
    shared.record(replace(known, condition=Condition.OK))
    assert [(s.serial, s.writer) for s in shared.unsent_states(9, {SHARD})] == [(8, shared.writer)]


def test_what_nobody_was_told_yet_holds_when_the_last_word_was_ours(tmp_path: Path) -> None:
    first = Store(tmp_path, shared=True)
    first.record(FEED)
    (told,) = first.unsent_states(9, {SHARD})
    first.record(replace(FEED, etag="newer"), MEMORY)
    first.save_ticks({SHARD: NOW + timedelta(hours=1)})
    first.close()
    back = Store(tmp_path, shared=True)
    assert back.feed("post") is None
    back.take_shard(SHARD, [told], NOW)
    mine = back.feed("post")
    assert mine is not None
    assert (mine.etag, back.memory("post")) == ("newer", MEMORY)
    assert back.ticks() == {SHARD: NOW + timedelta(hours=1)}, "a tick never steps back"
    assert [s.etag for s in back.unsent_states(9, {SHARD})] == ["newer"]
    back.drop_shard(SHARD)
    assert back.feed("post") is None
    back.take_shard(SHARD, [replace(told, etag="another's", writer="other", serial=2)], None)
    other = back.feed("post")
    assert other is not None
    assert other.etag == "another's", "somebody else has polled it meanwhile"
    back.close()
