"""Ticks: up to when everything a shard has first seen is on the broker, and which feeds answered meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from deskwatch.records import FeedHealth
from deskwatch.topics import SHARDS, shard_of
from producers.feeds.config import Feed
from producers.state.feedstate import FeedState

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

    def __init__(self, feeds: Iterable[Feed], states: Mapping[str, FeedState], now: datetime) -> None:
        self._ok: dict[str, bool] = {}
        self._untold: dict[int, list[FeedHealth]] = {shard: [] for shard in range(SHARDS)}
        for feed in feeds:
            before = _health_before(feed, states.get(feed.id), now)
            self._ok[feed.id] = before.ok
            self._untold[shard_of(feed.id)].append(before)

    def note(self, feed_id: str, ok: bool, at: datetime) -> bool:
        """Say how a poll ended; returns whether that changed the feed's health."""
        changed = self._ok.get(feed_id) is not ok
        if changed:
            self._ok[feed_id] = ok
            self._untold[shard_of(feed_id)].append(FeedHealth(feed_id=feed_id, ok=ok, since=at))
        return changed

    def untold(self, shard: int) -> tuple[FeedHealth, ...]:
        """Return the changes that the shard's next tick has to tell, oldest first."""
        return tuple(self._untold[shard][:MAX_HEALTH])

    def confirm(self, shard: int, count: int) -> None:
        """Forget the first `count` changes: a tick that told them is acknowledged."""
        del self._untold[shard][:count]

    def count(self, *, ok: bool) -> int:
        """Return how many feeds answer, or do not."""
        return sum(1 for value in self._ok.values() if value is ok)


def _health_before(feed: Feed, state: FeedState | None, now: datetime) -> FeedHealth:
    """Return a feed's health as a starting process has to report it; one never polled has not answered."""
    if state is None or state.last_success_at is None:
        return FeedHealth(feed_id=feed.id, ok=False, since=state.ok_since if state and state.ok_since else now)
    due = state.last_success_at + timedelta(seconds=feed.interval_s)
    if state.ok and now - state.last_success_at > 2 * timedelta(seconds=feed.interval_s):
        return FeedHealth(feed_id=feed.id, ok=False, since=due)
    return FeedHealth(feed_id=feed.id, ok=state.ok, since=state.ok_since or state.last_success_at)
