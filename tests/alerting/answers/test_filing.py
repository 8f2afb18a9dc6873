from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from fakes.frozen import make_frozen
from prometheus_client import CollectorRegistry

from alerting.answers.clicking import Click
from alerting.answers.filing import Clerk, ClickDesk
from alerting.ledger.ledger import Ledger
from alerting.metrics import AnsweringMetrics
from alerting.rules.silencing import Silences
from deskwatch.errors import PublishError
from deskwatch.records import Action, DeliveryState, Verb

NOW = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)
KEY = "spike-1|0|china-desk|slack"


class Clock:
    def now(self) -> datetime:
        return NOW

    async def sleep_until(self, at: datetime) -> None:
        raise AssertionError("nothing here sleeps")


class Topic:
    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.actions: list[Action] = []

    async def publish(self, action: Action) -> None:
        if self.refusals:
            self.refusals -= 1
            raise PublishError("actions", "nobody there")
        self.actions.append(action)


def click(verb: Verb = Verb.ACKNOWLEDGE, **changes: str) -> Click:
    values = {"key": KEY, "user": "U0ANN", "by": "ann", "message_ts": "1.5"} | changes
    return Click(verb=verb, **values)


@pytest.fixture
def sent(ledger: Ledger) -> Ledger:
    ledger.add([make_frozen()])
    ledger.settle(ledger.begin(make_frozen(), 1000.0), DeliveryState.SENT, 1001.0, provider_ref="1.5")
    return ledger


def file(ledger: Ledger, topic: Topic, clicks: Sequence[Click]) -> tuple[list[bool], CollectorRegistry]:
    registry = CollectorRegistry()
    desk = ClickDesk(Clerk(topic.publish, Silences()), ledger, AnsweringMetrics(registry), Clock())

    async def run() -> list[bool]:
        return [await desk.file(one) for one in clicks]

    return asyncio.run(run()), registry


def test_a_click_is_about_what_the_ledger_knows_under_its_key(sent: Ledger) -> None:
    topic = Topic()
    done, _ = file(sent, topic, [click(), click(Verb.SILENCE), click(Verb.NOT_USEFUL), click(Verb.UNSUBSCRIBE)])

    assert done == [True] * 4
    assert {(one.subscriber, one.theme, one.spike_id, one.by) for one in topic.actions} == {
        ("china-desk", "taiwan", "spike-1", "ann")
    }
    assert [one.until for one in topic.actions] == [None, NOW + timedelta(hours=4), None, None]
    assert [one.target for one in topic.actions] == ["", "", "", "slack"]


def test_the_same_click_twice_is_one_action_and_another_officers_is_another(sent: Ledger) -> None:
    topic = Topic()
    file(sent, topic, [click(), click(), click(user="U0BOB", by="bob")])

    assert [one.by for one in topic.actions] == ["ann", "bob"]


def test_a_click_on_nothing_that_we_sent_is_counted_and_done_with(sent: Ledger) -> None:
    topic = Topic()
    strange = [click(key="spike-9|0|china-desk|slack"), click(message_ts="9.9"), click(key="' OR 1=1 --")]
    done, registry = file(sent, topic, strange)

    assert (done, topic.actions) == ([True] * 3, [])
    labels = {"via": "slack", "outcome": "unknown"}
    assert registry.get_sample_value("deskwatch_action_clicks_total", labels) == 3


def test_a_click_while_the_broker_is_away_is_not_done_with(sent: Ledger) -> None:
    topic = Topic(refusals=1)
    done, _ = file(sent, topic, [click(), click()])

    assert done == [False, True]
    assert len(topic.actions) == 1
