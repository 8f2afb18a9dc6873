"""The alerting service: intake, sender and mirror around one ledger, until it is told to stop.

What makes it safe to kill at any point: messages are in the ledger, and on the topic `deliveries`, before the offset is
committed, an intent is on that topic before its send, and a change of state in the ledger before it is mirrored.
Whatever was cut off is done again, and each step knows what it has done before. One service at a time leads; one that
takes over shuts the other out of the topic, learns what it wrote, and waits until nothing of it can arrive any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

from alerting.content.offering import Offerer
from alerting.deciding.dispatching import Dispatch
from alerting.deciding.heeding import Heed
from alerting.deciding.intake import Arrival, Intake
from alerting.deciding.reassuring import Reassurance
from alerting.deciding.refusing import Refusal, freeze_refusal
from alerting.deciding.releasing import Release
from alerting.delivery import Channel, Frozen
from alerting.ledger.ledger import Ledger
from alerting.ledger.rebuilding import latest, rebuild
from alerting.metrics import Metrics
from alerting.publishing import Feeds
from alerting.reloading import Reloader
from alerting.rendering.history import History
from alerting.rendering.sealing import Seal
from alerting.rules.roster import Roster
from alerting.rules.silencing import Silences
from alerting.sending import Sender
from alerting.settings import AlertingSettings
from alerting.topics.ports import ActionSource, Companion, Mirror, Source
from deskwatch import codec
from deskwatch.clock import Clock
from deskwatch.errors import CodecError, PublishError
from deskwatch.records import DeadLetter, Spike

MIRROR_EVERY_S: Final = 0.25
MIRROR_RETRY_S: Final = 5.0
RELEASE_EVERY_S: Final = 0.5
LAST_MIRROR_S: Final = 2.0
PRUNE_EVERY_S: Final = 3600.0

_DAY_S: Final = 86_400.0

_log = structlog.get_logger()


class Service:
    """One alerting service; `run` is its life.

    Args:
        companions: Run beside it while it leads, until they are told to stop.
    """

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
        actions: ActionSource | None = None,
        history: History | None = None,
        config_dir: Path | None = None,
        silences: Silences | None = None,
        offerer: Offerer | None = None,
        seal: Seal | None = None,
        companions: Sequence[Companion] = (),
    ) -> None:
        self._metrics = Metrics(registry)
        self._ledger = ledger
        self._source = source
        self._mirror = mirror
        self._channels = channels
        self._settings = settings
        self._clock = clock
        self._beat = beat
        self._actions = actions
        self._companions = companions
        self.dispatch = Dispatch(
            ledger,
            roster,
            settings=settings,
            metrics=self._metrics,
            clock=clock,
            silences=silences,
            chart=history.chart if history is not None else None,
            offerer=offerer,
            seal=seal,
        )
        self._heed = Heed(self.dispatch, self._metrics, clock)
        self._intake = Intake(ledger, self.dispatch, self._metrics)
        self._release = Release(self.dispatch)
        self._sender = Sender(
            ledger,
            channels,
            settings=settings,
            metrics=self._metrics,
            clock=clock,
            announce=announce,
            acknowledge=self._mirror_some,
            give_up=self.dispatch.fall_back,
            on_ambiguous=lambda frozen: self.dispatch.roster.on_ambiguous(frozen.subscriber, frozen.target),
        )
        self._mirroring = asyncio.Lock()
        self._early: Sequence[Arrival] = ()
        self._feeds = Feeds(ledger, lambda: self.dispatch.roster, settings) if settings.feed_dir else None
        self._reassurance = Reassurance(self.dispatch, history) if history is not None else None
        self._reloader = (
            Reloader(config_dir, roster, self._accept, self._metrics, clock, self._tell_owner)
            if config_dir is not None
            else None
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Alert until `stop` is set; then finish what is under way, which takes some seconds at most.

        Raises:
            ExceptionGroup: of what no part can go on with, such as a ledger that cannot be written.
            PublishError, ReadError: another service leads, or the broker does not answer at the take-over.
        """
        try:
            await self._stand_by(stop)
            if not stop.is_set():
                await self._take_over()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._take_in(stop))
                    group.create_task(self._let_go(stop))
                    group.create_task(self._sender.run(stop))
                    group.create_task(self._mirror_changes(stop))
                    for companion in self._companions:
                        group.create_task(companion(stop))
                    if self._reloader is not None:
                        group.create_task(self._reloader.run(stop))
                await self._mirror_last()
        finally:
            for channel in {id(channel): channel for channel in self._channels.values()}.values():
                await channel.close()

    def _accept(self, roster: Roster) -> None:
        self.dispatch.roster = roster

    def _tell_owner(self, owner: str, refusal: Refusal) -> None:
        """Write down the mail that tells an owner of a refused change, once for the same content."""
        made = freeze_refusal(refusal, owner, self._settings, self._clock.now())
        if not self._ledger.has(made.key):
            self.dispatch.write(made, made.created_at)
            self._sender.wake()

    async def _stand_by(self, stop: asyncio.Event) -> None:
        """Return when it is our turn; what is read on the way is kept."""
        while not stop.is_set() and not self._source.is_assigned():
            self._beat()
            self._early = await self._source.read()

    async def _take_over(self) -> None:
        """Shut out whoever led before, and learn what it wrote."""
        await self._mirror.take_over()
        settings, now = self._settings, self._clock.now().timestamp()
        patience_s = settings.lease_s + settings.longest_send_s + settings.settle_s
        cut_off = self._ledger.recover(now, settings.settle_s)
        rebuilt = rebuild(self._ledger, latest(await self._mirror.deliveries()), now, patience_s)
        if rebuilt.taken or not self._ledger.knows_spikes():
            self._note_spikes(await self._source.earlier())
        if cut_off or rebuilt.taken:
            _log.warning("ledger.recovered", unknown=cut_off + rebuilt.unknown, taken_over=rebuilt.taken)
        if self._actions is not None:  # before anything is decided: what was asked for before holds
            self._heed.take(await self._actions.read())

    def _note_spikes(self, arrivals: Sequence[Arrival]) -> None:
        with self._ledger.transaction():
            for arrival in arrivals:
                try:
                    spike = codec.decode(arrival.value, arrival.headers)
                except CodecError:
                    continue  # it became a dead letter when its turn was
                if isinstance(spike, Spike):
                    self._ledger.note_spike(spike, arrival.recorded_at)

    async def _take_in(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._beat()
            arrivals, self._early = self._early or await self._source.read(), ()
            if self._actions and self._heed.take(await self._actions.read()):
                self._sender.wake()
            if not arrivals:
                continue
            new, letters = self._intake.take(arrivals)
            if self._feeds is not None:
                self._feeds.touch()
            if new:
                self._sender.wake()
            if await self._bury(letters, stop) and await self._mirror_some():
                await self._source.commit()

    async def _let_go(self, stop: asyncio.Event) -> None:
        """Let held messages go when their time has come, and remove what is not needed any more."""
        prune_at = 0.0
        while not await _is_set_within(stop, RELEASE_EVERY_S):
            now = self._clock.now()
            made = self._release.run(now)
            if self._reassurance is not None:
                made += self._reassurance.run(now)
            if made:
                self._sender.wake()
            if self._feeds is not None:
                self._feeds.run(now)
            if now.timestamp() >= prune_at:
                self._ledger.prune(now.timestamp() - self._settings.keep_days * _DAY_S)
                prune_at = now.timestamp() + PRUNE_EVERY_S

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
        async with self._mirroring:
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
