"""The sender against a channel that does what a script says, on a clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes.frozen import make_frozen
from prometheus_client import CollectorRegistry

from alerting.delivery import Found, Frozen, Lookup, Outcome, Reason
from alerting.ledger.ledger import Ledger, read_states
from alerting.metrics import Metrics
from alerting.sending import Sender
from alerting.settings import AlertingSettings
from deskwatch.records import DeliveryState

SENT = Outcome(state=DeliveryState.SENT, provider_ref="1.1")
UNKNOWN = Outcome(state=DeliveryState.UNKNOWN, reason=Reason.NO_ANSWER)
RETRY = Outcome(state=DeliveryState.RETRY, reason=Reason.CONNECT)
DEAD = Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_TARGET)

ABSENT, FOUND = Lookup(found=Found.NO), Lookup(found=Found.YES, provider_ref="1.1")


class MovedClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime.fromtimestamp(1000.0, UTC)

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, at: datetime) -> None:
        raise AssertionError("the sender has no business sleeping on this clock")


@dataclass
class ScriptedChannel:
    """Answers from its scripts; SENT and ABSENT when they are used up."""

    outcomes: list[Outcome] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    sent: list[Frozen] = field(default_factory=list)
    looked_up: list[Frozen] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def send(self, frozen: Frozen) -> Outcome:
        self.sent.append(frozen)
        if self.gate is not None:
            await self.gate.wait()
        return self.outcomes.pop(0) if self.outcomes else SENT

    async def look_up(self, frozen: Frozen) -> Lookup:
        self.looked_up.append(frozen)
        return self.lookups.pop(0) if self.lookups else ABSENT

    async def close(self) -> None:
        pass


@dataclass
class Desk:
    """A sender with all around it."""

    ledger: Ledger
    directory: Path
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    clock: MovedClock = field(default_factory=MovedClock)
    channel: ScriptedChannel = field(default_factory=ScriptedChannel)
    announced: list[str] = field(default_factory=list)
    acknowledged: list[DeliveryState] = field(default_factory=list)
    refusals: list[bool] = field(default_factory=list)
    on_ambiguous: str = "resend"

    def run(self, scenario: Callable[[], Awaitable[None]], *, drain_s: float = 5.0, **settings: float) -> None:
        """Run the sender while the scenario goes on, then stop it."""

        async def both() -> None:
            sender = Sender(
                self.ledger,
                {"slack": self.channel, "mail": self.channel},
                settings=AlertingSettings(**({"slack_gap_s": 0.0, "settle_s": 30.0} | settings)),  # type: ignore[arg-type]
                metrics=Metrics(self.registry),
                clock=self.clock,
                announce=lambda frozen: self.announced.append(frozen.key),
                acknowledge=self._acknowledge,
                on_ambiguous=lambda _: self.on_ambiguous,
                drain_s=drain_s,
            )
            self.sender = sender
            stop = asyncio.Event()
            task = asyncio.create_task(sender.run(stop))
            try:
                await scenario()
            finally:
                stop.set()
                await asyncio.wait_for(task, 10)

        asyncio.run(both())

    async def _acknowledge(self) -> bool:
        self.acknowledged.append(self.state())
        return self.refusals.pop(0) if self.refusals else True

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.sender.wake()
                await asyncio.sleep(0)

    def state(self, number: int = 1) -> DeliveryState:
        return read_states(self.directory)[f"spike-{number}|0|china-desk|slack"]

    def move(self, seconds: float) -> None:
        self.clock.at += timedelta(seconds=seconds)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Ledger(tmp_path) as ledger:
        ledger.add([make_frozen()])
        yield Desk(ledger, tmp_path)


def test_a_sent_delivery_is_announced_and_not_sent_again(desk: Desk) -> None:
    async def scenario() -> None:
        await desk.until(lambda: desk.state() is DeliveryState.SENT)
        desk.move(3600)
        await asyncio.sleep(0.05)

    desk.run(scenario)

    assert len(desk.channel.sent) == 1
    assert desk.announced == [make_frozen().key]
    assert desk.metric("deskwatch_deliveries_sent_total", channel="slack") == 1
    assert desk.metric("deskwatch_deliveries_open", channel="slack") == 0


def test_the_intent_is_on_disk_before_the_send(desk: Desk) -> None:
    desk.channel.gate = asyncio.Event()

    async def scenario() -> None:
        await desk.until(lambda: bool(desk.channel.sent))
        assert desk.state() is DeliveryState.SENDING
        assert desk.channel.gate is not None
        desk.channel.gate.set()

    desk.run(scenario)

    assert desk.state() is DeliveryState.SENT, "a stopping sender finishes what is under way"


def test_nothing_is_sent_before_the_topic_has_the_intent(desk: Desk) -> None:
    desk.refusals = [False]

    async def scenario() -> None:
        await desk.until(lambda: desk.state() is DeliveryState.RETRY)
        assert desk.channel.sent == []
        desk.move(10)
        await desk.until(lambda: desk.state() is DeliveryState.SENT)

    desk.run(scenario)

    assert desk.acknowledged == [DeliveryState.SENDING] * 2
    assert len(desk.channel.sent) == 1


def test_a_service_that_was_held_up_between_intent_and_send_does_not_send(desk: Desk) -> None:
    async def scenario() -> None:
        await desk.until(lambda: desk.state() is DeliveryState.RETRY)

    desk.run(scenario, lease_s=-1.0)

    assert desk.channel.sent == []
    assert desk.ledger.of_spike("spike-1")[0].reason is Reason.LEASE_LOST


def test_a_send_that_hangs_does_not_keep_the_service_from_stopping_and_is_looked_up_later(desk: Desk) -> None:
    desk.channel.gate = asyncio.Event()

    async def scenario() -> None:
        await desk.until(lambda: bool(desk.channel.sent))

    desk.run(scenario, drain_s=0.01)

    assert desk.state() is DeliveryState.SENDING
    assert desk.ledger.recover(2000.0, 30.0) == 1


def test_an_unknown_outcome_is_looked_up_after_settling_and_absent_ones_go_again(desk: Desk) -> None:
    desk.channel.outcomes = [UNKNOWN]

    async def scenario() -> None:
        await desk.until(lambda: desk.state() is DeliveryState.UNKNOWN)
        desk.move(29)
        await asyncio.sleep(0.02)
        assert desk.channel.looked_up == []
        desk.move(2)
        await desk.until(lambda: desk.state() is DeliveryState.SENT)

    desk.run(scenario)

    assert len(desk.channel.looked_up) == 1
    assert [frozen.body for frozen in desk.channel.sent] == [make_frozen().body] * 2
    assert desk.metric("deskwatch_deliveries_reconciled_total", channel="slack", result="absent") == 1
    assert desk.metric("deskwatch_deliveries_ambiguous_total", channel="slack") == 0


def test_an_unknown_outcome_that_is_found_is_not_sent_again(desk: Desk) -> None:
    desk.channel.outcomes, desk.channel.lookups = [UNKNOWN], [Lookup(found=Found.ASK_AGAIN), FOUND]

    async def scenario() -> None:
        await desk.until(lambda: desk.state() is DeliveryState.UNKNOWN)
        desk.move(31)
        await desk.until(lambda: len(desk.channel.looked_up) == 1)
        desk.move(10)
        await desk.until(lambda: desk.state() is DeliveryState.SENT)

    desk.run(scenario)

    assert len(desk.channel.sent) == 1


def test_where_nobody_can_tell_it_goes_again_and_is_counted(desk: Desk) -> None:
    desk.channel.outcomes, desk.channel.lookups = [UNKNOWN], [Lookup(found=Found.CANNOT_TELL)]

    async def scenario() -> None:
        await desk.until(lambda: desk.state() is DeliveryState.UNKNOWN)
        desk.move(31)
        await desk.until(lambda: desk.state() is DeliveryState.SENT)

    desk.run(scenario)

    assert len(desk.channel.sent) == 2
    assert desk.metric("deskwatch_deliveries_ambiguous_total", channel="slack") == 1


def test_where_nobody_can_tell_a_target_may_ask_that_it_does_not_go_again(desk: Desk) -> None:
    desk.channel.outcomes = [UNKNOWN, UNKNOWN]
    desk.channel.lookups = [Lookup(found=Found.CANNOT_TELL), ABSENT]
    desk.on_ambiguous = "hold"
    desk.ledger.add([make_frozen(2)])

    async def scenario() -> None:
        await desk.until(lambda: desk.state(1) is desk.state(2) is DeliveryState.UNKNOWN)
        desk.move(31)
        await desk.until(lambda: desk.state(1) is DeliveryState.DEAD and desk.state(2) is DeliveryState.SENT)

    desk.run(scenario)

    assert [frozen.spike_id for frozen in desk.channel.sent] == ["spike-1", "spike-2", "spike-2"]
    assert desk.ledger.of_spike("spike-1")[0].reason is Reason.CANNOT_TELL
    assert desk.metric("deskwatch_deliveries_ambiguous_total", channel="slack") == 1
    assert desk.metric("deskwatch_deliveries_dead_total", channel="slack", reason="cannot_tell") == 1


def test_a_rate_limit_quiets_the_whole_target_but_no_other(desk: Desk) -> None:
    desk.channel.outcomes = [
        Outcome(state=DeliveryState.RETRY, reason=Reason.RATE_LIMITED, retry_after_s=7.0),
    ]
    desk.ledger.add([make_frozen(2), make_frozen(1, target="mail", channel="mail", address="a@b.example")])

    async def scenario() -> None:
        await desk.until(lambda: len(desk.channel.sent) == 2)
        desk.move(6.9)
        await asyncio.sleep(0.02)
        assert sorted(frozen.target for frozen in desk.channel.sent) == ["mail", "slack"]
        desk.move(4)
        await desk.until(lambda: desk.state(1) is desk.state(2) is DeliveryState.SENT)

    desk.run(scenario)


def test_retries_wait_longer_each_time_and_end_at_the_limit(desk: Desk) -> None:
    desk.channel.outcomes = [RETRY] * 100
    waits: list[float] = []

    async def scenario() -> None:
        while desk.state() is not DeliveryState.DEAD:
            before, attempts = desk.clock.at, len(desk.channel.sent)
            while len(desk.channel.sent) == attempts and desk.state() is not DeliveryState.DEAD:
                desk.move(1)
                desk.sender.wake()
                await asyncio.sleep(0.001)
            waits.append((desk.clock.at - before).total_seconds())

    desk.run(scenario, retry_base_s=2.0, retry_max_s=60.0, give_up_after_s=300.0)

    assert waits[1] < waits[2] < waits[3] < waits[4]
    assert max(waits) < 100
    assert desk.metric("deskwatch_deliveries_dead_total", channel="slack", reason="expired") == 1


def test_a_permanent_refusal_is_dead_and_counted_with_its_reason(desk: Desk) -> None:
    desk.channel.outcomes = [DEAD]

    async def scenario() -> None:
        await desk.until(lambda: desk.state() is DeliveryState.DEAD)
        desk.move(3600)
        await asyncio.sleep(0.02)

    desk.run(scenario)

    assert len(desk.channel.sent) == 1
    assert desk.announced == []
    assert desk.metric("deskwatch_deliveries_dead_total", channel="slack", reason="bad_target") == 1
