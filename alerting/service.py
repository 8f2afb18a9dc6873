"""The alerting service: intake, sender and mirror around one ledger, until it is told to stop.

What makes it safe to kill at any point: deliveries are in the ledger before the offset is committed, an intent before
its send, and a change of state before it is mirrored. Whatever was cut off is done again, and each step knows what it
has done before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import structlog
from prometheus_client import CollectorRegistry

from alerting.channels import Channel, Frozen
from alerting.intake import Intake, Source
from alerting.ledger import Change, Ledger
from alerting.metrics import Metrics
from alerting.roster import Roster
from alerting.sending import Sender
from alerting.settings import AlertingSettings
from deskwatch.clock import Clock
from deskwatch.errors import PublishError
from deskwatch.records import DeadLetter

MIRROR_EVERY_S: Final = 0.25
MIRROR_RETRY_S: Final = 5.0
LAST_MIRROR_S: Final = 2.0

_log = structlog.get_logger()


class Mirror(Protocol):
    """Where the ledger's changes are published."""

    async def publish(self, changes: Sequence[Change]) -> None:
        """Return when they are safe, or raise PublishError."""


class Service:
    """One alerting service; `run` is its life."""

    def __init__(
        self,
        ledger: Ledger,
        roster: Roster,
        source: Source,
        mirror: Mirror,
        channels: Mapping[str, Channel],
        *,
        settings: AlertingSettings,
        registry: CollectorRegistry,
        clock: Clock,
        beat: Callable[[], None] = lambda: None,
        announce: Callable[[Frozen], None] = lambda _: None,
    ) -> None:
        self._metrics = Metrics(registry)
        self._ledger = ledger
        self._source = source
        self._mirror = mirror
        self._channels = channels
        self._settings = settings
        self._clock = clock
        self._beat = beat
        self._intake = Intake(ledger, roster, settings=settings, metrics=self._metrics, clock=clock)
        self._sender = Sender(
            ledger, channels, settings=settings, metrics=self._metrics, clock=clock, announce=announce
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Alert until `stop` is set; then finish what is under way, which takes some seconds at most.

        Raises:
            ExceptionGroup: of what no part can go on with, such as a ledger that cannot be written.
        """
        cut_off = self._ledger.recover(self._clock.now().timestamp(), self._settings.settle_s)
        if cut_off:
            _log.warning("ledger.recovered", unknown=cut_off)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._take_in(stop))
                group.create_task(self._sender.run(stop))
                group.create_task(self._mirror_changes(stop))
            await self._mirror_last()
        finally:
            for channel in {id(channel): channel for channel in self._channels.values()}.values():
                await channel.close()

    async def _take_in(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._beat()
            arrivals = await self._source.read()
            if not arrivals:
                continue
            new, letters = self._intake.take(arrivals)
            if new:
                self._sender.wake()
            if await self._bury(letters, stop):
                await self._source.commit()

    async def _bury(self, letters: Sequence[DeadLetter], stop: asyncio.Event) -> bool:
        """Return whether the dead letters are safe; while they are not, the sender goes on with what it has."""
        while letters:
            try:
                await self._source.bury(letters)
                break
            except PublishError as error:
                _log.warning("dead_letters.not_published", detail=str(error))
                if await _is_set_within(stop, MIRROR_RETRY_S):
                    return False
            self._beat()
        return True

    async def _mirror_changes(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            wait_s = MIRROR_EVERY_S if await self._mirror_some() else MIRROR_RETRY_S
            await _is_set_within(stop, wait_s)

    async def _mirror_some(self) -> bool:
        """Publish what has changed; return whether the broker took it."""
        while changes := self._ledger.changes():
            try:
                await self._mirror.publish(changes)
            except PublishError as error:
                self._metrics.unmirrored.inc()
                _log.warning("deliveries.not_mirrored", detail=str(error))
                return False
            self._ledger.mirrored(changes[-1].seq)
        return True

    async def _mirror_last(self) -> None:
        try:
            await asyncio.wait_for(self._mirror_some(), LAST_MIRROR_S)
        except TimeoutError:
            _log.warning("deliveries.not_mirrored", detail="the service stopped; the next start goes on")


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        return await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
