"""Each channel over HTTP against a strict receiver that misbehaves, from the configured target to the outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from fakes.messages import make_match
from fakes.receiver import ROUTING_KEY, SECRET, TOKEN, FakeNtfy, FakePagerDuty, FakeTeams, FakeWebhook, Receiver
from fakes.spikes import make_spike

from alerting.channels.wiring import create_channels
from alerting.deciding.freezing import Context, freeze
from alerting.delivery import Channel, Found, Frozen, Lookup, Outcome, Reason
from alerting.ledger.file import mirrored_record
from alerting.rules.roster import Hook, Pager, Roster, SignedHook, Subscriber, Target
from alerting.settings import AlertingSettings
from deskwatch import codec
from deskwatch.errors import ConfigError
from deskwatch.records import DeliveryKind, DeliveryState

RECEIVERS: dict[str, type[Receiver]] = {
    "webhook": FakeWebhook,
    "teams": FakeTeams,
    "ntfy": FakeNtfy,
    "pagerduty": FakePagerDuty,
}
TARGETS = {
    "webhook": Target(name="it", webhook=SignedHook(url_env="URL", secret_env="SECRET")),
    "teams": Target(name="it", teams=Hook(url_env="URL")),
    "ntfy": Target(name="it", ntfy="desk-alerts"),
    "pagerduty": Target(name="it", pagerduty=Pager(key_env="KEY")),
}
CHANNELS = tuple(TARGETS)
GIVEN_AT = datetime(2026, 11, 24, 14, 2, tzinfo=UTC)


class Line:
    """One target of a kind, the receiver behind it, and what they say to each other."""

    def __init__(self, channel: str, receiver: Receiver, *, timeout_s: float = 5.0, **secrets: str) -> None:
        self.channel, self.receiver = channel, receiver
        url = f"{receiver.url}/workflows/1?sig=good"
        self.environ = {"URL": url, "SECRET": SECRET, "KEY": ROUTING_KEY, "TOKEN": TOKEN} | secrets
        self.settings = AlertingSettings(
            ntfy_base_url=receiver.url,
            pagerduty_base_url=receiver.url,
            ntfy_token_env="TOKEN",
            http_timeout_s=timeout_s,
        )

    def freeze(self, kind: DeliveryKind = DeliveryKind.OPENING, *, now: datetime = GIVEN_AT, **changes: Any) -> Frozen:
        found = msgspec.structs.replace(make_match(), target=TARGETS[self.channel])
        return freeze(make_spike(**changes), found, Context(settings=self.settings, now=now), kind=kind)

    def send(self, frozen: Frozen | None = None) -> Outcome:
        return self._with(lambda channel: channel.send(frozen or self.freeze()))

    def look_up(self, frozen: Frozen) -> Lookup:
        return self._with(lambda channel: channel.look_up(frozen))

    def _with(self, call: Callable[[Channel], Any]) -> Any:
        subscriber = Subscriber(name="desk", targets=(TARGETS[self.channel],))
        channels = create_channels(
            self.settings, Roster(subscribers={"desk": subscriber}, subscriptions=()), self.environ
        )

        async def once() -> Any:
            try:
                return await call(channels[self.channel])
            finally:
                for channel in channels.values():
                    await channel.close()

        return asyncio.run(once())


@pytest.fixture(params=CHANNELS)
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    with RECEIVERS[request.param]() as receiver:
        yield Line(request.param, receiver)


def test_an_alert_is_taken_once_and_the_same_bytes_go_at_each_attempt(line: Line) -> None:
    frozen = line.freeze()
    line.receiver.script += [500, 500]

    states = [line.send(frozen).state for _ in range(3)]

    assert states == [DeliveryState.UNKNOWN, DeliveryState.UNKNOWN, DeliveryState.SENT]
    assert len(line.receiver.taken) == 1
    assert len({seen.body for seen in line.receiver.seen}) == 1
    assert len({seen.headers.get("X-Deskwatch-Delivery") for seen in line.receiver.seen}) == 1


@pytest.mark.parametrize(
    ("fault", "state", "reason", "taken"),
    [
        (301, DeliveryState.DEAD, Reason.BAD_TARGET, 0),
        (302, DeliveryState.UNKNOWN, Reason.SERVER_FAULT, 0),
        (308, DeliveryState.DEAD, Reason.BAD_TARGET, 0),
        (400, DeliveryState.DEAD, Reason.BAD_CONTENT, 0),
        (401, DeliveryState.RETRY, Reason.CREDENTIALS, 0),
        (403, DeliveryState.RETRY, Reason.CREDENTIALS, 0),
        (404, DeliveryState.DEAD, Reason.BAD_TARGET, 0),
        (408, DeliveryState.UNKNOWN, Reason.SERVER_FAULT, 0),
        (410, DeliveryState.DEAD, Reason.BAD_TARGET, 0),
        (413, DeliveryState.DEAD, Reason.BAD_CONTENT, 0),
        (429, DeliveryState.RETRY, Reason.RATE_LIMITED, 0),
        (500, DeliveryState.UNKNOWN, Reason.SERVER_FAULT, 0),
        (503, DeliveryState.UNKNOWN, Reason.SERVER_FAULT, 0),
        ("error_after", DeliveryState.UNKNOWN, Reason.SERVER_FAULT, 1),
        ("drop_after", DeliveryState.UNKNOWN, Reason.NO_ANSWER, 1),
        ("huge", DeliveryState.SENT, Reason.NONE, 1),
    ],
)
def test_a_misbehaving_receiver_is_asked_once_and_judged_by_what_it_may_have_taken(
    line: Line, fault: int | str, state: DeliveryState, reason: Reason, taken: int
) -> None:
    line.receiver.script.append(fault)
    line.receiver.headers["Location"] = f"{line.receiver.url}/elsewhere"

    outcome = line.send()

    assert (outcome.state, outcome.reason) == (state, reason)
    assert len(line.receiver.seen) == 1, "no retry, and no redirect followed"
    assert len(line.receiver.taken) == taken


def test_a_receiver_that_hangs_may_have_taken_it(line: Line) -> None:
    line.receiver.script.append("hang_after")

    outcome = Line(line.channel, line.receiver, timeout_s=0.3).send()

    assert (outcome.state, outcome.reason) == (DeliveryState.UNKNOWN, Reason.NO_ANSWER)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept_to_the_second_or_the_date(line: Line, status: int) -> None:
    line.receiver.script += [status, status]
    line.receiver.headers["Retry-After"] = "4217"
    outcome = line.send()
    assert (outcome.state, outcome.reason, outcome.retry_after_s) == (DeliveryState.RETRY, Reason.RATE_LIMITED, 4217.0)

    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    line.receiver.headers["Retry-After"] = format_datetime(at, usegmt=True)
    before = time.time()
    wait_s = line.send().retry_after_s
    assert at.timestamp() - time.time() <= wait_s <= at.timestamp() - before


def test_nobody_there_has_surely_got_nothing(line: Line) -> None:
    line.receiver.url = "http://127.0.0.1:9"  # nothing of ours listens on a privileged port

    outcome = Line(line.channel, line.receiver).send()

    assert (outcome.state, outcome.reason) == (DeliveryState.RETRY, Reason.CONNECT)
    assert "ConnectionRefused" in outcome.detail


@pytest.mark.parametrize("fault", ["", 302, 400, 401, 404, 429, 500, "drop_after", "nobody"])
def test_a_secret_is_in_no_outcome_no_ledger_and_no_mirror(line: Line, fault: int | str) -> None:
    frozen, at = line.freeze(), datetime(2026, 11, 24, tzinfo=UTC)
    secrets = ["sig=good", line.receiver.url, SECRET, TOKEN, ROUTING_KEY]
    if fault == "nobody":
        line.environ["URL"] = "http://127.0.0.1:9/workflows/1?sig=good"
    elif fault:
        line.receiver.script.append(fault)

    outcome = repr(line.send(frozen))

    written = outcome + repr(frozen) + codec.encode(mirrored_record(frozen, "owner", at)).decode()
    assert [secret for secret in secrets if secret in written] == []
    assert frozen.address in {"$URL", "$URL $SECRET", "$KEY", "desk-alerts"}


@pytest.mark.parametrize("url", ["http://user:hush@127.0.0.1/", "ftp://127.0.0.1/hush", "hush", "https://hush:x/", " "])
@pytest.mark.parametrize("channel", ["webhook", "teams"])
def test_what_is_no_web_address_keeps_the_service_from_starting_and_is_not_repeated(channel: str, url: str) -> None:
    with pytest.raises(ConfigError, match=r"^\$URL:1:1: error: ") as refused:
        Line(channel, Receiver(url="http://127.0.0.1"), URL=url).send()

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("channel", "wrong"),
    [
        ("webhook", {"SECRET": "another"}),
        ("teams", {"URL": "/workflows/1?sig=bad"}),
        ("ntfy", {"TOKEN": "another"}),
        ("pagerduty", {"KEY": "short"}),
    ],
)
def test_a_wrong_secret_is_for_ops_to_mend_and_the_alert_waits_for_it(channel: str, wrong: dict[str, str]) -> None:
    with RECEIVERS[channel]() as receiver:
        wrong = {name: f"{receiver.url}{value}" if name == "URL" else value for name, value in wrong.items()}

        outcome = Line(channel, receiver, **wrong).send()

        assert (outcome.state, outcome.reason) == (DeliveryState.RETRY, Reason.CREDENTIALS)
        assert outcome.retry_after_s >= 60
        assert receiver.taken == []


def test_a_secret_that_is_gone_at_the_time_of_the_send_is_waited_for_and_a_new_one_is_taken_over() -> None:
    with FakeWebhook() as receiver:
        line = Line("webhook", receiver)
        channels = create_channels(line.settings, Roster(subscribers={}, subscriptions=()), line.environ)

        async def scenario() -> list[Outcome]:
            found = []
            for secret in ("", "another", SECRET):
                line.environ["SECRET"] = secret
                found.append(await channels["webhook"].send(line.freeze()))
            await channels["webhook"].close()
            return found

        outcomes = asyncio.run(scenario())

    assert [one.reason for one in outcomes] == [Reason.CREDENTIALS, Reason.CREDENTIALS, Reason.NONE]
    assert "$SECRET" in outcomes[0].detail


def test_a_receiver_can_tell_a_second_attempt_and_who_sent_it() -> None:
    with FakeWebhook() as receiver:
        line = Line("webhook", receiver)
        receiver.script.append("error_after")

        assert line.send().state is DeliveryState.UNKNOWN
        assert line.look_up(line.freeze()).found is Found.CANNOT_TELL
        assert line.send().state is DeliveryState.SENT

        assert len(receiver.seen) == 2
        assert len(receiver.taken) == 1
        assert receiver.seen[0].headers["X-Deskwatch-Delivery"] == receiver.taken[0]["delivery"]


@pytest.mark.parametrize("knows_sequences", [True, False])
def test_an_ambiguous_ntfy_message_is_found_on_its_topic(knows_sequences: bool) -> None:
    with FakeNtfy() as receiver:
        receiver.knows_sequences = knows_sequences
        line, now = Line("ntfy", receiver), datetime.now(UTC)
        frozen = msgspec.structs.replace(line.freeze(now=now), intent_at=now.timestamp())
        other = line.freeze(now=now, spike_id="spike-2")
        assert line.look_up(frozen).found is Found.NO
        assert line.send(other).provider_ref == "id0"

        assert line.look_up(frozen).found is Found.NO
        receiver.script.append("drop_after")
        assert line.send(frozen).state is DeliveryState.UNKNOWN
        assert line.look_up(frozen) == Lookup(found=Found.YES, provider_ref="id1")


def test_a_topic_that_cannot_be_read_now_or_ever_or_any_more_is_no_answer() -> None:
    with FakeNtfy() as receiver:
        line, now = Line("ntfy", receiver), time.time()
        frozen = msgspec.structs.replace(line.freeze(), created_at=now, intent_at=now)
        receiver.script += [500, 429]
        assert [line.look_up(frozen).found for _ in range(2)] == [Found.ASK_AGAIN] * 2
        receiver.can_read = False
        assert line.look_up(frozen).found is Found.CANNOT_TELL
        receiver.can_read = True
        forgotten = msgspec.structs.replace(frozen, created_at=now - 50_000, intent_at=now - 50_000)
        assert line.look_up(forgotten).found is Found.CANNOT_TELL
    assert line.look_up(frozen).found is Found.ASK_AGAIN


def test_all_of_an_episode_is_one_incident_however_often_it_arrives() -> None:
    with FakePagerDuty() as receiver:
        line = Line("pagerduty", receiver)
        receiver.script.append("drop_after")
        assert line.send().state is DeliveryState.UNKNOWN
        assert line.look_up(line.freeze()).found is Found.NO

        assert line.send().provider_ref == "spike-1|desk|it"
        line.send(line.freeze(DeliveryKind.UPDATE, revision=1))
        line.send(line.freeze(spike_id="spike-2"))
        assert receiver.incidents == {"spike-1|desk|it": True, "spike-2|desk|it": True}
        line.send(line.freeze(DeliveryKind.RESOLUTION, revision=2))
        line.send(line.freeze(DeliveryKind.CORRECTION, spike_id="spike-2", revision=3))
        assert receiver.incidents == {"spike-1|desk|it": False, "spike-2|desk|it": False}
