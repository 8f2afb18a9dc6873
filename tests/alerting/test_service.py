from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes import slack, smtp
from fakes.alert_process import delivery_states, environment, publish, start, stop, wait_for
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp
from fakes.spikes import make_spike
from prometheus_client import CollectorRegistry

from alerting.folder import FolderChannel
from alerting.intake import Arrival
from alerting.ledger import Change, Ledger
from alerting.service import Service
from alerting.settings import AlertingSettings
from alerting.subscriptions import load
from deskwatch import clients, codec, topics
from deskwatch.broker import MockBroker
from deskwatch.clock import SystemClock
from deskwatch.errors import PublishError
from deskwatch.records import DeadLetter, DeliveryState, SpikeState, Tick
from deskwatch.settings import Settings


def test_a_spike_on_the_embedded_broker_reaches_every_target_once(
    tmp_path: Path, config_dir: Path, fake_slack: FakeSlack, fake_smtp: FakeSmtp
) -> None:
    with MockBroker({topic.name: topic.partitions for topic in topics.TOPICS}) as broker:
        settings = Settings(
            kafka_bootstrap=broker.bootstrap,
            kafka_embedded=True,
            config_dir=str(config_dir),
            state_dir=str(tmp_path / "state"),
        )
        environ = environment(settings, fake_slack, fake_smtp, announce="true")
        opening = make_spike()
        growing = make_spike(revision=1, state=SpikeState.GROWING)
        other = Tick(shard=0, at=opening.detected_at)
        publish(settings, topics.SPIKES.name, [opening, other, growing])

        first = start(environ, tmp_path / "log")
        wait_for(lambda: len(fake_slack.messages) + len(fake_smtp.accepted) == 3, "three alerts")
        wait_for(lambda: Counter(delivery_states(settings).values()) == {DeliveryState.SENT: 3}, "mirrored")
        code, printed = stop(first)

        assert code == 0, (tmp_path / "log").read_text()
        assert printed.count("HIGH · Taiwan") == 1
        assert printed.count(" → ") == 3
        letters = [record for _, record in clients.read_topic(settings, topics.DEAD_LETTERS.name)]
        assert [(one.offset, one.reason) for one in letters if isinstance(one, DeadLetter)] == [(1, "unknown_schema")]

    assert fake_slack.keys() == ["spike-1|0|china-desk|slack"]
    assert sorted(recipient for recipient, _ in fake_smtp.accepted) == [
        "china-desk@example.org",
        "trade-desk@example.org",
    ]


class DownBroker:
    """Source and mirror of a broker that takes nothing."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.arrivals = list(arrivals)
        self.refusals = 0
        self.committed = False
        self.buried: list[DeadLetter] = []
        self.mirrored: list[Change] = []

    async def read(self) -> Sequence[Arrival]:
        await asyncio.sleep(0)
        batch, self.arrivals = self.arrivals, []
        return batch

    async def commit(self) -> None:
        self.committed = True

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        self._refuse()
        self.buried += letters

    async def publish(self, changes: Sequence[Change]) -> None:
        self._refuse()
        self.mirrored += changes

    def _refuse(self) -> None:
        self.refusals += 1
        raise PublishError("deliveries", "nobody there")


def test_without_a_broker_to_report_to_alerts_go_out_and_nothing_is_committed_or_forgotten(
    tmp_path: Path, config_dir: Path
) -> None:
    spike = make_spike()
    headers = tuple(codec.headers_of(spike))
    good = Arrival(topic="spikes", partition=0, offset=0, recorded_at=0.0, value=codec.encode(spike), headers=headers)
    bad = Arrival(topic="spikes", partition=0, offset=1, recorded_at=0.0, value=b"?", headers=headers)
    outbox = tmp_path / "outbox"

    async def scenario(ledger: Ledger) -> DownBroker:
        broker, stop = DownBroker([bad, good]), asyncio.Event()
        service = Service(
            ledger,
            load(config_dir),
            broker,
            broker,
            {"mail": FolderChannel(outbox), "slack": FolderChannel(outbox)},
            settings=AlertingSettings(slack_gap_s=0.0),
            registry=CollectorRegistry(),
            clock=SystemClock(),
        )
        running = asyncio.create_task(service.run(stop))
        async with asyncio.timeout(10):
            while len(list(outbox.iterdir())) < 3 or broker.refusals < 2:
                await asyncio.sleep(0.01)
            stop.set()
            await running
        return broker

    with Ledger(tmp_path / "state") as ledger:
        broker = asyncio.run(scenario(ledger))
        assert (broker.committed, broker.buried, broker.mirrored) == (False, [], [])
        assert len(ledger.changes()) == 9, "three changes of three deliveries wait for the broker"


@pytest.mark.system
def test_killed_on_real_kafka_every_target_is_alerted_once(tmp_path: Path, config_dir: Path, kafka: str) -> None:
    settings = Settings(
        kafka_bootstrap=kafka,
        kafka_prefix=f"{tmp_path.name}.",
        config_dir=str(config_dir),
        state_dir=str(tmp_path / "state"),
    )
    clients.create_topics(settings)
    spikes, kills, chance = 40, 12, random.Random(7)
    slack_faults = slack.Faults(rate_limited=0.03, error_after=0.05, drop_after=0.05, error_before=0.05)
    smtp_faults = smtp.Faults(later_recipient=0.05, later_data=0.03, drop_after=0.05)
    publish(settings, topics.SPIKES.name, [make_spike(spike_id=f"spike-{n}") for n in range(spikes)])
    with FakeSlack(slack_faults) as fake_slack, FakeSmtp(smtp_faults, log=tmp_path / "mainlog") as fake_smtp:
        environ = environment(settings, fake_slack, fake_smtp, reconcile_log=fake_smtp.log)
        for _ in range(kills):
            before = fake_slack.posts + fake_smtp.transactions
            process = start(environ, tmp_path / "log")
            wanted = before + chance.randint(1, 6)
            wait_for(lambda: fake_slack.posts + fake_smtp.transactions >= wanted, "the restarted service sends")  # noqa: B023
            assert stop(process, number=signal.SIGKILL)[0] == -signal.SIGKILL
        process = start(environ, tmp_path / "log")
        wait_for(
            lambda: Counter(delivery_states(settings).values()) == {DeliveryState.SENT: 3 * spikes},
            "everything sent and mirrored",
            within_s=90,
        )
        assert stop(process, number=signal.SIGINT)[0] == 0

        assert sorted(fake_slack.keys()) == sorted(f"spike-{n}|0|china-desk|slack" for n in range(spikes))
        identities = Counter(str(mail["Message-ID"]) for mail in fake_smtp.mails())
        assert len(identities) == 2 * spikes
        assert set(identities.values()) == {1}
