"""Ticks: up to when everything a shard has first seen is on the broker, and which feeds answered meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from deskwatch.feedrecords import Feed, FeedState
from deskwatch.records import FeedHealth
from deskwatch.topics import SHARDS, shard_of

MAX_HEALTH: Final = 5_000  # per tick; the rest goes with the next


def next_tick(now: datetime, *, last: datetime | None, oldest_waiting: datetime | None) -> datetime:
    """Return the instant before which all that the shard first saw is acknowledged; it never steps back.

    Args:
        now: The clock.
        last: The shard's last tick.
        oldest_waiting: The least `first_seen_at` of the shard's articles without acknowledgement.
    """
    at = now if oldest_waiting is None else min(now, oldest_waiting)
    return at if last is None else max(at, last)


def first_seen(now: datetime, *, last: datetime | None) -> datetime:
    """Return the `first_seen_at` of what is seen now: no tick of its shard lies after it."""
    return now if last is None else max(now, last)


class HealthBook:
    """Which feeds answer, and what of it the ticks have not said yet.

    The first word on each feed of a new process is what was true before it: a feed last heard of more than two
    intervals ago did not answer since it was due, whatever it does now.
    """

    def __init__(
        self,
        feeds: Iterable[Feed],
        states: Mapping[str, FeedState],
        now: datetime,
        ticks: Mapping[int, datetime] = MappingProxyType({}),
    ) -> None:
        self._ok: dict[str, bool] = {}
        self._untold: dict[int, list[FeedHealth]] = {shard: [] for shard in range(SHARDS)}
        self.add(feeds, states, now, ticks)

    def add(
        self,
        feeds: Iterable[Feed],
        states: Mapping[str, FeedState],
        now: datetime,
        ticks: Mapping[int, datetime] = MappingProxyType({}),
    ) -> None:
        """Begin to tell of feeds, with what was true before.

        Args:
            feeds: The feeds.
            states: What is remembered of them.
            now: The clock.
            ticks: The last tick of each shard: until then all was told, also where `states` is a little behind.
        """
        for feed in feeds:
            shard = shard_of(feed.id)
            before = _health_before(feed, states.get(feed.id), now, ticks.get(shard))
            self._ok[feed.id] = before.ok
            self._untold[shard].append(before)

    def remove(self, feed_ids: Iterable[str]) -> None:
        """Tell no more of feeds, and nothing of what happened to them."""
        gone = set(feed_ids) & self._ok.keys()
        for feed_id in gone:
            del self._ok[feed_id]
        for shard in {shard_of(feed_id) for feed_id in gone}:
            self._untold[shard] = [health for health in self._untold[shard] if health.feed_id not in gone]

    def note(self, feed_id: str, ok: bool, at: datetime) -> bool:
        """Say how a poll ended; returns whether that changed the feed's health.

        A poll that outlasted its feed's time with us changes nothing: others tell of it now.
        """
        changed = self._ok.get(feed_id, ok) is not ok
        if changed:
            self._ok[feed_id] = ok
            self._untold[shard_of(feed_id)].append(FeedHealth(feed_id=feed_id, ok=ok, since=at))
        return changed

    def untold(self, shard: int) -> tuple[FeedHealth, ...]:
        """Return the changes that the shard's next tick has to tell, oldest first."""
        return tuple(self._untold[shard][:MAX_HEALTH])

    def confirm(self, shard: int, told: Iterable[FeedHealth]) -> None:
        """Forget changes that an acknowledged tick has told."""
        done = {id(health) for health in told}
        self._untold[shard] = [health for health in self._untold[shard] if id(health) not in done]


def _health_before(feed: Feed, state: FeedState | None, now: datetime, ticked_at: datetime | None) -> FeedHealth:
    """Return a feed's health as a new owner has to report it; one never polled has not answered."""
    if state is None or state.last_success_at is None:
        return FeedHealth(feed_id=feed.id, ok=False, since=state.ok_since if state and state.ok_since else now)
    interval = timedelta(seconds=feed.interval_s or state.interval_s)
    told_at = state.last_success_at if ticked_at is None else max(state.last_success_at, ticked_at)
    if state.ok and now - told_at > 2 * interval:
        return FeedHealth(feed_id=feed.id, ok=False, since=max(state.last_success_at + interval, told_at))
    return FeedHealth(feed_id=feed.id, ok=state.ok, since=state.ok_since or state.last_success_at)
