"""What officers did, read back from the topic `actions`: it holds, is counted, and is told in its messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from alerting.deciding.dispatching import EDITABLE, Dispatch
from alerting.metrics import Metrics
from alerting.rules.matching import match
from alerting.rules.silencing import VERDICTS
from deskwatch.clock import Clock
from deskwatch.records import Action, DeliveryKind, DeliveryState, Verb

OTHER: Final = "other"  # a theme that no file names any more

_UNSENT: Final = frozenset({DeliveryState.HELD, DeliveryState.FOLDED, DeliveryState.DEAD})


class Heed:
    """Takes actions in the order of their topic; after a restart all of them again."""

    def __init__(self, dispatch: Dispatch, metrics: Metrics, clock: Clock) -> None:
        self._dispatch = dispatch
        self._metrics = metrics
        self._clock = clock

    def take(self, actions: Iterable[Action]) -> int:
        """Let actions hold, and return how many messages are to be edited because of them."""
        new = [action for action in actions if self._dispatch.silences.take(action)]
        if any(action.verb in VERDICTS for action in new):
            self._count()
        with self._dispatch.ledger.transaction():
            return sum(self._show(action) for action in new)

    def _show(self, action: Action) -> int:
        """Let the messages that can be edited say what was done; return how many edits that makes.

        An action that was heeded before makes none: its edits are known by its id.
        """
        ledger, now, made = self._dispatch.ledger, self._clock.now(), 0
        spike = ledger.spike(action.spike_id) if action.verb is not Verb.UNSUBSCRIBE else None
        if spike is None:
            return 0
        rows = ledger.of_spike(spike.spike_id)
        openings = {row.name: row for row in rows if row.kind is DeliveryKind.OPENING and row.state not in _UNSENT}
        for found in match(spike, self._dispatch.roster, theme_only=True):
            opening = openings.get(found.name)
            if opening is None or found.subscriber.name != action.subscriber or found.target.channel not in EDITABLE:
                continue
            key = f"{opening.key}|{DeliveryKind.EDIT}|{action.action_id}"
            if not ledger.has(key):
                made += self._dispatch.edit(
                    key, spike, found, opening.key, self._dispatch.context(now, now.timestamp())
                )
        return made

    def _count(self) -> None:
        roster = self._dispatch.roster
        themes = {theme for placed in roster.subscriptions for theme in placed.subscription.themes}
        counted: dict[tuple[str, Verb], int] = {}
        for (theme, verdict), number in self._dispatch.silences.verdicts().items():
            known = theme if theme in themes else OTHER
            counted[known, verdict] = counted.get((known, verdict), 0) + number
        for theme in {theme for theme, _ in counted}:
            for verdict in VERDICTS:
                self._metrics.verdicts.labels(theme, verdict).set(counted.get((theme, verdict), 0))
