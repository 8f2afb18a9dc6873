"""The producer as a service: polls by the clock, sends as soon as something waits, ticks every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog
from kafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from deskwatch.clients import create_topics
from deskwatch.clock import Clock
from deskwatch.errors import PublishError
from deskwatch.settings import Settings
from deskwatch.telemetry import Health
from producers.feeds.config import Feed
from producers.fetching.fetcher import Fetcher, create_session
from producers.metrics import Metrics
from producers.polling.poller import Poller
from producers.polling.scheduling import Schedule
from producers.sending.dispatching import Dispatcher
from producers.sending.publishing import Publisher
from producers.sending.ticking import HealthBook
from producers.settings import ProducerSettings
from producers.state.store import Store

BEAT_S: Final = 5.0
RETRY_S: Final = 1.0  # between attempts while the broker is away
FINISH_S: Final = 5.0  # what is in hand at a stop gets this long to reach the broker

log = structlog.get_logger()


class Producer:
    """All parts of a producer, wired; see `open_producer`."""

    def __init__(
        self,
        feeds: Sequence[Feed],
        settings: ProducerSettings,
        store: Store,
        clock: Clock,
        dispatcher: Dispatcher,
        poller: Poller,
        metrics: Metrics,
        health: Health,
        create_topics: Callable[[], object],
    ) -> None:
        self.feeds = feeds
        self.settings = settings
        self.store = store
        self.clock = clock
        self.dispatcher = dispatcher
        self.health = health
        self.work = asyncio.Event()  # something waits for the broker
        self._poller = poller
        self._metrics = metrics
        self.slots = asyncio.Semaphore(settings.concurrency)
        self._create_topics = create_topics

    async def connect(self) -> None:
        """Create missing topics and come into step with the broker, however long that takes."""
        while True:
            try:
                await self.dispatcher.connect()
                await asyncio.to_thread(self._create_topics)
                await self.dispatcher.get_ready()
            except (KafkaError, PublishError) as error:
                log.warning("producer.waiting_for_broker", error=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def poll(self, feed: Feed, schedule: Schedule) -> None:
        """Poll a feed, plan its next poll, and free the slot that the caller took.

        What a strange feed may break in us is logged and counted, and costs no other feed anything.
        """
        next_at = self.clock.now() + timedelta(seconds=feed.interval_s)
        try:
            next_at = await self._poller.poll(feed)
        except Exception:
            log.exception("feed.poll_broke", feed=feed.id)
            self._metrics.polls_broken.inc()
        finally:
            self.slots.release()
        schedule.add(feed, next_at)
        self.work.set()

    def is_outbox_full(self) -> bool:
        """Return whether so much waits for the broker that polling has to pause."""
        own, store = self.settings, self.store
        return store.waiting >= own.max_outbox_articles or store.waiting_bytes >= own.max_outbox_bytes

    async def drain(self) -> None:
        """Send until nothing waits, however long the broker is away."""
        while await self.send_patiently(self.dispatcher.send_batch()):
            pass

    async def send_patiently(self, sending: Coroutine[Any, Any, int | None]) -> bool:
        """Await one attempt to send; returns whether there may be more to do, after a pause if it failed."""
        try:
            return bool(await sending)
        except PublishError:  # the dispatcher has logged and counted it
            await asyncio.sleep(RETRY_S)
            return True


@asynccontextmanager
async def open_producer(
    settings: Settings,
    own: ProducerSettings,
    feeds: Sequence[Feed],
    *,
    clock: Clock,
    store: Store,
    registry: CollectorRegistry,
    health: Health,
    version: str,
    tell_time: bool = False,
) -> AsyncIterator[Producer]:
    """Yield a wired producer; at the end its connections are closed.

    Args:
        tell_time: Whether every request carries the clock's time.
    """
    metrics = Metrics(registry)
    states = store.feeds()
    book = HealthBook(feeds, states, clock.now())
    publisher = Publisher(settings, timeout_s=own.publish_timeout_s)
    dispatcher = Dispatcher(settings, store, publisher, book, clock, metrics, health)
    parsers = ThreadPoolExecutor(1, thread_name_prefix="parser")  # more threads would only share the same core
    session = create_session(own, version)
    try:
        poller = Poller(
            Fetcher(session, own, clock if tell_time else None),
            store,
            book,
            clock,
            metrics,
            parsers=parsers,
            report=dispatcher.add_poll,
        )
        yield Producer(feeds, own, store, clock, dispatcher, poller, metrics, health, partial(create_topics, settings))
    finally:
        await session.close()
        await publisher.close()
        parsers.shutdown(wait=False, cancel_futures=True)


async def run(producer: Producer, stop: asyncio.Event) -> None:
    """Poll, send and tick until `stop` is set, then finish what is in hand."""
    await run_until(stop, _live(producer), producer.health)
    await finish(producer)


async def run_until(stop: asyncio.Event, work: Coroutine[Any, Any, None], health: Health) -> None:
    """Do the work until it is done or `stop` is set; an error that ends it is raised."""
    tasks = [asyncio.create_task(work), asyncio.create_task(stop.wait()), asyncio.create_task(_beat(health))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def finish(producer: Producer) -> None:
    """Send what waits and a last tick, if the broker takes it within FINISH_S; else the outbox keeps it."""
    if not producer.dispatcher.is_in_step():
        return
    try:
        async with asyncio.timeout(FINISH_S):
            while await producer.dispatcher.send_batch():
                pass
            await producer.dispatcher.send_ticks()
    except (PublishError, TimeoutError):
        log.warning("producer.left_in_outbox", articles=producer.store.waiting)


async def _live(producer: Producer) -> None:
    await producer.connect()
    async with asyncio.TaskGroup() as loops:
        loops.create_task(_schedule(producer))
        loops.create_task(_send(producer))
        loops.create_task(_tick(producer))


async def _schedule(producer: Producer) -> None:
    """Start every poll when it is due, unless all slots are taken or too much waits for the broker."""
    clock = producer.clock
    schedule = Schedule(producer.feeds, producer.store.feeds(), clock.now())
    log.info("producer.started", feeds=len(producer.feeds))
    async with asyncio.TaskGroup() as polls:
        while True:
            if producer.is_outbox_full():
                await clock.sleep_until(clock.now() + timedelta(seconds=RETRY_S))
                continue
            due = schedule.take_due(clock.now(), most=1)
            if due:
                await producer.slots.acquire()
                polls.create_task(producer.poll(due[0], schedule))
            else:  # a poll that ends meanwhile plans its next one at least a minute ahead: BEAT_S misses none
                latest = clock.now() + timedelta(seconds=BEAT_S)
                await clock.sleep_until(min(schedule.next_at() or latest, latest))


async def _send(producer: Producer) -> None:
    producer.work.set()  # a predecessor may have left something
    while True:
        await producer.work.wait()
        producer.work.clear()
        await producer.drain()


async def _tick(producer: Producer) -> None:
    while True:
        await producer.send_patiently(producer.dispatcher.send_ticks())
        await producer.clock.sleep_until(producer.clock.now() + timedelta(seconds=producer.settings.tick_s))


async def _beat(health: Health) -> None:
    while True:
        health.beat()
        await asyncio.sleep(BEAT_S)
