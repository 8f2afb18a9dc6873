"""The sender: takes what is due from the ledger, sends it once, and writes down what became of it.

Targets are independent of each other; to one target one delivery at a time. An outcome that is not known is looked up
at the provider after a settling time, and only what did not arrive goes again.

An intent has to be on the topic `deliveries` before the send, and the send has to begin within a lease from then on:
who takes over from a service that is gone, or only paused, sees every send that may still happen, and waits it out.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from alerting.delivery import Channel, Found, Frozen, Outcome, Reason
from alerting.ledger.ledger import Ledger
from alerting.metrics import Metrics
from alerting.settings import AlertingSettings
from deskwatch.clock import Clock
from deskwatch.records import DeliveryState

IDLE_S: Final = 0.25  # how late a delivery may start that was put off
DRAIN_S: Final = 7.0
CONCURRENT: Final = 20

_log = structlog.get_logger()


class Sender:
    """Works off one ledger until it is told to stop.

    Args:
        channels: By the `channel` of a delivery.
        announce: Called with every delivery that was sent.
        acknowledge: Returns whether the ledger's changes so far are on the topic `deliveries`, and we are the one who
            may write there.
        give_up: Called with every delivery that will never be made.
        on_ambiguous: Says of a delivery whether it may go again (`resend`) when nobody can tell whether it has
            arrived, or is given up (`hold`).
        drain_s: How long a stopping sender waits for what is under way.
    """

    def __init__(
        self,
        ledger: Ledger,
        channels: Mapping[str, Channel],
        *,
        settings: AlertingSettings,
        metrics: Metrics,
        clock: Clock,
        announce: Callable[[Frozen], None],
        acknowledge: Callable[[], Awaitable[bool]],
        give_up: Callable[[Frozen], object] = lambda _: None,
        on_ambiguous: Callable[[Frozen], str] = lambda _: "resend",
        drain_s: float = DRAIN_S,
    ) -> None:
        self._ledger = ledger
        self._channels = channels
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._announce = announce
        self._acknowledge = acknowledge
        self._give_up = give_up
        self._on_ambiguous = on_ambiguous
        self._drain_s = drain_s
        self._wake = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._held_until: dict[str, float] = {}

    def wake(self) -> None:
        """Say that there may be something new to send."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, then finish what is under way.

        Raises:
            sqlite3.Error: the ledger cannot be written; without it nothing may be sent.
        """
        try:
            while not stop.is_set():
                self._wake.clear()
                self._start_due()
                self._observe()
                done = self._collect()
                if not done:
                    await self._doze(stop)
            if self._busy:
                await asyncio.wait(self._busy.values(), timeout=self._drain_s)
        finally:
            await self._cut_off()

    async def _cut_off(self) -> None:
        """End what is still under way: its intent stays in the ledger, and the next start looks it up."""
        for task in self._busy.values():
            task.cancel()
        if self._busy:
            await asyncio.wait(self._busy.values())
        self._collect()

    async def deliver(self, frozen: Frozen) -> None:
        """Take one due delivery as far as it goes now: looked up if its outcome is unknown, sent if it may be."""
        now = self._now()
        if frozen.state is DeliveryState.UNKNOWN and await self._is_settled(frozen):
            return
        if now - frozen.created_at > self._settings.give_up_after_s:
            self._finish(frozen, Outcome(state=DeliveryState.DEAD, reason=Reason.EXPIRED, detail="given up"))
            return
        since = time.monotonic()
        started = self._ledger.begin(frozen, self._now())
        if not await self._acknowledge():
            self._finish(started, Outcome(state=DeliveryState.RETRY, reason=Reason.NOT_MIRRORED))
            return
        if time.monotonic() - since > self._settings.lease_s:
            self._finish(started, Outcome(state=DeliveryState.RETRY, reason=Reason.LEASE_LOST))
            return
        with self._metrics.send_seconds.labels(frozen.channel).time():
            outcome = await self._channels[frozen.channel].send(started)
        self._metrics.attempts.labels(frozen.channel, outcome.state).inc()
        self._finish(started, outcome)

    def _start_due(self) -> None:
        now = self._now()
        self._held_until = {name: until for name, until in self._held_until.items() if until > now}
        for frozen in self._ledger.due(now, excluding=self._busy.keys() | self._held_until.keys()):
            if len(self._busy) >= CONCURRENT:
                break
            self._busy[frozen.name] = asyncio.create_task(self.deliver(frozen), name=f"deliver {frozen.name}")
            self._busy[frozen.name].add_done_callback(lambda _: self._wake.set())

    def _collect(self) -> bool:
        done = [name for name, task in self._busy.items() if task.done()]
        for name in done:
            task = self._busy.pop(name)
            if not task.cancelled():
                task.result()  # a bug, or a ledger that cannot be written: nothing may be sent any more
        return bool(done)

    async def _doze(self, stop: asyncio.Event) -> None:
        waiting = {asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(stop.wait())}
        _, pending = await asyncio.wait(waiting, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
        for future in pending:
            future.cancel()

    async def _is_settled(self, frozen: Frozen) -> bool:
        """Look up an unknown outcome; return whether that is all that can be done now."""
        lookup = await self._channels[frozen.channel].look_up(frozen)
        self._metrics.reconciled.labels(frozen.channel, lookup.found).inc()
        _log.info("delivery.looked_up", target=frozen.name, spike_id=frozen.spike_id, found=lookup.found)
        if lookup.found is Found.YES:
            self._finish(frozen, Outcome(state=DeliveryState.SENT, provider_ref=lookup.provider_ref))
            return True
        now = self._now()
        if lookup.found is Found.ASK_AGAIN and now - frozen.created_at <= self._settings.give_up_after_s:
            later = now + self._backoff_s(frozen.attempts)
            self._ledger.settle(frozen, DeliveryState.UNKNOWN, now, reason=Reason.NO_ANSWER, not_before=later)
            return True
        if lookup.found is not Found.NO:
            self._metrics.ambiguous.labels(frozen.channel).inc()
            if self._on_ambiguous(frozen) == "hold":
                detail = "it may have arrived, and its target is on_ambiguous: hold"
                self._finish(frozen, Outcome(state=DeliveryState.DEAD, reason=Reason.CANNOT_TELL, detail=detail))
                return True
        return False

    def _finish(self, frozen: Frozen, outcome: Outcome) -> None:
        now = self._now()
        wait_s = 0.0
        if outcome.state is DeliveryState.RETRY:
            wait_s = max(outcome.retry_after_s, self._backoff_s(frozen.attempts))
        elif outcome.state is DeliveryState.UNKNOWN:
            wait_s = max(self._settings.settle_s, self._backoff_s(frozen.attempts))
        self._ledger.settle(
            frozen,
            outcome.state,
            now,
            reason=outcome.reason,
            provider_ref=outcome.provider_ref,
            not_before=now + wait_s,
        )
        self._hold(frozen, outcome, now)
        self._report(frozen, outcome, now)

    def _hold(self, frozen: Frozen, outcome: Outcome, now: float) -> None:
        """Keep the whole target quiet after a rate limit, and for a moment after every Slack message."""
        hold_s = outcome.retry_after_s
        if frozen.channel == "slack":
            hold_s = max(hold_s, self._settings.slack_gap_s)
        if hold_s:
            self._held_until[frozen.name] = now + hold_s

    def _report(self, frozen: Frozen, outcome: Outcome, now: float) -> None:
        about = {"target": frozen.name, "spike_id": frozen.spike_id, "attempts": frozen.attempts}
        if outcome.state is DeliveryState.SENT:
            self._metrics.sent.labels(frozen.channel).inc()
            self._metrics.delay_seconds.labels(frozen.channel).observe(max(0.0, now - frozen.recorded_at))
            _log.info("delivery.sent", **about, provider_ref=outcome.provider_ref)
            self._announce(frozen)
        elif outcome.state is DeliveryState.DEAD:
            self._metrics.dead.labels(frozen.channel, outcome.reason).inc()
            _log.error("delivery.dead", **about, reason=outcome.reason, detail=outcome.detail)
            self._give_up(frozen)
        else:
            _log.warning("delivery.put_off", **about, reason=outcome.reason, detail=outcome.detail)

    def _observe(self) -> None:
        backlog = {entry.channel: entry for entry in self._ledger.backlog()}
        for channel in self._channels:
            entry = backlog.get(channel)
            self._metrics.open.labels(channel).set(entry.open if entry else 0)
            self._metrics.oldest_seconds.labels(channel).set(self._now() - entry.oldest_at if entry else 0)

    def _backoff_s(self, attempts: int) -> float:
        doubled = self._settings.retry_base_s * 2.0 ** min(max(attempts - 1, 0), 30)
        return min(doubled, self._settings.retry_max_s) * random.uniform(0.8, 1.2)

    def _now(self) -> float:
        return self._clock.now().timestamp()
