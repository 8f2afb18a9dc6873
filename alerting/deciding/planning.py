"""What a revision of an episode means for one target: a first message, an edit, a follow-up, or nothing. Pure.

One opening per episode and target. Where a channel can, it is edited in place with every revision; what changes the
picture (a graver severity, another leading story, the end, a correction) is a message of its own in its thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from alerting.delivery import Frozen, Reason
from alerting.rules.matching import RANK
from alerting.rules.restraining import Hold
from deskwatch.records import DeliveryKind, DeliveryState, Severity, Spike, SpikeKind, SpikeState, Turn

# An episode that grows may reach the severity that a subscription waits for: then it opens there.
OPENING: Final = frozenset({SpikeState.ONSET, SpikeState.GROWING})


class Plan(NamedTuple):
    """A message to make: at once, or when the hold is over."""

    kind: DeliveryKind
    hold: Hold | None = None


class Wish(NamedTuple):
    """How a target stands to an episode at the moment.

    Attributes:
        wanted: A subscription asks for it.
        below: One asks for its theme, but for more severity; the target's digest will name it.
        hold: Why nothing may be sent now.
        edits: The channel can edit what it has sent.
    """

    wanted: bool
    below: Hold | None = None
    hold: Hold | None = None
    edits: bool = False


def plan(spike: Spike, thread: Sequence[Frozen], told: Spike | None, wish: Wish) -> tuple[Plan, ...]:
    """Return what is to be made of a revision.

    Args:
        thread: What there is about this episode for this target, oldest first.
        told: The revision that its last message told of; None if there was none.
    """
    opening = next((one for one in thread if one.kind is DeliveryKind.OPENING), None)
    if opening is None:
        return _open(spike, wish)
    if opening.state is DeliveryState.HELD:
        return _wake(opening, spike, wish)
    if opening.state is DeliveryState.FOLDED:
        return _open(spike, wish) if spike.turn is Turn.GRAVER and wish.wanted else ()
    if opening.state is DeliveryState.DEAD:
        return ()
    edit = (Plan(DeliveryKind.EDIT),) if wish.edits else ()
    kind = follow_up(spike, told, {one.kind for one in thread})
    return edit if kind is None else (*edit, Plan(kind, wish.hold))


def follow_up(spike: Spike, told: Spike | None, sent: set[DeliveryKind]) -> DeliveryKind | None:
    """Return the message that a revision deserves beside an edit, if any.

    A story's wide pick-up just fades: that it does is no news. What was corrected stays so.
    """
    if DeliveryKind.CORRECTION in sent:
        return None
    if spike.state is SpikeState.WITHDRAWN:
        return DeliveryKind.CORRECTION
    if spike.state is SpikeState.RESOLVED:
        return None if DeliveryKind.RESOLUTION in sent or spike.kind is SpikeKind.PICKUP else DeliveryKind.RESOLUTION
    if spike.turn is Turn.NEW_STORY or is_graver(spike.severity, told):
        return DeliveryKind.UPDATE
    return None


def is_graver(severity: Severity, told: Spike | None) -> bool:
    """Return whether a severity is above what was told; without knowing that, it is not."""
    return told is not None and RANK[severity] > RANK[told.severity]


def _open(spike: Spike, wish: Wish) -> tuple[Plan, ...]:
    if spike.state not in OPENING:
        return ()
    if wish.wanted:
        return (Plan(DeliveryKind.OPENING, wish.hold),)
    return (Plan(DeliveryKind.OPENING, wish.below),) if wish.below else ()


def _wake(opening: Frozen, spike: Spike, wish: Wish) -> tuple[Plan, ...]:
    """Return whether what was held has become so grave that it need not wait, or is wanted only now."""
    if spike.state not in OPENING or not wish.wanted or wish.hold is not None:
        return ()
    return (Plan(DeliveryKind.OPENING),) if opening.reason in (Reason.QUIET_HOURS, Reason.BELOW) else ()
