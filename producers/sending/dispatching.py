"""What the polls left behind to the broker, in order: articles exactly once, polls at best, then the states of feeds.

No tick is ahead of an article, and where producers share feeds none is ahead of its own record in `feed-state`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from deskwatch import codec, topics
from deskwatch.clock import Clock
from deskwatch.errors import ClockError, PublishError
from deskwatch.feedrecords import ShardState
from deskwatch.records import Poll, Record, Tick
from deskwatch.settings import Settings
from deskwatch.telemetry import Health
from deskwatch.topics import shard_of
from producers.metrics import Metrics
from producers.sending.publishing import Outgoing, Placed, Publisher
from producers.sending.scanning import scan
from producers.sending.searching import Search
from producers.sending.ticking import HealthBook, next_tick
from producers.sharing import Ownership, shard_key
from producers.state.outbox import Waiting
from producers.state.store import Store

BATCH_ARTICLES: Final = 500
BATCH_BYTES: Final = 4 * 1024 * 1024
BATCH_STATES: Final = 200
MAX_SKEW_S: Final = 300.0
MAX_POLLS: Final = 10_000  # records of polls that wait in memory; they are for people, and may be lost

log = structlog.get_logger()


class Dispatcher:
    """Moves what the polls left behind to Kafka; its methods may be called by several tasks, one runs at a time."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        publisher: Publisher,
        book: HealthBook,
        clock: Clock,
        metrics: Metrics,
        health: Health,
        ownership: Ownership,
    ) -> None:
        self._settings = settings
        self._topic = settings.topic(topics.ARTICLES.name)
        self._store = store
        self._publisher = publisher
        self._book = book
        self._clock = clock
        self._metrics = metrics
        self._health = health
        self._ownership = ownership
        self._polls: deque[Poll] = deque()
        self._lock = asyncio.Lock()
        self._partitions = 0  # 0: not in step with the broker
        self._failing = False
        self.acknowledged = 0  # records of the topic `articles`, ever
        health.expect("broker")

    def add_poll(self, poll: Poll) -> None:
        """Queue a poll's record; beyond MAX_POLLS the oldest is lost, and counted."""
        self._polls.append(poll)
        if len(self._polls) > MAX_POLLS:
            self._polls.popleft()
            self._metrics.polls_lost.inc()

    def is_in_step(self) -> bool:
        """Return whether the broker has answered and nothing failed since."""
        return self._partitions > 0

    async def connect(self) -> None:
        """Find the broker.

        Raises:
            PublishError: it is not there.
        """
        async with self._lock:
            await self._publisher.connect()

    async def get_ready(self) -> None:
        """Come into step with the broker: what of the outbox it already has leaves the outbox.

        Raises:
            PublishError: the broker or the topic is not there.
        """
        async with self._lock:
            await self._attempt(None)

    async def send_batch(self, *, quiet: bool = False) -> int:
        """Send the oldest waiting articles and poll records, then states; return how many records, 0 if nothing waits.

        Args:
            quiet: Also send states of which only the time of the next poll is new.

        Raises:
            PublishError: not all was acknowledged; it still waits.
            ClockError: our clock is too far from the broker's.
        """
        async with self._lock:
            return await self._attempt(lambda: self._send_batch(quiet))

    async def send_ticks(self) -> None:
        """Send one tick per shard of ours to every partition.

        Raises:
            PublishError: not all was acknowledged; what they tell of the feeds is told again.
            ClockError: our clock is too far from the broker's.
        """
        async with self._lock:
            await self._attempt(self._send_ticks)

    async def rest(self) -> None:
        """Return when what is being sent at this moment is acknowledged or has failed."""
        async with self._lock:
            return

    async def _attempt(self, step: Callable[[], Coroutine[Any, Any, int]] | None) -> int:
        try:
            if not self._partitions:
                await self._get_ready()
            result = await step() if step is not None else 0
        except PublishError as error:
            self._partitions = 0
            self._metrics.publish_errors.inc()
            self._health.set("broker", False)
            self._note_outbox()  # what waits has to be seen above all while it cannot be sent
            if not self._failing:
                log.warning("publisher.failing", topic=error.topic, error=str(error), waiting=self._store.waiting)
            self._failing = True
            raise
        self._health.set("broker", True)
        if self._failing:
            log.info("publisher.recovered", waiting=self._store.waiting)
        self._failing = False
        return result

    async def _get_ready(self) -> None:
        partitions = await self._publisher.count_partitions(self._topic)
        after = self._store.acknowledged(self._topic) or None  # None: nothing of ours is there yet
        search = Search(self._store.outbox_ids())
        if after is None or search.wanted:
            ends = await asyncio.to_thread(scan, self._settings, self._topic, after, search.look)
            self._store.acknowledge(search.found, self._topic, {p: end - 1 for p, end in ends.items()})
            if search.wanted:
                log.info("outbox.reconciled", waiting=len(search.wanted), found=len(search.found))
        self._partitions = partitions
        self._note_outbox()

    async def _send_batch(self, quiet: bool) -> int:
        return await self._send_articles() + await self._send_states(quiet)

    async def _send_articles(self) -> int:
        waiting = self._store.outbox(max_articles=BATCH_ARTICLES, max_bytes=BATCH_BYTES)
        polls = [self._polls[i] for i in range(min(len(self._polls), BATCH_ARTICLES))]
        self._note_outbox()
        if not waiting and not polls:
            return 0
        started = time.monotonic()
        placed = await self._publish(
            [self._to_outgoing(article) for article in waiting] + [self._poll_outgoing(poll) for poll in polls]
        )
        self._metrics.publish_seconds.observe(time.monotonic() - started)
        offsets: dict[int, int] = {}
        for place in placed[: len(waiting)]:
            offsets[place.partition] = max(place.offset, offsets.get(place.partition, -1))
        if waiting:
            self._store.acknowledge([article.seq for article in waiting], self._topic, offsets)
        for poll in polls:
            if self._polls and self._polls[0] is poll:  # it may have been pushed out meanwhile
                self._polls.popleft()
        self.acknowledged += len(waiting)
        now = self._clock.now()
        for article in waiting:
            self._metrics.acknowledged_seconds.observe(max((now - article.fetched_at).total_seconds(), 0.0))
            self._metrics.published.labels("revision" if article.revision else "new").inc()
        self._note_outbox()
        return len(waiting) + len(polls)

    async def _send_states(self, quiet: bool) -> int:
        """Tell the others what the next owner has to know; the store gives nothing whose articles still wait."""
        if not self._ownership.shared:
            return 0
        states = self._store.unsent_states(BATCH_STATES, self._ownership.shards(), quiet=quiet)
        if states:
            await self._publish(
                [self._state_outgoing(state, state.feed_id.encode(), shard_of(state.feed_id)) for state in states]
            )
            self._store.confirm_states(states)
        return len(states)

    async def _send_ticks(self) -> int:
        # No `await` between reading the clock and saving the ticks: what is first seen later is not before them.
        now, last, oldest = self._clock.now(), self._store.ticks(), self._store.oldest_waiting()
        ticks = [
            Tick(
                shard=shard,
                at=next_tick(now, last=last.get(shard), oldest_waiting=oldest.get(shard)),
                health=self._book.untold(shard),
            )
            for shard in sorted(self._ownership.shards())
        ]
        self._store.save_ticks({tick.shard: tick.at for tick in ticks})
        if self._ownership.shared and ticks:
            told = [ShardState(shard=tick.shard, ticked_at=tick.at, writer=self._store.writer) for tick in ticks]
            await self._publish([self._state_outgoing(state, shard_key(state.shard), state.shard) for state in told])
            # We may have been stopped meanwhile, for so long that others have the shards. What such a check cannot
            # see, a process stopped between it and the send, does no harm: the desk takes the latest tick of a shard
            # whatever the order, all before ours was acknowledged when we said so, and what the new owner first saw
            # before a tick of ours that was ahead of its clock is late, not lost. Changes of health bear their time.
            ours = set(self._ownership.shards())
            ticks = [tick for tick in ticks if tick.shard in ours]
        records = []
        for tick in ticks:
            value, headers = codec.encode(tick), codec.headers_of(tick)
            records += [
                Outgoing(topic=self._topic, value=value, headers=headers, partition=partition)
                for partition in range(self._partitions)
            ]
        if not records:
            return 0
        await self._publish(records)
        self.acknowledged += len(records)
        for tick in ticks:
            self._book.confirm(tick.shard, tick.health)
            self._metrics.tick.labels(str(tick.shard)).set(tick.at.timestamp())
        return len(records)

    async def _publish(self, records: list[Outgoing]) -> list[Placed]:
        placed = await self._publisher.publish(records)
        skew_s = self._publisher.skew_s
        self._metrics.clock_skew.set(skew_s)
        if abs(skew_s) > MAX_SKEW_S:
            raise ClockError(skew_s)
        return placed

    def _note_outbox(self) -> None:
        self._metrics.outbox_articles.set(self._store.waiting)
        self._metrics.outbox_bytes.set(self._store.waiting_bytes)

    def _to_outgoing(self, article: Waiting) -> Outgoing:
        headers = [(codec.HEADER, article.schema.encode())]
        return Outgoing(topic=self._topic, value=article.value, headers=headers, key=article.article_id.encode())

    def _state_outgoing(self, state: Record, key: bytes, shard: int) -> Outgoing:
        return Outgoing(
            topic=self._settings.topic(topics.FEED_STATE.name),
            value=codec.encode(state),
            headers=codec.headers_of(state),
            key=key,
            partition=shard,
        )

    def _poll_outgoing(self, poll: Poll) -> Outgoing:
        return Outgoing(
            topic=self._settings.topic(topics.FEED_POLLS.name),
            value=codec.encode(poll),
            headers=codec.headers_of(poll),
            key=poll.feed_id.encode(),
            partition=None,  # its key gives the shard where the topic has as many partitions as there are shards
        )
