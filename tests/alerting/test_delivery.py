"""What each channel says about what became of a send, against servers that misbehave."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from fakes import slack
from fakes.frozen import make_frozen
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp

from alerting.channels.folder import FolderChannel
from alerting.channels.slackapi import SlackChannel, judge
from alerting.channels.smtp import SmtpChannel, is_accepted
from alerting.delivery import Channel, Found, Frozen, Lookup, Outcome, Reason
from alerting.rendering.mail import message_id
from alerting.settings import AlertingSettings
from deskwatch.records import DeliveryState

MAIL = make_frozen(target="mail", channel="mail", address="china-desk@example.org")
POST = make_frozen()


def send(channel: Channel, frozen: Frozen) -> Outcome:
    async def once() -> Outcome:
        try:
            return await channel.send(frozen)
        finally:
            await channel.close()

    return asyncio.run(once())


def look_up(channel: Channel, frozen: Frozen) -> Lookup:
    async def once() -> Lookup:
        try:
            return await channel.look_up(frozen)
        finally:
            await channel.close()

    return asyncio.run(once())


def to_smtp(port: int, **options: Any) -> SmtpChannel:
    return SmtpChannel(AlertingSettings(smtp_port=port, smtp_tls="none", smtp_timeout_s=5.0, **options), "")


def to_slack(fake: FakeSlack, *, token: str = slack.TOKEN, timeout_s: float = 5.0) -> SlackChannel:
    return SlackChannel(base_url=fake.url, token=token, timeout_s=timeout_s)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_mail_arrives_byte_for_byte(fake_smtp: FakeSmtp) -> None:
    outcome = send(to_smtp(fake_smtp.port), MAIL)

    assert outcome.state is DeliveryState.SENT
    assert outcome.provider_ref == message_id(MAIL.key, "localhost")
    assert fake_smtp.accepted == [("china-desk@example.org", MAIL.body)]


@pytest.mark.parametrize(
    ("fault", "state", "reason", "accepted"),
    [
        ("later_recipient", DeliveryState.RETRY, Reason.REFUSED_FOR_NOW, 0),
        ("later_data", DeliveryState.RETRY, Reason.REFUSED_FOR_NOW, 0),
        ("no_such_user", DeliveryState.DEAD, Reason.BAD_TARGET, 0),
        ("refuse_data", DeliveryState.DEAD, Reason.BAD_CONTENT, 0),
        ("sender_refused", DeliveryState.RETRY, Reason.CREDENTIALS, 0),
        ("drop_after", DeliveryState.UNKNOWN, Reason.NO_ANSWER, 1),
    ],
)
def test_a_misbehaving_mta_is_judged_by_what_it_may_have_accepted(
    fake_smtp: FakeSmtp, fault: str, state: DeliveryState, reason: Reason, accepted: int
) -> None:
    fake_smtp.script.append(fault)

    outcome = send(to_smtp(fake_smtp.port), MAIL)

    assert (outcome.state, outcome.reason) == (state, reason)
    assert len(fake_smtp.accepted) == accepted


def test_an_mta_that_is_not_there_or_offers_no_tls_has_surely_got_nothing(fake_smtp: FakeSmtp) -> None:
    assert send(to_smtp(free_port()), MAIL).reason is Reason.CONNECT
    insecure = SmtpChannel(AlertingSettings(smtp_port=fake_smtp.port, smtp_tls="starttls", smtp_timeout_s=5.0), "")
    assert send(insecure, MAIL).reason is Reason.CONNECT
    assert fake_smtp.accepted == []


def test_an_ambiguous_mail_is_looked_up_in_the_log_of_the_mta(fake_smtp: FakeSmtp, tmp_path: Path) -> None:
    log = tmp_path / "mainlog"
    log.touch()
    channel = to_smtp(fake_smtp.port, reconcile_log=str(log))
    fake_smtp.accept(MAIL.address, f"Message-ID: {message_id('another', 'localhost')}\r\n\r\n".encode())
    assert look_up(channel, MAIL).found is Found.NO

    fake_smtp.accept(MAIL.address, f"Message-ID: {message_id(MAIL.key, 'localhost')}\r\n\r\n".encode())
    assert look_up(channel, MAIL).found is Found.YES
    log.rename(log.with_name("mainlog.1"))  # logrotate was here
    log.touch()
    assert look_up(channel, MAIL).found is Found.YES

    assert look_up(to_smtp(fake_smtp.port), MAIL).found is Found.CANNOT_TELL
    assert look_up(to_smtp(fake_smtp.port, reconcile_log=str(tmp_path / "none")), MAIL).found is Found.CANNOT_TELL


POSTFIX = [
    "Nov 24 14:02:00 mx postfix/cleanup[7]: 4F1A2B: message-id=<abc@desk.example>",
    "Nov 24 14:02:00 mx postfix/qmgr[8]: 4F1A2B: from=<a@desk.example>, size=1, nrcpt=1 (queue active)",
]


@pytest.mark.parametrize(
    ("lines", "accepted"),
    [
        (POSTFIX, True),
        (POSTFIX[:1], False),  # a filter refused it after the headers
        ([POSTFIX[0], POSTFIX[1].replace("4F1A2B", "4F1A2C")], False),
        (["2026-11-24 14:02:00 1xY-0 <= a@b.example S=1 id=abc@desk.example"], True),
        (["2026-11-24 14:02:00 1xY-0 <= a@b.example S=1 id=xabc@desk.example"], False),
        (["2026-11-24 14:02:00 1xY-0 rejected: id=abc@desk.example"], False),
        ([], False),
    ],
)
def test_only_a_line_of_acceptance_counts(lines: list[str], accepted: bool) -> None:
    assert is_accepted(lines, "abc@desk.example") is accepted


def test_a_slack_message_is_posted_and_found_by_its_key(fake_slack: FakeSlack) -> None:
    channel = to_slack(fake_slack)
    assert look_up(channel, POST).found is Found.NO

    outcome = send(to_slack(fake_slack), POST)

    assert outcome.state is DeliveryState.SENT
    assert outcome.provider_ref == fake_slack.messages[0]["ts"]
    for number in range(2, 20):  # pages of the history later
        assert send(to_slack(fake_slack), make_frozen(number)).state is DeliveryState.SENT
    assert look_up(to_slack(fake_slack), POST) == Lookup(found=Found.YES, provider_ref=outcome.provider_ref)
    assert look_up(to_slack(fake_slack), make_frozen(99)).found is Found.NO


@pytest.mark.parametrize(
    ("fault", "state", "reason", "posted"),
    [
        ("rate_limited", DeliveryState.RETRY, Reason.RATE_LIMITED, 0),
        ("error_before", DeliveryState.UNKNOWN, Reason.SERVER_FAULT, 0),
        ("error_after", DeliveryState.UNKNOWN, Reason.SERVER_FAULT, 1),
        ("page_before", DeliveryState.UNKNOWN, Reason.SERVER_FAULT, 0),
        ("drop_after", DeliveryState.UNKNOWN, Reason.NO_ANSWER, 1),
        ("hang_after", DeliveryState.UNKNOWN, Reason.NO_ANSWER, 1),
    ],
)
def test_a_misbehaving_slack_is_posted_to_once_and_judged_by_what_it_may_have_taken(
    fake_slack: FakeSlack, fault: str, state: DeliveryState, reason: Reason, posted: int
) -> None:
    fake_slack.script.append(fault)

    outcome = send(to_slack(fake_slack, timeout_s=0.5), POST)

    assert (outcome.state, outcome.reason) == (state, reason)
    assert fake_slack.posts == 1
    assert len(fake_slack.messages) == posted
    assert outcome.retry_after_s == (1.0 if fault == "rate_limited" else 0.0)


def test_what_slack_refuses_is_told_apart(fake_slack: FakeSlack) -> None:
    assert send(to_slack(fake_slack, token="other"), POST).reason is Reason.CREDENTIALS
    unknown = send(to_slack(fake_slack), make_frozen(address="#nowhere"))
    assert (unknown.state, unknown.reason) == (DeliveryState.DEAD, Reason.BAD_TARGET)
    empty = send(to_slack(fake_slack), make_frozen(body=b'{"channel": "#china-desk"}'))
    assert (empty.state, empty.reason) == (DeliveryState.DEAD, Reason.BAD_CONTENT)
    nobody = SlackChannel(base_url=f"http://127.0.0.1:{free_port()}", token="t", timeout_s=5.0)
    absent = send(nobody, POST)
    assert (absent.state, absent.reason) == (DeliveryState.RETRY, Reason.CONNECT)


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "duplicate_message_not_found", "an_invention", ""])
def test_an_error_that_settles_nothing_is_unknown(error: str) -> None:
    assert judge(200, 0.0, {"ok": False, "error": error}).state is DeliveryState.UNKNOWN
    assert judge(200, 0.0, {"ok": "yes"}).state is DeliveryState.UNKNOWN
    assert judge(302, 0.0, None).state is DeliveryState.UNKNOWN


@pytest.mark.parametrize(
    ("error", "found"),
    [("missing_scope", Found.CANNOT_TELL), ("not_in_channel", Found.CANNOT_TELL), ("fatal_error", Found.ASK_AGAIN)],
)
def test_a_history_that_may_not_be_read_is_no_answer(fake_slack: FakeSlack, error: str, found: Found) -> None:
    fake_slack.history_error = error

    assert look_up(to_slack(fake_slack), POST).found is found


def test_a_channel_whose_name_is_gone_cannot_be_looked_up(fake_slack: FakeSlack) -> None:
    assert look_up(to_slack(fake_slack), make_frozen(address="#renamed")).found is Found.CANNOT_TELL


def test_the_folder_holds_one_whole_file_per_delivery(tmp_path: Path) -> None:
    channel = FolderChannel(tmp_path / "outbox")
    assert look_up(channel, MAIL).found is Found.NO

    first, again, post = send(channel, MAIL), send(channel, MAIL), send(channel, POST)

    assert first == again
    assert look_up(channel, MAIL).found is Found.YES
    files = {path.name: path.read_bytes() for path in (tmp_path / "outbox").iterdir()}
    assert files == {first.provider_ref: MAIL.body, post.provider_ref: POST.body}
    assert sorted(Path(name).suffix for name in files) == [".eml", ".json"]
