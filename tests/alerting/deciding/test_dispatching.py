"""What revisions of episodes become for each target, against a real ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes.spikes import make_headline, make_spike
from prometheus_client import CollectorRegistry

from alerting.deciding.dispatching import Dispatch
from alerting.deciding.releasing import Release
from alerting.delivery import Frozen, Reason
from alerting.ledger.ledger import Ledger
from alerting.metrics import Metrics
from alerting.rules.silencing import Silences
from alerting.rules.subscriptions import load
from alerting.settings import AlertingSettings
from deskwatch.records import Action, DeliveryKind, DeliveryState, Severity, Spike, SpikeState, Turn, Verb

NIGHT = datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
SUBSCRIPTIONS = """\
subscribers:
  - name: desk
    targets:
      - {name: slack, slack: "#desk"}
      - {name: mail, email: desk@example.org, quiet_hours: {from: "22:00", to: "07:00"}}
      - {name: log, email: log@example.org, digest: {at: ["08:00"]}, max_per_hour: 2}
subscriptions:
  - {name: strait, subscriber: desk, themes: [taiwan, tariffs, sanctions], min_severity: medium}
"""


class MovedClock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, at: datetime) -> None:
        raise AssertionError("nothing here sleeps")


@dataclass
class Desk:
    ledger: Ledger
    config_dir: Path
    clock: MovedClock = field(default_factory=lambda: MovedClock(NIGHT.replace(hour=14)))
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    silences: Silences = field(default_factory=Silences)

    def __post_init__(self) -> None:
        self.dispatch = Dispatch(
            self.ledger,
            load(self.config_dir),
            settings=AlertingSettings(max_age_s=7200.0),
            metrics=Metrics(self.registry),
            clock=self.clock,
            silences=self.silences,
        )
        self.release = Release(self.dispatch)

    def revise(self, *spikes: Spike, age_s: float = 0.0) -> int:
        return sum(self.dispatch.revise(spike, self.clock.at.timestamp() - age_s) for spike in spikes)

    def let_go(self, at: datetime) -> int:
        self.clock.at = at
        return self.release.run(at)

    def rows(self, target: str = "slack") -> list[Frozen]:
        return self.ledger.of_target("desk", target)

    def sends(self, target: str = "slack") -> list[DeliveryKind]:
        """Return the kinds of what would be sent, and send it."""
        found = [one for one in self.rows(target) if one.state is DeliveryState.PENDING]
        for one in found:
            self.ledger.settle(one, DeliveryState.SENT, self.clock.at.timestamp(), provider_ref=one.key)
        return [one.kind for one in found]


@pytest.fixture
def desk(ledger: Ledger, tmp_path: Path) -> Desk:
    directory = tmp_path / "config" / "subscriptions"
    directory.mkdir(parents=True)
    (directory / "desk.yaml").write_text(SUBSCRIPTIONS)
    return Desk(ledger, tmp_path / "config")


def life(*changes: dict[str, object], spike_id: str = "spike-1") -> list[Spike]:
    return [make_spike(**({"revision": n, "spike_id": spike_id} | change)) for n, change in enumerate(changes)]


GROWN = {"state": SpikeState.GROWING, "turn": Turn.GRAVER, "severity": Severity.CRITICAL, "observed": 47}
PEAKED = {"state": SpikeState.PEAK, "turn": Turn.PEAKED}
ENDED = {"state": SpikeState.RESOLVED, "turn": Turn.ENDED, "resolved_at": NIGHT}
WITHDRAWN = {"state": SpikeState.WITHDRAWN, "turn": Turn.WITHDRAWN, "resolved_at": NIGHT}


def test_an_episode_is_one_message_that_is_edited_with_its_news_in_the_thread(desk: Desk) -> None:
    sent = []
    for spike in life({}, GROWN, PEAKED, ENDED):
        desk.revise(spike)
        sent.append(desk.sends())

    edit = DeliveryKind.EDIT
    assert sent == [[DeliveryKind.OPENING], [edit, DeliveryKind.UPDATE], [edit], [edit, DeliveryKind.RESOLUTION]]
    assert {one.thread for one in desk.rows()[1:]} == {"spike-1|0|desk|slack"}


def test_a_mail_follows_only_when_the_picture_changes(desk: Desk) -> None:
    desk.revise(*life({}, GROWN, PEAKED, ENDED))

    assert desk.sends("log") == [DeliveryKind.OPENING, DeliveryKind.UPDATE, DeliveryKind.RESOLUTION]


def test_what_was_corrected_is_taken_back(desk: Desk) -> None:
    desk.revise(*life({}, WITHDRAWN))

    assert desk.sends("log") == [DeliveryKind.OPENING, DeliveryKind.CORRECTION]


def test_a_revision_that_is_read_again_means_nothing_more(desk: Desk) -> None:
    story = life({}, GROWN)
    assert desk.revise(*story) == 7

    assert desk.revise(*story, *reversed(story)) == 0


def test_of_edits_that_were_not_made_only_the_last_is(desk: Desk) -> None:
    desk.revise(*life({}, {"turn": Turn.SURER}, {"turn": Turn.SURER}))

    assert [one.reason for one in desk.rows() if one.state is DeliveryState.FOLDED] == [Reason.SUPERSEDED]
    assert desk.sends() == [DeliveryKind.OPENING, DeliveryKind.EDIT]


def test_at_night_a_mail_waits_and_says_in_the_morning_what_is_still_true(desk: Desk) -> None:
    desk.clock.at = NIGHT
    desk.revise(*life({}, {"state": SpikeState.GROWING, "turn": Turn.SURER, "observed": 31}))
    assert desk.sends("mail") == []
    assert desk.let_go(MORNING - timedelta(seconds=1)) == 0

    assert desk.let_go(MORNING) == 1
    [mail] = desk.rows("mail")
    assert (mail.kind, mail.state, mail.revision) == (DeliveryKind.OPENING, DeliveryState.PENDING, 1)
    assert b"31 reports" in mail.body
    assert desk.let_go(MORNING + timedelta(hours=1)) == 0


def test_what_came_and_went_at_night_is_named_in_the_morning(desk: Desk) -> None:
    desk.clock.at = NIGHT
    desk.revise(*life({}, ENDED), *life({}, {"turn": Turn.ENDED, "state": SpikeState.RESOLVED}, spike_id="spike-2"))

    assert desk.let_go(MORNING) == 1
    *folded, digest = desk.rows("mail")
    assert [(one.state, one.thread) for one in folded] == [(DeliveryState.FOLDED, digest.key)] * 2
    assert (digest.kind, digest.key) == (DeliveryKind.DIGEST, "digest|2026-11-25T07:00:00Z|desk|mail")


def test_what_becomes_critical_at_night_wakes(desk: Desk) -> None:
    desk.clock.at = NIGHT
    opening, grown = life({}, GROWN)
    desk.revise(opening)
    assert desk.sends("mail") == []

    desk.revise(grown)
    assert desk.sends("mail") == [DeliveryKind.OPENING]
    assert desk.let_go(MORNING) == 0


def test_the_end_of_what_was_told_before_the_night_comes_in_the_morning(desk: Desk) -> None:
    desk.clock.at = NIGHT - timedelta(hours=3)
    opening, grown, ended = life({}, GROWN, ENDED)
    desk.revise(opening)
    desk.clock.at = NIGHT
    desk.revise(msg_severity(grown, Severity.HIGH), ended)
    assert desk.sends("mail") == [DeliveryKind.OPENING]

    desk.let_go(MORNING)
    assert desk.sends("mail") == [DeliveryKind.RESOLUTION]


def msg_severity(spike: Spike, severity: Severity) -> Spike:
    return make_spike(revision=spike.revision, state=spike.state, turn=Turn.NEW_STORY, severity=severity)


def test_what_goes_beyond_the_cap_is_named_in_the_digest(desk: Desk) -> None:
    desk.revise(*(make_spike(spike_id=f"s-{n}", headlines=()) for n in range(4)))
    assert desk.sends("log") == [DeliveryKind.OPENING] * 2

    assert desk.let_go(desk.clock.at.replace(hour=23)) == 0
    assert desk.let_go(MORNING.replace(hour=8)) == 1
    assert desk.sends("log") == [DeliveryKind.DIGEST]


def test_a_digest_also_names_what_was_not_grave_enough(desk: Desk) -> None:
    desk.revise(make_spike(severity=Severity.LOW))
    assert [one.reason for one in desk.rows("log")] == [Reason.BELOW]
    assert desk.rows("mail") == [], "a target without a digest asked not to hear of it"

    desk.let_go(MORNING.replace(hour=8))
    assert desk.sends("log") == [DeliveryKind.DIGEST]


def test_after_an_outage_what_is_old_comes_in_one_digest_and_not_as_a_storm(desk: Desk) -> None:
    desk.revise(*(make_spike(spike_id=f"s-{n}") for n in range(20)), age_s=7201.0)
    assert desk.sends() == []

    desk.let_go(desk.clock.at + timedelta(seconds=61))
    assert desk.sends() == [DeliveryKind.DIGEST]


def test_a_silence_keeps_an_episode_back_until_it_ends(desk: Desk) -> None:
    end = desk.clock.at + timedelta(hours=4)
    desk.silences.take(
        Action(action_id="a", verb=Verb.SILENCE, subscriber="desk", theme="taiwan", at=desk.clock.at, until=end)
    )
    desk.revise(make_spike(), make_spike(spike_id="other", theme="tariffs", headlines=()))
    assert [one.spike_id for one in desk.rows() if one.state is DeliveryState.PENDING] == ["other"]

    assert desk.let_go(end) == 3
    assert len(desk.sends()) == 2


def test_who_was_told_hears_the_end_also_when_the_words_he_asked_for_are_gone(desk: Desk, tmp_path: Path) -> None:
    asking = SUBSCRIPTIONS.replace("min_severity: medium", "min_severity: medium, only: {terms: [patrol]}")
    (tmp_path / "config" / "subscriptions" / "desk.yaml").write_text(asking)
    desk.dispatch.roster = load(tmp_path / "config")
    other = (make_headline(title="Something else"),)
    desk.revise(make_spike(), make_spike(spike_id="other", headlines=other))
    assert [one.spike_id for one in desk.rows("log")] == ["spike-1"], "nor does a digest name what was not asked for"

    desk.revise(make_spike(revision=1, headlines=other, **ENDED))
    assert desk.sends("log") == [DeliveryKind.OPENING, DeliveryKind.RESOLUTION]


STANDING_BY = SUBSCRIPTIONS.replace(
    "    targets:\n",
    "    escalate: [{to: duty, after: 10m}]\n"
    "    targets:\n"
    "      - {name: duty, email: duty@example.org, standby: true}\n",
).replace('slack: "#desk"', 'slack: "#desk", fallback: duty')


@pytest.fixture
def standing_by(desk: Desk, tmp_path: Path) -> Desk:
    (tmp_path / "config" / "subscriptions" / "desk.yaml").write_text(STANDING_BY)
    desk.dispatch.roster = load(tmp_path / "config")
    return desk


def test_what_is_critical_and_not_acknowledged_goes_to_who_stands_by_with_its_end(standing_by: Desk) -> None:
    desk = standing_by
    opening, ended = life({"severity": Severity.CRITICAL}, ENDED)
    desk.revise(make_spike(spike_id="mild", headlines=()), opening)
    assert desk.sends("duty") == []

    assert desk.let_go(desk.clock.at + timedelta(minutes=10)) == 1
    assert desk.sends("duty") == [DeliveryKind.OPENING]
    assert b"nobody has acknowledged it" in desk.rows("duty")[0].body
    desk.revise(ended)
    assert desk.sends("duty") == [DeliveryKind.RESOLUTION]


@pytest.mark.parametrize("is_over", [True, False])
def test_what_is_acknowledged_or_over_is_not_escalated(standing_by: Desk, is_over: bool) -> None:
    desk = standing_by
    desk.revise(make_spike(severity=Severity.CRITICAL))
    if is_over:
        desk.revise(*life({}, ENDED)[1:])
    else:
        at = desk.clock.at
        desk.silences.take(Action(action_id="a", verb=Verb.ACKNOWLEDGE, subscriber="desk", spike_id="spike-1", at=at))

    assert desk.let_go(desk.clock.at + timedelta(hours=1)) == 0
    assert [one.reason for one in desk.rows("duty")] == [Reason.ACKNOWLEDGED]


def test_what_cannot_be_delivered_goes_to_the_fallback_once(standing_by: Desk) -> None:
    desk = standing_by
    desk.revise(make_spike())
    [slack] = desk.rows("slack")
    desk.ledger.settle(slack, DeliveryState.DEAD, desk.clock.at.timestamp(), reason=Reason.BAD_TARGET)

    assert [desk.dispatch.fall_back(slack) for _ in range(2)] == [1, 0]
    assert desk.sends("duty") == [DeliveryKind.OPENING]
    assert b"could not be delivered where it was" in desk.rows("duty")[0].body
    assert desk.dispatch.fall_back(desk.rows("mail")[0]) == 0, "it names no fallback"


def headlines(*ids: str) -> tuple[object, ...]:
    return tuple(make_headline(article_id=one, title=f"Story {one}") for one in ids)


def test_one_event_that_stands_out_under_two_themes_is_one_message(desk: Desk) -> None:
    first = make_spike(headlines=headlines("a", "b", "c"))
    second = make_spike(spike_id="spike-2", theme="tariffs", headlines=headlines("b", "c", "d"))
    other = make_spike(spike_id="spike-3", theme="sanctions", headlines=headlines("x", "y", "a"))
    desk.revise(first, second, other)

    assert [(one.spike_id, one.reason) for one in desk.rows("log") if one.state is DeliveryState.FOLDED] == [
        ("spike-2", Reason.SAME_EVENT)
    ]
    assert desk.sends("log") == [DeliveryKind.OPENING] * 2
    assert desk.sends() == [DeliveryKind.OPENING, DeliveryKind.EDIT, DeliveryKind.OPENING]
    [edit] = [one for one in desk.rows() if one.kind is DeliveryKind.EDIT]
    assert b"Tariffs" in edit.body


def test_an_event_that_is_graver_under_its_second_theme_is_told_again(desk: Desk) -> None:
    first = make_spike(headlines=headlines("a", "b"))
    second = make_spike(spike_id="spike-2", theme="tariffs", headlines=headlines("a", "b"), severity=Severity.CRITICAL)
    desk.revise(first, second)

    assert desk.sends("log") == [DeliveryKind.OPENING] * 2


def test_who_leaves_a_subscription_gets_nothing_of_what_was_held(desk: Desk, tmp_path: Path) -> None:
    desk.clock.at = NIGHT
    desk.revise(make_spike())
    (tmp_path / "config" / "subscriptions" / "desk.yaml").write_text(SUBSCRIPTIONS.replace("[taiwan, ", "["))
    desk.dispatch.roster = load(tmp_path / "config")

    assert desk.let_go(MORNING) == 0
    assert [one.reason for one in desk.rows("mail")] == [Reason.UNSUBSCRIBED]


def test_whatever_the_course_every_row_ends_sent_folded_or_waiting(desk: Desk) -> None:
    desk.clock.at = NIGHT
    courses: Sequence[Sequence[Spike]] = [
        life({}, GROWN, PEAKED, ENDED, spike_id="a"),
        life({"severity": Severity.LOW}, GROWN, WITHDRAWN, spike_id="b"),
        life({}, PEAKED, spike_id="c"),
    ]
    for course in courses:
        desk.revise(*course)
    for hour in range(48):
        desk.let_go(NIGHT + timedelta(hours=hour))
        for target in ("slack", "mail", "log"):
            desk.sends(target)

    states = {one.state for target in ("slack", "mail", "log") for one in desk.rows(target)}
    assert states == {DeliveryState.SENT, DeliveryState.FOLDED}
