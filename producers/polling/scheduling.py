"""When which feed is polled: a heap of instants."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from producers.feeds.config import Feed
from producers.state.feedstate import FeedState

START_SPACING_S: Final = 0.25  # between first polls of new feeds: a restart with many must not hit them all at once


class Schedule:
    """Feeds by the time of their next poll.

    Args:
        feeds: All configured ones.
        states: What is remembered of them: a feed that was polled before keeps its time.
        now: Where new feeds begin.
        spread: Whether new feeds are spread over some time (at most their interval), or due at once.
    """

    def __init__(
        self, feeds: Sequence[Feed], states: Mapping[str, FeedState], now: datetime, *, spread: bool = True
    ) -> None:
        self._heap: list[tuple[datetime, str, Feed]] = []
        new = sum(feed.id not in states for feed in feeds)
        for feed in feeds:
            state = states.get(feed.id)
            at = state.next_poll_at if state is not None and state.next_poll_at is not None else now
            if state is not None:
                at = min(at, now + timedelta(days=1))  # a clock that was wrong must not silence a feed
            elif spread:
                at = now + timedelta(seconds=_phase(feed.id) * min(feed.interval_s, new * START_SPACING_S))
            self.add(feed, at)

    def add(self, feed: Feed, at: datetime) -> None:
        """Plan a poll."""
        heapq.heappush(self._heap, (at, feed.id, feed))

    def take_due(self, now: datetime, *, most: int | None = None) -> list[Feed]:
        """Return the feeds whose time has come, the longest overdue first, and forget them until they are added."""
        due: list[Feed] = []
        while self._heap and self._heap[0][0] <= now and (most is None or len(due) < most):
            due.append(heapq.heappop(self._heap)[2])
        return due

    def next_at(self) -> datetime | None:
        """Return when the next feed is due; None if none is planned."""
        return self._heap[0][0] if self._heap else None


def _phase(feed_id: str) -> float:
    """Return a number in [0, 1) that is always the same for a feed."""
    return int.from_bytes(hashlib.blake2b(feed_id.encode(), digest_size=4).digest(), "big") / 2**32
