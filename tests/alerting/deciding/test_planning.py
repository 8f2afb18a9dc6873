from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fakes.frozen import make_frozen
from fakes.spikes import make_spike
from hypothesis import given
from hypothesis import strategies as st

from alerting.deciding.planning import Plan, Wish, plan
from alerting.delivery import Frozen, Reason
from alerting.rules.restraining import Hold
from deskwatch.records import DeliveryKind, DeliveryState, Severity, Spike, SpikeKind, SpikeState, Turn

LATER = Hold(Reason.QUIET_HOURS, datetime(2026, 11, 25, 7, tzinfo=UTC))
WANTED = Wish(wanted=True)
SLACK = Wish(wanted=True, edits=True)
SENT = make_frozen(state=DeliveryState.SENT)
HIGH = make_spike(severity=Severity.HIGH)


def revised(**changes: object) -> Spike:
    return make_spike(**{"revision": 1, "state": SpikeState.GROWING, "turn": Turn.SURER} | changes)


def kinds(plans: tuple[Plan, ...]) -> list[DeliveryKind]:
    return [one.kind for one in plans]


@pytest.mark.parametrize("state", [SpikeState.ONSET, SpikeState.GROWING])
def test_an_episode_that_is_wanted_opens_whenever_it_is_first_heard_of(state: SpikeState) -> None:
    assert plan(make_spike(state=state), (), None, WANTED) == (Plan(DeliveryKind.OPENING),)


@pytest.mark.parametrize("state", [SpikeState.PEAK, SpikeState.RESOLVED, SpikeState.WITHDRAWN])
def test_what_is_past_opens_nowhere(state: SpikeState) -> None:
    assert plan(make_spike(state=state), (), None, WANTED) == ()


def test_what_nobody_wants_opens_nowhere_unless_a_digest_is_to_name_it() -> None:
    assert plan(HIGH, (), None, Wish(wanted=False)) == ()
    below = Hold(Reason.BELOW, LATER.until)
    assert plan(HIGH, (), None, Wish(wanted=False, below=below)) == (Plan(DeliveryKind.OPENING, below),)


def test_a_first_message_waits_for_what_keeps_it() -> None:
    assert plan(HIGH, (), None, Wish(wanted=True, hold=LATER)) == (Plan(DeliveryKind.OPENING, LATER),)


def test_what_waits_for_quiet_hours_to_end_goes_at_once_when_it_may() -> None:
    waiting = make_frozen(state=DeliveryState.HELD, reason=Reason.QUIET_HOURS)

    assert plan(revised(), [waiting], None, Wish(wanted=True, hold=LATER)) == ()
    assert plan(revised(severity=Severity.CRITICAL), [waiting], None, WANTED) == (Plan(DeliveryKind.OPENING),)
    capped = make_frozen(state=DeliveryState.HELD, reason=Reason.RATE_CAP)
    assert plan(revised(), [capped], None, WANTED) == (), "a rate cap is kept until its time"


@pytest.mark.parametrize(
    ("spike", "follow"),
    [
        (revised(), None),
        (revised(turn=Turn.PEAKED, state=SpikeState.PEAK), None),
        (revised(turn=Turn.GRAVER, severity=Severity.CRITICAL), DeliveryKind.UPDATE),
        (revised(turn=Turn.NEW_STORY), DeliveryKind.UPDATE),
        (revised(turn=Turn.ENDED, state=SpikeState.RESOLVED), DeliveryKind.RESOLUTION),
        (revised(turn=Turn.NEW_NORMAL, state=SpikeState.RESOLVED), DeliveryKind.RESOLUTION),
        (revised(turn=Turn.WITHDRAWN, state=SpikeState.WITHDRAWN), DeliveryKind.CORRECTION),
        (revised(turn=Turn.ENDED, state=SpikeState.RESOLVED, kind=SpikeKind.PICKUP), None),
    ],
)
def test_every_revision_edits_and_what_changes_the_picture_is_also_told(
    spike: Spike, follow: DeliveryKind | None
) -> None:
    told = [] if follow is None else [follow]

    assert kinds(plan(spike, [SENT], HIGH, SLACK)) == [DeliveryKind.EDIT, *told]
    assert kinds(plan(spike, [SENT], HIGH, WANTED)) == told


def test_a_severity_that_was_told_is_not_told_again() -> None:
    told = revised(severity=Severity.CRITICAL)

    assert plan(revised(revision=2, severity=Severity.CRITICAL), [SENT], told, WANTED) == ()


def test_an_episode_that_a_digest_has_named_opens_when_it_grows() -> None:
    folded = make_frozen(state=DeliveryState.FOLDED, reason=Reason.BELOW)

    assert plan(revised(turn=Turn.GRAVER), [folded], None, WANTED) == (Plan(DeliveryKind.OPENING),)
    assert plan(revised(), [folded], None, WANTED) == ()


def test_after_a_target_has_refused_for_good_nothing_follows() -> None:
    assert plan(revised(turn=Turn.GRAVER), [make_frozen(state=DeliveryState.DEAD)], HIGH, SLACK) == ()


THREADS = st.lists(
    st.builds(
        lambda kind, state: make_frozen(state=state, kind=kind),
        st.sampled_from(list(DeliveryKind)),
        st.sampled_from(list(DeliveryState)),
    ),
    max_size=4,
)


@given(
    thread=THREADS,
    state=st.sampled_from(list(SpikeState)),
    turn=st.sampled_from(list(Turn)),
    wanted=st.booleans(),
    edits=st.booleans(),
    held=st.booleans(),
)
def test_a_target_gets_one_first_message_and_at_most_one_end(
    thread: list[Frozen], state: SpikeState, turn: Turn, wanted: bool, edits: bool, held: bool
) -> None:
    wish = Wish(wanted=wanted, hold=LATER if held else None, edits=edits)
    planned = kinds(plan(revised(state=state, turn=turn), thread, HIGH, wish))

    opened = any(
        one.kind is DeliveryKind.OPENING and one.state not in (DeliveryState.HELD, DeliveryState.FOLDED)
        for one in thread[:1]
    )
    assert not (opened and DeliveryKind.OPENING in planned)
    assert len(planned) == len(set(planned)) <= 2
    assert not ({DeliveryKind.RESOLUTION, DeliveryKind.CORRECTION} & set(planned) & {one.kind for one in thread})
