"""When which feed is polled: a heap of instants."""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta
from typing import Final

from deskwatch.feedrecords import Feed, FeedState
from producers.polling.phases import phase
from producers.polling.planning import due_at

START_SPACING_S: Final = 0.25  # between first polls of new feeds: a start with many must not hit them all at once
START_SPREAD_S: Final = 300.0  # at most


class Schedule:
    """Feeds by the time of their next poll."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str]] = []
        self._planned: dict[str, tuple[datetime, Feed]] = {}  # the heap's other entries are out of date

    def __len__(self) -> int:
        """Return how many feeds are planned."""
        return len(self._planned)

    def add(self, feed: Feed, at: datetime) -> None:
        """Plan a feed's next poll, instead of any planned before."""
        self._planned[feed.id] = (at, feed)
        heapq.heappush(self._heap, (at, feed.id))

    def remove(self, feed_id: str) -> None:
        """Plan no poll of this feed any more."""
        self._planned.pop(feed_id, None)

    def take_due(self, now: datetime, *, most: int | None = None) -> list[tuple[datetime, Feed]]:
        """Return the feeds whose time has come, with that time, the longest overdue first; they are planned no more."""
        due: list[tuple[datetime, Feed]] = []
        while (most is None or len(due) < most) and (at := self.next_at()) is not None and at <= now:
            due.append(self._planned.pop(heapq.heappop(self._heap)[1]))
        return due

    def next_at(self) -> datetime | None:
        """Return when the next feed is due; None if none is planned."""
        while self._heap:
            at, feed_id = self._heap[0]
            planned = self._planned.get(feed_id)
            if planned is not None and planned[0] == at:
                return at
            heapq.heappop(self._heap)
        return None


def plan_first(feed: Feed, state: FeedState | None, now: datetime, *, new: int) -> datetime:
    """Return when to poll a feed for the first time in this process.

    Args:
        feed: The feed.
        state: What is remembered of it: one that was polled before keeps its time.
        now: Where new feeds begin.
        new: How many new feeds begin together, each at its own phase; 0 begins them at once.
    """
    if state is not None and state.next_poll_at is not None:
        return due_at(state, now)
    return now + timedelta(seconds=phase(feed.id) * min(START_SPREAD_S, new * START_SPACING_S))
