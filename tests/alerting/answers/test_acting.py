"""`deskwatch explain`, `deskwatch actions` and `subscriptions routes`, on a ledger and on the embedded broker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes.alert_process import publish
from fakes.frozen import make_frozen
from fakes.spikes import make_spike

from alerting.answers.acting import actions, explain
from alerting.commands import subscriptions
from alerting.ledger.ledger import Ledger
from deskwatch import clients, topics
from deskwatch.broker import MockBroker
from deskwatch.records import Action, DeliveryState, Verb
from deskwatch.settings import Settings


@pytest.fixture
def environ(tmp_path: Path, config_dir: Path) -> dict[str, str]:
    return {"DESKWATCH_CONFIG_DIR": str(config_dir), "DESKWATCH_STATE_DIR": str(tmp_path / "state")}


def run(environ: dict[str, str], command: object, *arguments: str) -> Result:
    return CliRunner(env=environ).invoke(command, list(arguments))  # type: ignore[arg-type]


def test_an_episode_in_this_machines_ledger_is_explained_without_a_broker(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with Ledger(tmp_path / "state") as ledger:
        ledger.note_spike(make_spike(), 1000.0)
        ledger.add([make_frozen()])
        ledger.settle(ledger.begin(make_frozen(), 1000.0), DeliveryState.SENT, 1001.0, provider_ref="1.5")

        shown = run(environ, explain, "spike")
        assert shown.exit_code == 0, shown.output
        assert "slack: opening of revision 0 was sent, as 1.5" in shown.stdout
        missing = run(environ, explain, "spyke-1")
        assert (missing.exit_code, "did you mean 'spike-1'?" in missing.stderr) == (1, True)
        stranger = run(environ, explain, "spike", "--subscriber", "china-desc")
        assert (stranger.exit_code, "did you mean 'china-desk'?" in stranger.stderr) == (2, True)


def test_a_silence_says_what_it_costs_and_reaches_the_topic(environ: dict[str, str]) -> None:
    with MockBroker({topic.name: topic.partitions for topic in topics.TOPICS}) as broker:
        environ |= {"DESKWATCH_KAFKA_BOOTSTRAP": broker.bootstrap, "DESKWATCH_KAFKA_EMBEDDED": "true"}
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
        publish(settings, topics.SPIKES.name, [make_spike()])

        tried = run(environ, actions, "silence", "china-desk", "taiwan", "--dry-run")
        assert (tried.exit_code, tried.stdout) == (0, "")
        assert "kept back 0 messages about 0 episodes" in tried.stderr
        done = run(environ, actions, "silence", "china-desk", "taiwan", "--for", "2d", "--by", "ann", "--note", "drill")
        assert done.exit_code == 0, done.output
        noted = run(environ, actions, "acknowledge", "china-desk", "spike", "--by", "ann")
        assert noted.exit_code == 0, noted.output
        shown = run(environ, actions, "list")
        assert shown.stdout.endswith("china-desk  taiwan  by ann drill\n")
        assert len(shown.stdout.splitlines()) == 1

        records = [record for _, record in clients.read_topic(settings, topics.ACTIONS.name)]
        assert [(one.verb, one.theme, one.spike_id) for one in records if isinstance(one, Action)] == [
            (Verb.SILENCE, "taiwan", ""),
            (Verb.ACKNOWLEDGE, "", "spike-1"),
        ]
        for arguments, word in (
            (["china-desk", "taiwn"], "did you mean 'taiwan'?"),
            (["china-desc", "taiwan"], "did you mean 'china-desk'?"),
            (["china-desk", "taiwan", "--for", "31d"], "of at most 30 days"),
            (["china-desk", "taiwan", "--for", "soon"], "is no length"),
        ):
            wrong = run(environ, actions, "silence", *arguments)
            assert (wrong.exit_code, word in wrong.stderr) == (2, True), wrong.output


@pytest.mark.slow
def test_what_keeps_messages_back_is_listed_and_can_be_ended(environ: dict[str, str]) -> None:
    with MockBroker({topic.name: topic.partitions for topic in topics.TOPICS}) as broker:
        environ |= {"DESKWATCH_KAFKA_BOOTSTRAP": broker.bootstrap, "DESKWATCH_KAFKA_EMBEDDED": "true"}
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
        at = datetime.now(UTC)
        values: dict[str, Any] = {"subscriber": "china-desk", "theme": "taiwan", "at": at}
        gone = Action(action_id="a", verb=Verb.UNSUBSCRIBE, target="mail", by="china-desk/mail", **values)
        silent = Action(action_id="b", verb=Verb.SILENCE, until=at + timedelta(hours=4), **values)
        publish(settings, topics.ACTIONS.name, [gone, silent])

        shown = run(environ, actions, "list").stdout.splitlines()
        assert [line.split("  ", 1)[1] for line in shown] == [
            "china-desk  taiwan",
            "china-desk/mail  taiwan  by china-desk/mail",
        ]
        assert shown[1].startswith("unsubscribed  ")

        wrong = run(environ, actions, "end", "china-desk", "tariffs")
        assert (wrong.exit_code, "nothing keeps messages to china-desk about tariffs back" in wrong.stderr) == (1, True)
        for arguments in (["china-desk", "taiwan"], ["china-desk", "taiwan", "--target", "mail"]):
            ended = run(environ, actions, "end", *arguments, "--by", "ann")
            assert ended.exit_code == 0, ended.output
        assert run(environ, actions, "list").stdout == ""


def test_routes_name_every_target_with_the_line_that_says_so(environ: dict[str, str], config_dir: Path) -> None:
    file = config_dir / "subscriptions" / "desks.yaml"
    quiet = 'slack: "#china-desk", quiet_hours: {from: "22:00", to: "07:00"}'
    text = file.read_text().replace('slack: "#china-desk"', quiet)
    text = text.replace("tariffs], min_severity: medium", "tariffs], min_severity: critical")
    file.write_text(text.replace("theme: tariffs, severity: high", "theme: tariffs, severity: critical"))

    shown = run(environ, subscriptions, "routes", "--theme", "taiwan", "--at", "2026-11-23T23:10+08:00")

    assert shown.exit_code == 0, shown.output
    assert [line.split("  ")[0] for line in shown.stdout.splitlines()] == [
        "china-desk/mail",
        "china-desk/slack",
        "trade-desk/mail",
    ]
    assert "sent at once" in shown.stdout
    assert "held until 2026-11-23 23:00 UTC (quiet_hours)" in shown.stdout
    assert "desks.yaml:12: it asks for critical, this is high" in shown.stdout
    wrong = run(environ, subscriptions, "routes", "--theme", "taiwan", "--at", "tonight")
    assert (wrong.exit_code, "is no time such as" in wrong.stderr) == (2, True)
