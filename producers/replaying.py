"""The past as fast as it can be served: all feeds due at one instant, and when that is on the broker the next."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from deskwatch import topics
from deskwatch.clock import SteppedClock
from deskwatch.pacing import LagGate
from deskwatch.settings import Settings
from producers.service import Producer, finish, is_outbox_full, run_until

log = structlog.get_logger()


class Gate(Protocol):
    """What holds a replay back: `LagGate`, or something like it."""

    def wait(self, sent: int) -> None:
        """Return when `sent` further records may lie on the broker."""

    def close(self) -> None:
        """Let a waiting replay go."""


class PacedClock(SteppedClock):
    """A stepped clock that waits for the consumers before each step.

    Args:
        start: Its first instant.
        gate: Holds it back, if given.
    """

    def __init__(self, start: datetime, gate: Gate | None = None) -> None:
        super().__init__(start, self._wait if gate is not None else None)
        self._pacer = gate
        self._told = 0
        self.sent = 0  # records acknowledged, ever: kept up to date by the replay

    def _wait(self, _at: datetime) -> None:
        if self._pacer is not None:
            sent, self._told = self.sent - self._told, self.sent
            self._pacer.wait(sent)


def create_gate(settings: Settings, max_lag_records: int) -> LagGate:
    """Return a gate that watches those who read what a replay sends: classify and detect."""
    return LagGate(
        settings.kafka_bootstrap,
        [
            (settings.topic(topics.CLASSIFY_GROUP), settings.topic(topics.ARTICLES.name)),
            (settings.topic(topics.DETECT_GROUP), settings.topic(topics.DESK_LOG.name)),
        ],
        max_lag_records=max_lag_records,
        api_version=(2, 3) if settings.kafka_embedded else None,
    )


async def replay(producer: Producer, clock: PacedClock, until: datetime, stop: asyncio.Event) -> None:
    """Poll through the past up to and with `until`; returns when all is acknowledged and ticked, or at `stop`.

    Raises:
        LagError: a consumer is stuck.
    """
    await run_until(stop, _replay(producer, clock, until), producer.health)
    if stop.is_set():
        await finish(producer)


async def _replay(producer: Producer, clock: PacedClock, until: datetime) -> None:
    await producer.connect()
    polling = producer.polling
    polling.add(producer.feeds, spread=False)
    every = timedelta(seconds=producer.settings.tick_s)
    ticked_at: datetime | None = None
    log.info("replay.started", feeds=len(producer.feeds), at=clock.now().isoformat(), until=until.isoformat())
    while True:
        now = clock.now()
        await polling.poll_due()
        next_at = polling.schedule.next_at()
        last = next_at is None or next_at > until
        due = ticked_at is None or now - ticked_at >= every or (last and now >= until)
        # Not after every poll: waiting for the broker costs ten times what a poll does, and the outbox keeps all.
        if due or is_outbox_full(producer.settings, producer.store):
            await producer.drain()
        if due:
            while await producer.send_patiently(producer.dispatcher.send_ticks()):
                pass
            ticked_at = now
        clock.sent = producer.dispatcher.acknowledged
        if last and now >= until:
            log.info("replay.finished", at=now.isoformat(), records=clock.sent)
            return
        await clock.sleep_until(until if last or next_at is None else max(next_at, now))
