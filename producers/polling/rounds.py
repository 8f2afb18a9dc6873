"""Polls every feed when it is due: as many at a time as there are slots, no host sooner than it bears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from typing import Final, Protocol

import structlog

from deskwatch.clock import Clock
from deskwatch.feedrecords import Feed
from producers.metrics import Metrics
from producers.polling.poller import Poller
from producers.polling.scheduling import Schedule, plan_first
from producers.state.store import Store

PAUSE_S: Final = 0.2  # while the outbox is full
LOOK_S: Final = 1.0  # how long a plan made meanwhile may go unnoticed
BROKEN_S: Final = 300.0  # until the next poll of a feed that broke something in us
SETTLE_S: Final = 35.0

log = structlog.get_logger()


class Politeness(Protocol):
    """What knows when a feed's host may be asked again."""

    def ready_in(self, feed: Feed, url: str) -> float:
        """Return the seconds until a poll of `url` may begin; 0 for now."""

    def begin(self, feed: Feed, url: str) -> None:
        """Note that a poll begins."""

    def end(self, feed: Feed, url: str) -> None:
        """Note that a poll is over."""


class Polling:
    """The feeds that are ours, and their polls.

    Args:
        slots: How many polls may run at one time.
        is_paused: Whether no poll may begin now, because too much waits for the broker.
        polled: Is called after each poll.
        politeness: Holds polls back; None in a replay, which asks no stranger.
    """

    def __init__(
        self,
        poller: Poller,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        *,
        slots: int,
        is_paused: Callable[[], bool],
        polled: Callable[[], None],
        politeness: Politeness | None = None,
    ) -> None:
        self.schedule = Schedule()
        self._poller = poller
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._politeness = politeness
        self._slots = asyncio.Semaphore(slots)
        self._is_paused = is_paused
        self._polled = polled
        self._ours: dict[str, Feed] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def feeds(self) -> Collection[Feed]:
        """The feeds that are ours."""
        return self._ours.values()

    def add(self, feeds: Iterable[Feed], *, spread: bool = True) -> None:
        """Poll these feeds from now on; one that is ours already takes its new configuration at its next poll.

        Args:
            feeds: In any order.
            spread: Whether feeds never polled before begin over some time, or at once.
        """
        added = list(feeds)
        new = sum(self._store.feed(feed.id) is None for feed in added) if spread else 0
        for feed in added:
            before, self._ours[feed.id] = self._ours.get(feed.id), feed
            if feed.id in self._running:  # it is planned anew when that poll ends
                continue
            state = self._store.feed(feed.id)
            changed = before is not None and (before.url, before.interval_s) != (feed.url, feed.interval_s)
            self.schedule.add(
                feed, self._clock.now() if changed else plan_first(feed, state, self._clock.now(), new=new)
            )

    def remove(self, feed_ids: Iterable[str]) -> None:
        """Begin no more polls of these feeds."""
        for feed_id in feed_ids:
            self._ours.pop(feed_id, None)
            self.schedule.remove(feed_id)

    async def settle(self, feed_ids: Collection[str]) -> None:
        """Return when no poll of these feeds runs any more; after SETTLE_S those that still do are given up."""
        wanted = set(feed_ids)
        tasks = [task for feed_id, task in self._running.items() if feed_id in wanted]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=SETTLE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def run(self) -> None:
        """Poll for ever; a cancelled run leaves no poll behind."""
        try:
            while True:
                await self._begin_next()
        finally:
            await self._give_up()

    async def poll_due(self) -> None:
        """Poll what is due at this instant, and return when all of it is done: for a replay."""
        for _, feed in self.schedule.take_due(self._clock.now()):
            await self._slots.acquire()
            self._begin(feed, feed.url)
        if self._running:
            await asyncio.wait(list(self._running.values()))

    async def _begin_next(self) -> None:
        now = self._clock.now()
        if self._is_paused():
            await self._clock.sleep_until(now + timedelta(seconds=PAUSE_S))
            return
        due = self.schedule.take_due(now, most=1)
        if not due:
            latest = now + timedelta(seconds=LOOK_S)
            await self._clock.sleep_until(min(self.schedule.next_at() or latest, latest))
            return
        at, feed = due[0]
        url = self._poller.url_of(feed)
        wait_s = self._politeness.ready_in(feed, url) if self._politeness is not None else 0.0
        if wait_s > 0:
            self.schedule.add(feed, now + timedelta(seconds=wait_s))
            return
        try:
            await self._slots.acquire()
        except asyncio.CancelledError:
            self.schedule.add(feed, at)
            raise
        if feed.id not in self._ours:  # it went to somebody else while we waited for a slot
            self._slots.release()
            return
        self._metrics.late_seconds.observe(max((self._clock.now() - at).total_seconds(), 0.0))
        self._begin(feed, url)

    def _begin(self, feed: Feed, url: str) -> None:
        if self._politeness is not None:
            self._politeness.begin(feed, url)
        self._running[feed.id] = asyncio.create_task(self._poll(feed, url))

    async def _poll(self, feed: Feed, url: str) -> None:
        """Poll a feed and plan its next poll; what a strange feed breaks in us costs no other feed anything."""
        next_at = self._clock.now() + timedelta(seconds=feed.interval_s or BROKEN_S)
        try:
            next_at = await self._poller.poll(feed)
        except Exception:
            log.exception("feed.poll_broke", feed=feed.id)
            self._metrics.polls_broken.inc()
        finally:
            self._slots.release()
            self._running.pop(feed.id, None)
            if self._politeness is not None:
                self._politeness.end(feed, url)
        if (current := self._ours.get(feed.id)) is not None:
            self.schedule.add(current, next_at)
        self._polled()

    async def _give_up(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
