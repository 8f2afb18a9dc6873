from __future__ import annotations

import json
from email import message_from_string
from email.policy import default
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import slack
from fakes.frozen import make_frozen
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp

from alerting.commands import Announcer, subscriptions
from deskwatch.records import DeliveryKind


def test_the_tests_of_a_directory_are_run(config_dir: Path) -> None:
    good = CliRunner().invoke(subscriptions, ["test", str(config_dir)])
    assert (good.exit_code, good.stdout) == (0, "1 tests, all as expected\n")

    file = config_dir / "subscriptions" / "desks.yaml"
    file.write_text(file.read_text().replace("expect: [trade-desk/mail]", "expect: []"))
    bad = CliRunner().invoke(subscriptions, ["test", str(config_dir)])
    assert bad.exit_code == 1
    assert bad.stdout == ""
    assert "desks.yaml:15:13: error: this test fails" in bad.stderr


@pytest.mark.parametrize("kind", ["text", "html", "slack", "eml"])
def test_a_preview_shows_an_invented_episode(kind: str) -> None:
    shown = CliRunner().invoke(subscriptions, ["preview", "--format", kind, "--theme", "tariffs"])

    assert shown.exit_code == 0, shown.output
    if kind == "slack":
        assert "Tariffs: 14 reports" in json.loads(shown.stdout)["text"]
    elif kind == "eml":
        assert message_from_string(shown.stdout, policy=default)["Subject"].startswith("[HIGH] Tariffs: 14 reports")
    else:
        assert "14 reports in 1 h" in shown.stdout


def test_a_test_message_reaches_every_target_of_one_subscriber_marked_as_such(
    config_dir: Path, fake_slack: FakeSlack, fake_smtp: FakeSmtp
) -> None:
    environ = {
        "DESKWATCH_CONFIG_DIR": str(config_dir),
        "DESKWATCH_ALERTING_SMTP_PORT": str(fake_smtp.port),
        "DESKWATCH_ALERTING_SMTP_TLS": "none",
        "DESKWATCH_ALERTING_SLACK_BASE_URL": fake_slack.url,
        "DESKWATCH_ALERTING_SLACK_TOKEN_ENV": "FAKE_TOKEN",
        "FAKE_TOKEN": slack.TOKEN,
    }
    done = CliRunner(env=environ).invoke(subscriptions, ["send-test", "china-desk"])

    assert done.exit_code == 0, done.output
    assert [str(mail["Subject"])[:12] for mail in fake_smtp.mails()] == ["[TEST HIGH] "]
    assert ["TEST" in message["text"] for message in fake_slack.messages] == [True]

    fake_smtp.script.append("no_such_user")
    failed = CliRunner(env=environ).invoke(subscriptions, ["send-test", "trade-desk"])
    assert failed.exit_code == 1
    assert "sending to trade-desk/mail: bad_target: 550" in failed.stderr

    unknown = CliRunner(env=environ).invoke(subscriptions, ["send-test", "chinadesk"])
    assert unknown.exit_code == 2
    assert "did you mean 'china-desk'?" in unknown.stderr


def test_an_episode_is_printed_once_and_each_target_after_it() -> None:
    lines: list[str] = []
    announce = Announcer(lines.append)

    announce(make_frozen())
    announce(make_frozen(target="mail", channel="mail", address="a@b.example"))

    assert lines == ["a block", " → china-desk/slack (#china-desk)", " → china-desk/mail (a@b.example)"]
    announce(make_frozen(revision=1, kind=DeliveryKind.EDIT))
    announce(make_frozen(revision=1, kind=DeliveryKind.UPDATE))
    assert lines[3:] == [" ✎ china-desk/slack (#china-desk), edited", "a block", " → china-desk/slack (#china-desk)"]
