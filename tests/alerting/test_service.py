from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from fakes import slack, smtp
from fakes.alert_process import delivery_states, environment, publish, start, stop, wait_for
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp
from fakes.spikes import make_spike
from prometheus_client import CollectorRegistry

from alerting.channels.folder import FolderChannel
from alerting.deciding.intake import Arrival
from alerting.ledger.ledger import Change, Ledger
from alerting.rules.subscriptions import load
from alerting.service import Service
from alerting.settings import AlertingSettings
from deskwatch import clients, codec, topics
from deskwatch.broker import MockBroker
from deskwatch.clock import SystemClock
from deskwatch.errors import PublishError
from deskwatch.records import DeadLetter, Delivery, DeliveryState, SpikeState, Tick, Turn
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
        growing = make_spike(revision=1, state=SpikeState.GROWING, turn=Turn.SURER, observed=20)
        other = Tick(shard=0, at=opening.detected_at)
        publish(settings, topics.SPIKES.name, [opening, other, growing])

        first = start(environ, tmp_path / "log")
        wait_for(lambda: len(fake_slack.messages) + len(fake_smtp.accepted) == 3, "three alerts")
        wait_for(lambda: len(fake_slack.edits) == 1, "the message in Slack is edited")
        wait_for(lambda: Counter(delivery_states(settings).values()) == {DeliveryState.SENT: 4}, "mirrored")
        code, printed = stop(first)

        assert code == 0, (tmp_path / "log").read_text()
        assert printed.count("HIGH · Taiwan") == 1
        assert printed.count(" → ") == 3
        assert printed.count(" ✎ china-desk/slack (#china-desk), edited") == 1
        letters = [record for _, record in clients.read_topic(settings, topics.DEAD_LETTERS.name)]
        assert [(one.offset, one.reason) for one in letters if isinstance(one, DeadLetter)] == [(1, "unknown_schema")]

    assert fake_slack.keys() == ["spike-1|0|china-desk|slack"]
    assert sorted(recipient for recipient, _ in fake_smtp.accepted) == [
        "china-desk@example.org",
        "trade-desk@example.org",
    ]


class DownBroker:
    """Source and mirror of a broker that takes nothing for a while."""

    def __init__(self, arrivals: Sequence[Arrival], refusals: int) -> None:
        self.arrivals = list(arrivals)
        self.to_refuse = refusals
        self.committed = False
        self.buried: list[DeadLetter] = []
        self.mirrored: list[Change] = []
        self.sent_while_down: int | None = None
        self.outbox = Path()

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

    async def earlier(self) -> Sequence[Arrival]:
        return []

    def is_assigned(self) -> bool:
        return True

    async def take_over(self) -> None:
        pass

    async def deliveries(self) -> Sequence[Delivery]:
        return []

    def _refuse(self) -> None:
        if self.to_refuse:
            self.to_refuse -= 1
            raise PublishError("deliveries", "nobody there")
        if self.sent_while_down is None:
            self.sent_while_down = len(list(self.outbox.iterdir()))


def test_no_alert_goes_out_before_the_broker_knows_of_it_and_all_do_afterwards(
    tmp_path: Path, config_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerting.service.MIRROR_RETRY_S", 0.05)
    spike = make_spike()
    headers = tuple(codec.headers_of(spike))
    good = Arrival(topic="spikes", partition=0, offset=0, recorded_at=0.0, value=codec.encode(spike), headers=headers)
    bad = Arrival(topic="spikes", partition=0, offset=1, recorded_at=0.0, value=b"?", headers=headers)
    outbox, feeds = tmp_path / "outbox", tmp_path / "feeds"

    def is_in_feeds() -> bool:
        files = [feeds / "alerts.atom", feeds / "alerts.json"]
        return all(file.exists() and b"spike/spike-1" in file.read_bytes() for file in files)

    async def scenario(ledger: Ledger) -> DownBroker:
        broker, stop = DownBroker([bad, good], refusals=6), asyncio.Event()
        broker.outbox = outbox
        service = Service(
            ledger,
            load(config_dir),
            broker,
            broker,
            {"mail": FolderChannel(outbox), "slack": FolderChannel(outbox)},
            settings=AlertingSettings(slack_gap_s=0.0, retry_base_s=0.01, feed_dir=str(feeds)),
            registry=CollectorRegistry(),
            clock=SystemClock(),
        )
        running = asyncio.create_task(service.run(stop))
        async with asyncio.timeout(10):
            while len(list(outbox.iterdir())) < 3 or not broker.committed or not is_in_feeds():
                await asyncio.sleep(0.01)
            stop.set()
            await running
        return broker

    with Ledger(tmp_path / "state") as ledger:
        broker = asyncio.run(scenario(ledger))
        assert broker.sent_while_down == 0
        assert [letter.offset for letter in broker.buried] == [1]
        assert ledger.changes() == []
    last = {one.key: msgspec.json.decode(one.record, type=Delivery).state for one in broker.mirrored}
    assert last == dict.fromkeys(last, DeliveryState.SENT)
    assert len(last) == 3


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
