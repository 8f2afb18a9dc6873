"""Every channel over HTTP behind a sender that is cut off again and again, and receivers that fail: what arrives."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from fakes.messages import make_match
from fakes.receiver import ROUTING_KEY, SECRET, TOKEN, FakeNtfy, FakePagerDuty, FakeTeams, FakeWebhook, Receiver
from fakes.spikes import make_spike
from prometheus_client import CollectorRegistry

from alerting.channels.wiring import create_channels
from alerting.deciding.freezing import Context, freeze
from alerting.ledger.ledger import Ledger, read_states
from alerting.metrics import Metrics
from alerting.rules.roster import Hook, Pager, Roster, SignedHook, Target
from alerting.sending import Sender
from alerting.settings import AlertingSettings
from deskwatch.clock import SystemClock
from deskwatch.records import DeliveryState

EPISODES = 12
TARGETS = (
    Target(name="cases", webhook=SignedHook(url_env="CASES", secret_env="SECRET")),
    Target(name="room", teams=Hook(url_env="ROOM")),
    Target(name="phone", ntfy="desk-alerts"),
    Target(name="duty", pagerduty=Pager(key_env="KEY")),
)


async def send_until_cut_off(
    ledger: Ledger, settings: AlertingSettings, environ: Mapping[str, str], receivers: list[Receiver], requests: int
) -> None:
    """Run a sender until the receivers have had so many more requests, or nothing is left, and cut it off there."""
    channels = create_channels(settings, Roster(subscribers={}, subscriptions=()), environ)
    stop, until = asyncio.Event(), sum(len(one.seen) for one in receivers) + requests

    async def acknowledge() -> bool:
        return True

    sender = Sender(
        ledger,
        channels,
        settings=settings,
        metrics=Metrics(CollectorRegistry()),
        clock=SystemClock(),
        announce=lambda _: None,
        acknowledge=acknowledge,
        drain_s=0.0,
    )
    task = asyncio.create_task(sender.run(stop))
    while sum(len(one.seen) for one in receivers) < until and ledger.backlog():
        await asyncio.sleep(0.005)
    stop.set()
    await task
    for channel in channels.values():
        await channel.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_and_only_what_cannot_be_told_apart_is_doubled(tmp_path: Path, seed: int) -> None:
    chance, now = random.Random(seed), datetime.now(UTC)
    cases, room, phone, duty = FakeWebhook(), FakeTeams(), FakeNtfy(), FakePagerDuty()
    receivers: list[Receiver] = [cases, room, phone, duty]
    with ExitStack() as stack:
        for one in receivers:
            stack.enter_context(one)
            one.script.extend(
                chance.choice(("", "", "", "", "", "", 500, "error_after", "drop_after")) for _ in range(1000)
            )
        environ = {"CASES": cases.url, "ROOM": f"{room.url}/?sig=good", "SECRET": SECRET, "KEY": ROUTING_KEY}
        environ["TOKEN"] = TOKEN
        settings = AlertingSettings(
            ntfy_base_url=phone.url,
            pagerduty_base_url=duty.url,
            ntfy_token_env="TOKEN",
            settle_s=0.3,  # a receiver may take what was cut off a moment later
            retry_base_s=0.02,
            retry_max_s=0.05,
        )
        with Ledger(tmp_path) as ledger:
            context = Context(settings=settings, now=now)
            ledger.add(
                freeze(make_spike(spike_id=f"s{n}"), msgspec.structs.replace(make_match(), target=target), context)
                for n in range(EPISODES)
                for target in TARGETS
            )
        while set(read_states(tmp_path).values()) != {DeliveryState.SENT}:
            with Ledger(tmp_path) as ledger:
                ledger.recover(datetime.now(UTC).timestamp(), settings.settle_s)
                requests = chance.randint(1, 20)
                asyncio.run(send_until_cut_off(ledger, settings, environ, receivers, requests))

    wanted = {f"s{n}" for n in range(EPISODES)}
    assert sorted(one["episode"]["spike_id"] for one in cases.taken) == sorted(wanted), "by its id, each once"
    assert len(phone.taken) == len({one["sequence_id"] for one in phone.taken}) == EPISODES, "looked up, each once"
    assert duty.incidents == {f"{spike}|desk|duty": True for spike in wanted}, "one incident each"
    assert len({msgspec.json.encode(one) for one in room.taken}) == EPISODES, "the same bytes, perhaps twice"
