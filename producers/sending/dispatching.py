"""The outbox to the broker, in order: articles exactly once, polls at best, ticks never ahead of an article."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from deskwatch import codec, topics
from deskwatch.clock import Clock
from deskwatch.errors import CodecError, PublishError
from deskwatch.records import Article, Poll, Tick
from deskwatch.settings import Settings
from deskwatch.telemetry import Health
from producers.metrics import Metrics
from producers.sending.publishing import Outgoing, Publisher, scan
from producers.sending.ticking import HealthBook, next_tick
from producers.state.store import Store, Waiting

BATCH_ARTICLES: Final = 500
BATCH_BYTES: Final = 4 * 1024 * 1024
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
    ) -> None:
        self._settings = settings
        self._topic = settings.topic(topics.ARTICLES.name)
        self._store = store
        self._publisher = publisher
        self._book = book
        self._clock = clock
        self._metrics = metrics
        self._health = health
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

    async def send_batch(self) -> int:
        """Send the oldest waiting articles and poll records, and return their number; 0 when nothing waits.

        Raises:
            PublishError: not all was acknowledged; it still waits.
        """
        async with self._lock:
            return await self._attempt(self._send_batch)

    async def send_ticks(self) -> None:
        """Send one tick per shard to every partition.

        Raises:
            PublishError: not all was acknowledged; what they tell of the feeds is told again.
        """
        async with self._lock:
            await self._attempt(self._send_ticks)

    async def _attempt(self, step: Callable[[], Coroutine[Any, Any, int]] | None) -> int:
        try:
            if not self._partitions:
                await self._get_ready()
            result = await step() if step is not None else 0
        except PublishError as error:
            self._partitions = 0
            self._metrics.publish_errors.inc()
            self._health.set("broker", False)
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
        search = _Search(self._store.outbox_ids())
        if after is None or search.wanted:
            ends = await asyncio.to_thread(scan, self._settings, self._topic, after, search.look)
            self._store.acknowledge(search.found, self._topic, {p: end - 1 for p, end in ends.items()})
            if search.wanted:
                log.info("outbox.reconciled", waiting=len(search.wanted), found=len(search.found))
        self._partitions = partitions
        self._note_outbox()

    async def _send_batch(self) -> int:
        waiting = self._store.outbox(max_articles=BATCH_ARTICLES, max_bytes=BATCH_BYTES)
        polls = [self._polls[i] for i in range(min(len(self._polls), BATCH_ARTICLES))]
        self._note_outbox()
        if not waiting and not polls:
            return 0
        started = time.monotonic()
        placed = await self._publisher.publish(
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
        for article in waiting:
            self._metrics.published.labels("revision" if article.revision else "new").inc()
        self._note_outbox()
        return len(waiting) + len(polls)

    async def _send_ticks(self) -> int:
        # No `await` between reading the clock and saving the ticks: what is first seen later is not before them.
        now, last, oldest = self._clock.now(), self._store.ticks(), self._store.oldest_waiting()
        ticks = [
            Tick(
                shard=shard,
                at=next_tick(now, last=last.get(shard), oldest_waiting=oldest.get(shard)),
                health=self._book.untold(shard),
            )
            for shard in range(topics.SHARDS)
        ]
        self._store.save_ticks({tick.shard: tick.at for tick in ticks})
        records = []
        for tick in ticks:
            value, headers = codec.encode(tick), codec.headers_of(tick)
            records += [
                Outgoing(topic=self._topic, value=value, headers=headers, partition=partition)
                for partition in range(self._partitions)
            ]
        await self._publisher.publish(records)
        self.acknowledged += len(records)
        for tick in ticks:
            self._book.confirm(tick.shard, len(tick.health))
            self._metrics.tick.labels(str(tick.shard)).set(tick.at.timestamp())
        return len(records)

    def _note_outbox(self) -> None:
        self._metrics.outbox_articles.set(self._store.waiting)
        self._metrics.outbox_bytes.set(self._store.waiting_bytes)

    def _to_outgoing(self, article: Waiting) -> Outgoing:
        headers = [(codec.HEADER, article.schema.encode())]
        return Outgoing(topic=self._topic, value=article.value, headers=headers, key=article.article_id.encode())

    def _poll_outgoing(self, poll: Poll) -> Outgoing:
        return Outgoing(
            topic=self._settings.topic(topics.FEED_POLLS.name),
            value=codec.encode(poll),
            headers=codec.headers_of(poll),
            key=poll.feed_id.encode(),
            partition=None,  # its key gives the shard where the topic has as many partitions as there are shards
        )


class _Search:
    """Looks through a topic for waiting articles that are there already."""

    def __init__(self, wanted: dict[tuple[str, int], int]) -> None:
        self.wanted = wanted
        self.found: set[int] = set()
        self._keys = {article_id.encode() for article_id, _ in wanted}

    def look(self, message: Any) -> None:
        if message.key not in self._keys:
            return
        try:
            record = codec.decode(message.value, message.headers)
        except CodecError:  # not ours to judge: the classifier sends it to the dead letters
            return
        if isinstance(record, Article) and (record.article_id, record.revision) in self.wanted:
            self.found.add(self.wanted[record.article_id, record.revision])
