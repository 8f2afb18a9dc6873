"""Shards that come and go: taking over with what the topics hold, handing over with nothing left in hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final

import structlog

from deskwatch import topics
from deskwatch.clock import Clock
from deskwatch.errors import PublishError
from deskwatch.feedrecords import Feed
from producers.metrics import Metrics
from producers.sharing.loading import Held, read_feed
from producers.sharing.roles import Book, Member, Polls, Sending, ShardStore

RETRY_S: Final = 1.0
WATCH_S: Final = 1.0
RENEW_AFTER: Final = 3  # session timeouts out of the group, while the broker answers others of our clients

log = structlog.get_logger()


class SoleOwner:
    """The ownership of a producer that shares with nobody: all shards, always."""

    shared = False

    def shards(self) -> Collection[int]:
        """Return all shards."""
        return range(topics.SHARDS)


class Owner:
    """The shards that the group has given us, and what follows from that for polling and sending.

    Every change waits for the one before it, so they take effect in the order in which the group decided them.

    Args:
        load: Reads feeds and states of shards from the topics; blocks.
        load_feeds: Reads all feeds, to tell an empty topic from shards without feeds; blocks.
        patience_s: How long a hand-over may take; then the group goes on without what is still in hand, which is sent
            all the same, and double for those who read it.
        watch_s: Seconds between two looks at whether the group still counts us in.
        retry_s: Seconds between two attempts while the broker is away.
        monotonic: Seconds that only go forward.
    """

    shared = True

    def __init__(
        self,
        polls: Polls,
        store: ShardStore,
        book: Book,
        clock: Clock,
        metrics: Metrics,
        *,
        load: Callable[[Collection[int]], Mapping[int, Held]],
        load_feeds: Callable[[], Mapping[str, Feed]],
        patience_s: float,
        watch_s: float = WATCH_S,
        retry_s: float = RETRY_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._polls = polls
        self._store = store
        self._book = book
        self._clock = clock
        self._metrics = metrics
        self._load = load
        self._load_feeds = load_feeds
        self._patience_s = patience_s
        self._watch_s = watch_s
        self._retry_s = retry_s
        self._monotonic = monotonic
        self._granted: set[int] = set()  # by the group
        self._leaving = False
        self._feeds: dict[int, dict[str, Feed]] = {}  # of the shards that we have taken over
        self._ends: dict[int, int] = {}  # offsets of `feeds` up to which they are known
        self._lock = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._failed: asyncio.Future[None] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._member: Member | None = None
        self._sending: Sending | None = None

    def shards(self) -> Collection[int]:
        """Return the shards that we have, if nobody else can have them by now."""
        return tuple(self._feeds) if self._member is not None and self._member.is_current() else ()

    def is_in_doubt(self) -> bool:
        """Return whether others may poll our feeds by now: the broker answers, but the group has not confirmed us.

        While the broker is away nobody else can have been given them.
        """
        member, sending = self._member, self._sending
        return member is not None and sending is not None and sending.is_in_step() and not member.is_current()

    async def run(self, member: Member, sending: Sending) -> None:
        """Take part in the group for ever; a fault of ours is raised."""
        self._member, self._sending = member, sending
        member.start()
        out_since: float | None = None
        while not self._failed.done():
            await asyncio.wait([self._failed], timeout=self._watch_s)
            if not self.is_in_doubt():
                out_since = None
            elif out_since is None:
                out_since = self._monotonic()
            elif self._monotonic() - out_since > RENEW_AFTER * 2 * self._patience_s:
                log.warning("membership.renewed", out_s=round(self._monotonic() - out_since))
                member.renew()
                out_since = None
        self._failed.result()

    async def leave(self, patience_s: float) -> None:
        """Hand everything over, within `patience_s` seconds, and leave the group."""
        self._granted.clear()
        self._leaving = True
        async with self._lock:
            await self._hand_over(set(self._feeds), patience_s)
        if self._member is not None:
            await asyncio.to_thread(self._member.close)

    # Called from the membership's threads

    def grant(self, shards: set[int]) -> None:
        """Take over shards, as soon as the topics have told what they hold."""
        self._submit(lambda: self._take_over(shards), before=lambda: self._granted.update(shards))

    def revoke(self, shards: set[int]) -> Callable[[], bool]:
        """Begin to hand over shards, and return what tells whether it is done."""
        done: list[bool] = []

        async def hand_over() -> None:
            try:
                async with self._lock:
                    await self._hand_over(shards, self._patience_s)
            finally:
                done.append(True)

        self._submit(hand_over, before=lambda: self._granted.difference_update(shards))
        return lambda: bool(done)

    def lose(self, shards: set[int]) -> None:
        """Stop with shards that others may have already."""
        self._submit(lambda: self._drop(shards), before=lambda: self._granted.difference_update(shards))

    def hear(self, messages: Sequence[Any]) -> None:
        """Follow changes of feeds."""
        self._submit(lambda: self._follow(messages))

    def _submit(self, work: Callable[[], Coroutine[Any, Any, None]], before: Callable[[], None] = lambda: None) -> None:
        def begin() -> None:
            before()
            task = self._loop.create_task(work())
            self._tasks.add(task)
            task.add_done_callback(self._end)

        self._loop.call_soon_threadsafe(begin)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _take_over(self, shards: set[int]) -> None:
        while True:
            async with self._lock:
                wanted = (shards & self._granted) - set(self._feeds)
                if not wanted or self._leaving:
                    return
                try:
                    held = await asyncio.to_thread(self._load, wanted)
                    empty = not any(one.feeds for one in held.values())
                    empty = empty and not await asyncio.to_thread(self._load_feeds)
                except PublishError as error:
                    log.warning("shards.waiting_for_state", shards=sorted(wanted), error=str(error))
                else:
                    for shard in sorted(wanted & self._granted):  # the group may have changed its mind meanwhile
                        self._install(shard, held[shard])
                    log.info("shards.taken", shards=sorted(wanted), feeds=sum(len(held[s].feeds) for s in wanted))
                    if empty:
                        log.warning("feeds.none_published", to_do="deskwatch feeds publish")
                    return
            await asyncio.sleep(self._retry_s)

    def _install(self, shard: int, held: Held) -> None:
        self._store.take_shard(shard, held.states.values(), held.ticked_at)
        self._feeds[shard] = dict(held.feeds)
        self._ends[shard] = held.feeds_end
        feeds = tuple(held.feeds.values())
        self._book.add(feeds, self._store.states(), self._clock.now(), self._store.ticks())
        self._polls.add(feeds)
        self._metrics.shards.set(len(self._feeds))

    async def _hand_over(self, shards: set[int], patience_s: float) -> None:
        """Give up shards once nothing of them is in hand, or patience ends; the caller holds the lock."""
        mine = shards & set(self._feeds)
        ids = [feed_id for shard in mine for feed_id in self._feeds[shard]]
        self._polls.remove(ids)
        try:
            async with asyncio.timeout(patience_s):
                await self._polls.settle(ids)
                await self._empty_outbox()
        except TimeoutError:
            log.warning("shards.left_unfinished", shards=sorted(mine))
        self._forget(mine)
        if mine and self._sending is not None:
            await self._sending.rest()  # a tick that is on its way is the last of these shards
            log.info("shards.handed_over", shards=sorted(mine))

    async def _empty_outbox(self) -> None:
        while self._sending is not None:
            try:
                if not await self._sending.send_batch(quiet=True):
                    return
            except PublishError:  # the dispatcher has logged and counted it
                await asyncio.sleep(self._retry_s)

    async def _drop(self, shards: set[int]) -> None:
        async with self._lock:
            mine = shards & set(self._feeds)
            self._polls.remove([feed_id for shard in mine for feed_id in self._feeds[shard]])
            self._forget(mine)
            if mine:
                log.warning("shards.lost", shards=sorted(mine))

    def _forget(self, shards: Iterable[int]) -> None:
        for shard in shards:
            self._book.remove(self._feeds.pop(shard))
            self._store.drop_shard(shard)
        self._metrics.shards.set(len(self._feeds))

    async def _follow(self, messages: Sequence[Any]) -> None:
        async with self._lock:
            for message in messages:
                shard = message.partition
                if shard in self._feeds and message.offset >= self._ends[shard]:
                    self._ends[shard] = message.offset + 1
                    self._change(self._feeds[shard], message)

    def _change(self, feeds: dict[str, Feed], message: Any) -> None:
        if message.value is None:
            feed_id = (message.key or b"").decode("utf-8", "replace")
            if feeds.pop(feed_id, None) is not None:
                self._polls.remove([feed_id])
                self._book.remove([feed_id])
                log.info("feed.removed", feed=feed_id)
            return
        feed = read_feed(message)
        if feed is None or feeds.get(feed.id) == feed:
            return
        known = feed.id in feeds
        feeds[feed.id] = feed
        if known:
            self._polls.remove([feed.id])
        else:
            self._book.add([feed], self._store.states(), self._clock.now(), self._store.ticks())
        self._polls.add([feed])
        log.info("feed.changed" if known else "feed.added", feed=feed.id)
