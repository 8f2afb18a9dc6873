"""All the ways back at once: the real `deskwatch alert` on the embedded broker, and Slack's buttons onto the topic."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.alert_process import environment, publish, start, stop, wait_for
from fakes.frozen import make_frozen
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp
from fakes.socketmode import APP_TOKEN, FakeSocketMode
from fakes.spikes import make_spike
from prometheus_client import CollectorRegistry

from alerting.answers.backchannel import open_backchannel, read_secrets
from alerting.ledger.ledger import Ledger
from alerting.rules.subscriptions import load
from alerting.settings import AlertingSettings
from deskwatch import clients, topics
from deskwatch.broker import MockBroker
from deskwatch.clock import SystemClock
from deskwatch.errors import ConfigError
from deskwatch.records import Action, DeliveryState, Verb
from deskwatch.settings import Settings

SECRET = "a secret of the desk"


@pytest.fixture
def settings(tmp_path: Path, config_dir: Path) -> Iterator[Settings]:
    """Yield the settings of an embedded broker that runs."""
    with MockBroker({topic.name: topic.partitions for topic in topics.TOPICS}) as broker:
        yield Settings(
            kafka_bootstrap=broker.bootstrap,
            kafka_embedded=True,
            config_dir=str(config_dir),
            state_dir=str(tmp_path / "state"),
        )


def actions(settings: Settings) -> list[Action]:
    records = [record for _, record in clients.read_topic(settings, topics.ACTIONS.name)]
    return [record for record in records if isinstance(record, Action)]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def fetch(url: str, body: bytes | None = None) -> str:
    with urllib.request.urlopen(url, data=body, timeout=10) as response:
        return str(response.read().decode())


@pytest.mark.slow
def test_the_links_of_a_mail_reach_the_topic_and_edit_the_message_in_slack(
    settings: Settings, tmp_path: Path, fake_slack: FakeSlack, fake_smtp: FakeSmtp
) -> None:
    port = free_port()
    environ = environment(
        settings,
        fake_slack,
        fake_smtp,
        public_url=f"http://127.0.0.1:{port}/desk",
        action_secret_env="LINK_SECRET",
        answer_port=port,
    ) | {"LINK_SECRET": SECRET}
    publish(settings, topics.SPIKES.name, [make_spike()])
    process = start(environ, tmp_path / "log")
    try:
        wait_for(lambda: len(fake_slack.messages) + len(fake_smtp.accepted) == 3, "three alerts")
        mail = next(mail for mail in fake_smtp.mails() if mail["To"] == "china-desk@example.org")
        text = str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
        noted, unsubscribe = (re.search(rf"{label}:\s+(\S+)", text)[1] for label in ("Acknowledge", "Unsubscribe"))  # type: ignore[index]

        assert "Nothing has happened yet" in fetch(noted)
        assert "Done." in fetch(noted, b"")
        wait_for(lambda: "Acknowledged by china-desk/mail" in json.dumps(fake_slack.messages), "Slack shows it")
        assert "This was done" in fetch(noted, b"")
        assert fetch(unsubscribe, b"List-Unsubscribe=One-Click") == "Done.\n"
        wait_for(lambda: len(actions(settings)) == 2, "both are on the topic")
        publish(settings, topics.SPIKES.name, [make_spike(spike_id="spike-2", headlines=())])
        wait_for(lambda: len(fake_slack.messages) == 2 and len(fake_smtp.accepted) == 3, "all but the unsubscribed")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(noted[:-3])
    finally:
        code, _ = stop(process)

    assert code == 0, (tmp_path / "log").read_text()
    assert len(fake_slack.edits) == 1
    assert sorted(recipient for recipient, _ in fake_smtp.accepted) == [
        "china-desk@example.org",
        "trade-desk@example.org",
        "trade-desk@example.org",
    ]
    assert [(one.verb, one.subscriber, one.target) for one in actions(settings)] == [
        (Verb.ACKNOWLEDGE, "china-desk", ""),
        (Verb.UNSUBSCRIBE, "china-desk", "mail"),
    ]


def test_a_button_in_slack_reaches_the_topic_once(settings: Settings, config_dir: Path, ledger: Ledger) -> None:
    ledger.add([make_frozen()])
    ledger.settle(ledger.begin(make_frozen(), 1000.0), DeliveryState.SENT, 1001.0, provider_ref="1.5")

    async def scenario() -> None:
        async with FakeSocketMode() as fake:
            alerting = AlertingSettings(slack_base_url=fake.url, slack_app_token_env="APP")
            secrets, roster, ended = read_secrets(alerting, {"APP": APP_TOKEN}), load(config_dir), asyncio.Event()
            registry, clock = CollectorRegistry(), SystemClock()
            async with open_backchannel(
                settings, alerting, secrets, {}, ledger, lambda: roster, registry=registry, clock=clock
            ) as back:
                assert back.offerer.buttons
                running = [asyncio.create_task(companion(ended)) for companion in back.companions]
                await fake.until(lambda: fake.connected == 1)
                await fake.press(verb="silence", user="ann")
                await fake.press(verb="silence", user="ann")
                await fake.press(verb="silence", user="eve", key="spike-7|0|china-desk|slack")
                await fake.press(verb="acknowledge", user="bob")
                async with asyncio.timeout(20):
                    while len(await asyncio.to_thread(actions, settings)) < 2:
                        await asyncio.sleep(0.05)
                ended.set()
                await asyncio.gather(*running)

    asyncio.run(scenario())

    assert [(one.verb, one.by, one.theme) for one in actions(settings)] == [
        (Verb.SILENCE, "ann", "taiwan"),
        (Verb.ACKNOWLEDGE, "bob", "taiwan"),
    ]


@pytest.mark.parametrize(
    ("values", "environ", "message"),
    [
        ({"action_secret_env": "LINK"}, {"LINK": SECRET}, "need each other"),
        ({"public_url": "https://desk.example"}, {}, "need each other"),
        ({"public_url": "https://desk.example", "action_secret_env": "LINK"}, {"LINK": "short"}, "can be guessed"),
        ({"public_url": "https://desk.example", "action_secret_env": "LINK"}, {}, "holds the secret that signs links"),
        ({"slack_app_token_env": "APP"}, {}, "holds the app token for Slack's buttons"),
    ],
)
def test_what_could_not_work_is_refused_at_the_start(
    values: dict[str, str], environ: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_secrets(AlertingSettings(**values), environ)  # type: ignore[arg-type]


def test_without_settings_there_is_no_way_back(settings: Settings, config_dir: Path, ledger: Ledger) -> None:
    async def scenario() -> None:
        alerting = AlertingSettings()
        async with open_backchannel(
            settings,
            alerting,
            read_secrets(alerting, {}),
            {},
            ledger,
            lambda: load(config_dir),
            registry=CollectorRegistry(),
            clock=SystemClock(),
        ) as back:
            assert (back.companions, back.seal, back.channels) == ((), None, {})
            offer = back.offerer.offer("desk", "mail", "taiwan", "spike-1", SystemClock().now(), key="key")
            assert (offer.links, offer.button_key) == ({}, "")

    asyncio.run(scenario())
