"""What an owner of shards works with: the rest of a producer, seen from here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from deskwatch.feedrecords import Feed, FeedState


class Polls(Protocol):
    """What polls feeds."""

    def add(self, feeds: Iterable[Feed]) -> None:
        """Poll these feeds from now on."""

    def remove(self, feed_ids: Iterable[str]) -> None:
        """Start no further poll of these."""

    async def settle(self, feed_ids: Collection[str]) -> None:
        """Return when no poll of these is in flight."""


class ShardStore(Protocol):
    """What keeps the states of feeds."""

    def take_shard(self, shard: int, states: Iterable[FeedState], ticked_at: datetime | None) -> None:
        """Install what the topic holds, where it is newer."""

    def drop_shard(self, shard: int) -> None:
        """Forget what is not on disk."""

    def states(self) -> Mapping[str, FeedState]:
        """Return the states of the feeds that are ours."""

    def ticks(self) -> Mapping[int, datetime]:
        """Return the last tick of each shard."""


class Book(Protocol):
    """What ticks tell of feeds."""

    def add(
        self, feeds: Iterable[Feed], states: Mapping[str, FeedState], now: datetime, ticks: Mapping[int, datetime]
    ) -> None:
        """Begin to tell of feeds."""

    def remove(self, feed_ids: Iterable[str]) -> None:
        """Tell no more of feeds."""


class Sending(Protocol):
    """What moves the outbox to the broker."""

    async def send_batch(self, *, quiet: bool = False) -> int:
        """Send some of what waits, with `quiet` also what can wait long; returns 0 when nothing does."""

    async def rest(self) -> None:
        """Return when what is being sent at this moment is acknowledged or has failed."""

    def is_in_step(self) -> bool:
        """Return whether the broker has answered and nothing failed since."""


class Member(Protocol):
    """Our place in the group."""

    def start(self) -> None:
        """Join."""

    def close(self) -> None:
        """Leave."""

    def renew(self) -> None:
        """Leave and join again."""

    def is_current(self) -> bool:
        """Return whether nobody else can have our shards."""
