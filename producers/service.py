"""The producer as a service: polls by the clock, sends as soon as something waits, ticks every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from kafka.errors import KafkaError

from deskwatch.clock import Clock
from deskwatch.errors import DeskwatchError, PublishError
from deskwatch.feedrecords import Feed
from deskwatch.telemetry import Health
from producers.feeds.exposing import expose
from producers.metrics import Metrics
from producers.polling.rounds import Polling
from producers.sending.dispatching import Dispatcher
from producers.settings import ProducerSettings
from producers.sharing.membership import Membership
from producers.sharing.owning import Owner
from producers.state.store import Store

BEAT_S: Final = 5.0
RETRY_S: Final = 1.0  # between attempts while the broker is away
EXPOSE_S: Final = 30.0  # between two looks at how all feeds are doing
FINISH_S: Final = 5.0  # what is in hand at a stop gets this long to reach the broker

log = structlog.get_logger()


class Producer:
    """All parts of a producer, wired; see `wiring.open_producer`.

    Args:
        feeds: All that there are; unused with `owner`, who learns of them.
        owner: What shares feeds with other producers; None if there are none.
        member: The owner's place in their group.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        settings: ProducerSettings,
        store: Store,
        clock: Clock,
        dispatcher: Dispatcher,
        polling: Polling,
        metrics: Metrics,
        health: Health,
        create_topics: Callable[[], object],
        work: asyncio.Event,
        *,
        owner: Owner | None = None,
        member: Membership | None = None,
    ) -> None:
        self.feeds = feeds
        self.settings = settings
        self.store = store
        self.clock = clock
        self.dispatcher = dispatcher
        self.polling = polling
        self.metrics = metrics
        self.health = health
        self.work = work  # something waits for the broker
        self.owner = owner
        self.member = member
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


def is_outbox_full(own: ProducerSettings, store: Store) -> bool:
    """Return whether so much waits for the broker that polling has to pause."""
    return store.waiting >= own.max_outbox_articles or store.waiting_bytes >= own.max_outbox_bytes


async def run(producer: Producer, stop: asyncio.Event) -> None:
    """Poll, send and tick until `stop` is set, then finish what is in hand.

    Raises:
        ClockError: this machine's clock cannot be trusted.
    """
    await run_until(stop, _live(producer), producer.health)
    await finish(producer)


async def run_until(stop: asyncio.Event, work: Coroutine[Any, Any, None], health: Health) -> None:
    """Do the work until it is done or `stop` is set; an error that ends it is raised."""
    tasks = [asyncio.create_task(work), asyncio.create_task(stop.wait()), asyncio.create_task(_beat(health))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except* DeskwatchError as errors:
        raise _leaf(errors) from None  # one clear message; which of the loops met it first does not matter
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def finish(producer: Producer) -> None:
    """Send what waits and a last tick, if the broker takes it within FINISH_S; else the outbox keeps it."""
    if producer.dispatcher.is_in_step():
        try:
            async with asyncio.timeout(FINISH_S):
                while await producer.dispatcher.send_batch(quiet=True):
                    pass
                await producer.dispatcher.send_ticks()
        except (PublishError, TimeoutError):
            log.warning("producer.left_in_outbox", articles=producer.store.waiting)
    if producer.owner is not None:
        # With the broker away nothing can be handed over, and the next owner will do without.
        await producer.owner.leave(FINISH_S if producer.dispatcher.is_in_step() else 0.0)


async def _live(producer: Producer) -> None:
    await producer.connect()
    async with asyncio.TaskGroup() as loops:
        if producer.owner is None or producer.member is None:
            producer.polling.add(producer.feeds)
            log.info("producer.started", feeds=len(producer.feeds))
        else:
            loops.create_task(producer.owner.run(producer.member, producer.dispatcher))
        loops.create_task(producer.polling.run())
        loops.create_task(_send(producer))
        loops.create_task(_tick(producer))
        loops.create_task(_expose(producer))


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


async def _expose(producer: Producer) -> None:
    most = producer.settings.feed_metrics
    while True:
        expose(producer.polling.feeds, producer.store.states(), producer.metrics, producer.clock.now(), most=most)
        await producer.clock.sleep_until(producer.clock.now() + timedelta(seconds=EXPOSE_S))


async def _beat(health: Health) -> None:
    while True:
        health.beat()
        await asyncio.sleep(BEAT_S)


def _leaf(errors: BaseExceptionGroup[DeskwatchError]) -> DeskwatchError:
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, DeskwatchError)  # noqa: S101  # what `except*` selects
    return found
