"""What an officer did, read back from the topic: it holds, is counted, and edits what Slack shows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes.spikes import make_spike
from prometheus_client import CollectorRegistry

from alerting.content.offering import Offerer
from alerting.deciding.dispatching import Dispatch
from alerting.deciding.heeding import Heed
from alerting.deciding.releasing import Release
from alerting.delivery import Frozen, Reason
from alerting.ledger.ledger import Ledger
from alerting.metrics import Metrics
from alerting.rules.subscriptions import load
from alerting.settings import AlertingSettings
from deskwatch.records import Action, DeliveryKind, DeliveryState, SpikeState, Turn, Verb

NOW = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)
_ids = itertools.count()


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, at: datetime) -> None:
        raise AssertionError("nothing here sleeps")


@dataclass
class Desk:
    ledger: Ledger
    config_dir: Path
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start the service, again too: what is known then is in the ledger."""
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        self.dispatch = Dispatch(
            self.ledger,
            load(self.config_dir),
            settings=AlertingSettings(),
            metrics=metrics,
            clock=self.clock,
            offerer=Offerer(buttons=True),
        )
        self.heed = Heed(self.dispatch, metrics, self.clock)
        self.release = Release(self.dispatch)

    def send(self) -> list[str]:
        """Send what is pending, and return the keys."""
        found = [one for one in self.rows() if one.state is DeliveryState.PENDING]
        for one in found:
            begun = self.ledger.begin(one, self.clock.at.timestamp())
            self.ledger.settle(begun, DeliveryState.SENT, self.clock.at.timestamp(), provider_ref="1.5")
        return [one.key for one in found]

    def rows(self) -> Sequence[Frozen]:
        return [*self.ledger.of_target("china-desk", "slack"), *self.ledger.of_target("china-desk", "mail")]

    def shown(self) -> str:
        """Return what the last edit in Slack says."""
        edit = [one for one in self.ledger.of_target("china-desk", "slack") if one.kind is DeliveryKind.EDIT][-1]
        return json.dumps(json.loads(edit.body), ensure_ascii=False)

    def verdicts(self, theme: str, verdict: str) -> float | None:
        return self.registry.get_sample_value("deskwatch_alert_verdicts", {"theme": theme, "verdict": verdict})


@pytest.fixture
def desk(ledger: Ledger, config_dir: Path) -> Desk:
    one = Desk(ledger, config_dir)
    one.dispatch.revise(make_spike(), NOW.timestamp())
    one.send()
    return one


def do(verb: Verb, **changes: Any) -> Action:
    values: dict[str, Any] = {
        "action_id": f"id-{next(_ids)}",
        "subscriber": "china-desk",
        "at": NOW,
        "spike_id": "spike-1",
        "theme": "taiwan",
        "by": "ann",
    }
    return Action(verb=verb, **(values | changes))


def test_an_acknowledgement_edits_the_opening_in_slack_once(desk: Desk) -> None:
    noted = do(Verb.ACKNOWLEDGE, action_id="ack")

    assert desk.heed.take([noted]) == 1
    assert desk.heed.take([noted]) == 0
    assert desk.send() == ["spike-1|0|china-desk|slack|edit|ack"]
    assert "Acknowledged by ann, 22:05 (14:05 UTC)" in desk.shown()
    assert '"value": "spike-1|0|china-desk|slack"' in desk.shown()
    assert desk.dispatch.silences.is_acknowledged("china-desk", "spike-1")


def test_all_actions_read_again_after_a_restart_hold_and_edit_nothing(desk: Desk) -> None:
    known = [do(Verb.ACKNOWLEDGE), do(Verb.SILENCE, until=NOW + timedelta(hours=4)), do(Verb.NOT_USEFUL)]
    assert desk.heed.take(known) == 3
    desk.send()
    desk.dispatch.revise(make_spike(revision=1, state=SpikeState.GROWING, turn=Turn.SURER), NOW.timestamp())
    desk.send()

    desk.start()

    assert desk.heed.take(known) == 0
    assert desk.verdicts("taiwan", "not_useful") == 1
    assert desk.dispatch.silences.until("china-desk", "taiwan", "spike-1", NOW) == NOW + timedelta(hours=4)


def test_later_edits_still_say_who_has_it_in_hand(desk: Desk) -> None:
    desk.heed.take([do(Verb.ACKNOWLEDGE)])
    desk.send()
    desk.dispatch.revise(make_spike(revision=1, state=SpikeState.GROWING, observed=20), NOW.timestamp())

    assert "Acknowledged by ann" in desk.shown()
    assert "20 reports" in desk.shown()


def test_a_newer_edit_takes_the_place_of_one_that_waits(desk: Desk) -> None:
    desk.heed.take([do(Verb.ACKNOWLEDGE), do(Verb.NOT_USEFUL, by="bob", action_id="last")])

    assert desk.send() == ["spike-1|0|china-desk|slack|edit|last"]
    assert "Acknowledged by ann" in desk.shown()
    assert "Not useful, says bob" in desk.shown()


def test_what_others_do_or_what_was_never_sent_is_not_edited(desk: Desk) -> None:
    assert desk.heed.take([do(Verb.ACKNOWLEDGE, subscriber="trade-desk")]) == 0
    assert desk.heed.take([do(Verb.ACKNOWLEDGE, spike_id="spike-9")]) == 0
    desk.dispatch.revise(make_spike(spike_id="spike-2", theme="tariffs"), NOW.timestamp())
    assert desk.heed.take([do(Verb.ACKNOWLEDGE, spike_id="spike-2")]) == 0


def test_a_silence_of_the_theme_holds_for_its_next_episode_and_is_shown(desk: Desk) -> None:
    desk.heed.take([do(Verb.SILENCE, until=NOW + timedelta(hours=4))])
    assert "Taiwan silenced by ann until 02:05, 25 Nov (18:05 UTC)" in desk.shown()
    desk.send()

    desk.dispatch.revise(make_spike(spike_id="spike-2", headlines=()), NOW.timestamp())

    held = [one for one in desk.rows() if one.spike_id == "spike-2"]
    assert [(one.state, one.reason) for one in held] == [(DeliveryState.HELD, Reason.SILENCED)] * 2


def test_an_unsubscribed_target_gets_nothing_more_of_the_theme_and_the_others_do(desk: Desk) -> None:
    assert desk.heed.take([do(Verb.UNSUBSCRIBE, target="mail")]) == 0
    for revision in (0, 1):
        desk.dispatch.revise(make_spike(spike_id="spike-2", revision=revision, headlines=()), NOW.timestamp())

    found = {one.name: (one.state, one.reason) for one in desk.rows() if one.spike_id == "spike-2"}
    assert found["china-desk/mail"] == (DeliveryState.FOLDED, Reason.UNSUBSCRIBED)
    assert found["china-desk/slack"][0] is DeliveryState.PENDING
    assert desk.ledger.of_target("trade-desk", "mail")[-1].state is DeliveryState.PENDING


def test_what_was_held_for_a_target_that_unsubscribes_is_not_sent(desk: Desk) -> None:
    desk.heed.take([do(Verb.SILENCE, until=NOW + timedelta(hours=4))])
    desk.dispatch.revise(make_spike(spike_id="spike-2", headlines=()), NOW.timestamp())
    desk.heed.take([do(Verb.UNSUBSCRIBE, target="mail")])

    desk.clock.at = NOW + timedelta(hours=5)
    desk.release.run(desk.clock.at)

    found = {one.name: (one.state, one.reason) for one in desk.rows() if one.spike_id == "spike-2"}
    assert found["china-desk/mail"] == (DeliveryState.FOLDED, Reason.UNSUBSCRIBED)
    assert found["china-desk/slack"][0] is DeliveryState.PENDING


def test_verdicts_are_counted_by_theme_and_unknown_themes_together(desk: Desk) -> None:
    desk.heed.take(
        [
            do(Verb.NOT_USEFUL),
            do(Verb.NOT_USEFUL, by="bob"),
            do(Verb.USEFUL, by="bob"),
            do(Verb.USEFUL, theme="gone", spike_id="x"),
            do(Verb.USEFUL, theme="https://evil.example", spike_id="y"),
        ]
    )

    assert (desk.verdicts("taiwan", "not_useful"), desk.verdicts("taiwan", "useful")) == (1, 1)
    assert (desk.verdicts("other", "not_useful"), desk.verdicts("other", "useful")) == (0, 2)
    assert desk.verdicts("gone", "useful") is None
