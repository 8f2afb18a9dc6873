from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from prometheus_client import CollectorRegistry

from deskwatch import codec
from deskwatch.clock import SteppedClock
from deskwatch.errors import PublishError
from deskwatch.feedrecords import Feed, FeedState
from deskwatch.topics import SHARDS, shard_of
from producers.metrics import Metrics
from producers.sharing.loading import Held
from producers.sharing.owning import Owner, SoleOwner

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
DEADLINE_S = 5


def feed_of(shard: int, number: int = 0, url: str = "") -> Feed:
    found = (f"feed-{n}" for n in range(10_000) if shard_of(f"feed-{n}") == shard)
    for _ in range(number):
        next(found)
    id_ = next(found)
    return Feed(id=id_, url=url or f"https://{id_}.example/rss", source="S")


class Message(NamedTuple):
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]
    topic: str = "feeds"


def message(feed: Feed | str, offset: int) -> Message:
    id_ = feed if isinstance(feed, str) else feed.id
    value, headers = (None, []) if isinstance(feed, str) else (codec.encode(feed), codec.headers_of(feed))
    return Message(shard_of(id_), offset, id_.encode(), value, headers)


class World:
    """Polling, store, health book, sending, group and topics of one producer; `happened` is in order."""

    def __init__(self) -> None:
        self.happened: list[Any] = []
        self.polled: dict[str, Feed] = {}
        self.busy: set[str] = set()  # feeds with a poll in flight
        self.told: set[str] = set()  # feeds the ticks tell of
        self.taken: dict[int, list[FeedState]] = {}
        self.ticked: dict[int, datetime] = {}
        self.waiting = 0  # records for the broker
        self.reachable = True
        self.current = True
        self.held = {shard: Held(feeds={feed_of(shard).id: feed_of(shard)}, feeds_end=10) for shard in range(SHARDS)}

    # polling
    def add(self, feeds: Iterable[Feed], *_: Any) -> None:
        for feed in feeds:
            self.polled[feed.id] = feed

    def remove(self, feed_ids: Iterable[str]) -> None:
        for feed_id in feed_ids:
            self.polled.pop(feed_id, None)

    async def settle(self, feed_ids: Collection[str]) -> None:
        while self.busy & set(feed_ids):
            await asyncio.sleep(0.001)
        self.happened.append("settled")

    # store
    def take_shard(self, shard: int, states: Iterable[FeedState], ticked_at: datetime | None) -> None:
        self.taken[shard] = list(states)
        if ticked_at:
            self.ticked[shard] = ticked_at

    def drop_shard(self, shard: int) -> None:
        del self.taken[shard]
        self.happened.append(f"dropped {shard}")

    def states(self) -> Mapping[str, FeedState]:
        return {}

    def ticks(self) -> Mapping[int, datetime]:
        return self.ticked

    # sending
    async def send_batch(self, *, quiet: bool = False) -> int:
        if not self.reachable:
            raise PublishError("articles", "no answer")
        sent, self.waiting = self.waiting, 0
        if sent:
            self.happened.append(("sent", sent, "quiet" if quiet else ""))
        return sent

    async def rest(self) -> None:
        self.happened.append("rested")

    def is_in_step(self) -> bool:
        return self.reachable

    # the group
    def start(self) -> None:
        self.happened.append("joined")

    def close(self) -> None:
        self.happened.append("left")

    def renew(self) -> None:
        self.happened.append("renewed")

    def is_current(self) -> bool:
        return self.current

    # the topics
    def load(self, shards: Collection[int]) -> Mapping[int, Held]:
        if not self.reachable:
            raise PublishError("feeds", "no answer")
        return {shard: self.held[shard] for shard in shards}


class Book:
    def __init__(self, world: World) -> None:
        self._world = world

    def add(self, feeds: Iterable[Feed], *_: Any) -> None:
        self._world.told |= {feed.id for feed in feeds}

    def remove(self, feed_ids: Iterable[str]) -> None:
        self._world.told -= set(feed_ids)


Scenario = Callable[[World, Owner], Coroutine[Any, Any, None]]


def play(scenario: Scenario, *, patience_s: float = DEADLINE_S, monotonic: Callable[[], float] | None = None) -> World:
    world = World()
    registry = CollectorRegistry()

    async def run() -> None:
        owner = Owner(
            world,
            world,
            Book(world),
            SteppedClock(NOW),
            Metrics(registry),
            load=world.load,
            load_feeds=lambda: {},
            patience_s=patience_s,
            watch_s=0.01,
            retry_s=0.01,
            **({"monotonic": monotonic} if monotonic else {}),
        )
        running = asyncio.create_task(owner.run(world, world))
        async with asyncio.timeout(DEADLINE_S):
            await until(lambda: "joined" in world.happened)
            await scenario(world, owner)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    return world


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def given(owner: Owner, *shards: int) -> None:
    owner.grant(set(shards))
    await until(lambda: set(shards) <= set(owner.shards()))


def test_a_shard_that_is_given_is_polled_and_told_of_with_what_the_topics_hold() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        told = FeedState(feed_id=feed_of(3).id, serial=7)
        world.held[3] = Held(feeds=world.held[3].feeds, feeds_end=10, states={told.feed_id: told}, ticked_at=NOW)
        assert list(owner.shards()) == []
        await given(owner, 3, 5)
        assert set(world.polled) == world.told == {feed_of(3).id, feed_of(5).id}
        assert world.taken == {3: [told], 5: []}
        assert world.ticked == {3: NOW}

    play(scenario)


def test_a_shard_is_given_back_only_when_polls_have_ended_and_all_is_sent() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        await given(owner, 1, 2)
        world.busy, world.waiting = {feed_of(1).id}, 3
        is_done = owner.revoke({1})
        await until(lambda: feed_of(1).id not in world.polled)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not is_done()
        assert set(owner.shards()) == {1, 2}, "its states may still be sent"
        world.busy.clear()
        await until(is_done)
        assert world.happened[1:] == ["settled", ("sent", 3, "quiet"), "dropped 1", "rested"]
        assert set(owner.shards()) == {2}
        assert set(world.polled) == world.told == {feed_of(2).id}

    play(scenario)


def test_a_hand_over_ends_when_patience_does() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        await given(owner, 1)
        world.busy = {feed_of(1).id}
        await until(owner.revoke({1}))
        assert list(owner.shards()) == []

    assert "settled" not in play(scenario, patience_s=0.02).happened


def test_a_broker_that_is_away_does_not_hold_a_hand_over_for_ever() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        await given(owner, 1)
        world.waiting, world.reachable = 3, False
        await until(owner.revoke({1}))

    assert play(scenario, patience_s=0.02).waiting == 3


def test_a_producer_that_was_stopped_speaks_for_no_shard_until_the_group_confirms_it() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        await given(owner, 1, 2)
        world.current = False
        assert list(owner.shards()) == []
        world.current = True
        assert set(owner.shards()) == {1, 2}

    play(scenario)


def test_it_is_in_doubt_only_while_somebody_could_have_been_given_its_shards() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        assert not owner.is_in_doubt()
        world.current = False
        assert owner.is_in_doubt()
        world.reachable = False
        assert not owner.is_in_doubt()

    play(scenario)


def test_shards_that_others_have_already_are_dropped_without_a_word() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        await given(owner, 1, 2)
        world.waiting = 3
        owner.lose({1, 2})
        await until(lambda: not owner.shards())
        assert not world.polled
        assert not world.told

    world = play(scenario)
    assert world.happened == ["joined", "dropped 1", "dropped 2"]


def test_state_that_cannot_be_read_is_tried_again_as_long_as_the_shard_is_ours() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        world.reachable = False
        owner.grant({1, 2})
        await asyncio.sleep(0.01)
        owner.lose({1})
        world.reachable = True
        await until(lambda: set(owner.shards()) == {2})

    play(scenario)


def test_changes_of_feeds_are_followed_and_those_known_already_are_not() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        await given(owner, 1)
        old, new = feed_of(1), feed_of(1, 1)
        moved = feed_of(1, 0, url="https://moved.example/rss")
        owner.hear([message(feed_of(1, 0, url="https://of-old.example/"), 9), message(new, 10), message(moved, 11)])
        await until(lambda: world.polled.get(old.id) == moved)
        assert world.polled == {old.id: moved, new.id: new}
        assert world.told == {old.id, new.id}
        owner.hear([message(old.id, 12), message(new, 13)])
        await until(lambda: set(world.polled) == {new.id})
        assert world.told == {new.id}

    play(scenario)


def test_bytes_that_are_no_feed_change_nothing() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        await given(owner, 1)
        good = feed_of(1, 1)
        bad: Sequence[Message] = [
            message(good, 10)._replace(value=b"{"),
            message(good, 11)._replace(headers=[]),
            message(good, 12)._replace(key=b"another"),
            message(feed_of(1).id, 13)._replace(key=b"\xff"),
            message(good, 14),
        ]
        owner.hear(bad)
        await until(lambda: good.id in world.polled)
        assert set(world.polled) == {feed_of(1).id, good.id}

    play(scenario)


def test_leaving_hands_everything_over_first_and_takes_nothing_more() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        await given(owner, 1)
        world.waiting = 2
        await owner.leave(DEADLINE_S)
        owner.grant({2})
        await asyncio.sleep(0.01)
        assert list(owner.shards()) == []

    assert play(scenario).happened == ["joined", "settled", ("sent", 2, "quiet"), "dropped 1", "rested", "left"]


def test_who_hears_nothing_from_the_group_though_the_broker_answers_joins_anew() -> None:
    ticks = iter(range(0, 100_000, 40))

    async def scenario(world: World, _owner: Owner) -> None:
        world.current = False
        await until(lambda: "renewed" in world.happened)

    play(scenario, monotonic=lambda: next(ticks))


def test_a_fault_of_ours_ends_the_service() -> None:
    async def scenario(world: World, owner: Owner) -> None:
        world.held.clear()
        running = asyncio.create_task(owner.run(world, world))
        owner.grant({1})
        with pytest.raises(KeyError):
            await running

    play(scenario)


def test_who_shares_with_nobody_has_all_shards() -> None:
    assert set(SoleOwner().shards()) == set(range(SHARDS))


def test_the_feeds_of_the_tests_lie_where_they_should() -> None:
    assert {shard_of(feed_of(shard, n).id) for shard in range(SHARDS) for n in range(2)} == set(range(SHARDS))
