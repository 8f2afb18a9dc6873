"""What officers asked for with their actions: silences that end, acknowledgements, verdicts. Pure state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from deskwatch.records import Action, Verb

LONGEST: Final = timedelta(days=30)
VERDICTS: Final = (Verb.USEFUL, Verb.NOT_USEFUL)


class Opinion(NamedTuple):
    """Whose verdict it is, about what: the last one of each counts."""

    subscriber: str
    spike_id: str
    by: str


class Silences:
    """The actions that still matter, by what they are about; `take` each once, in the order of the topic."""

    def __init__(self) -> None:
        self._silences: dict[tuple[str, str], Action] = {}  # (subscriber, theme or episode)
        self._unsubscribed: dict[tuple[str, str, str], Action] = {}  # (subscriber, target or "", theme or episode)
        self._acknowledged: dict[tuple[str, str], Action] = {}  # (subscriber, episode)
        self._verdicts: dict[Opinion, Action] = {}
        self._known: dict[str, Action] = {}

    def take(self, action: Action) -> bool:
        """Note an action, and return whether it is new; a later one about the same replaces an earlier one."""
        if action.action_id in self._known:
            return False
        self._known[action.action_id] = action
        about = action.theme or action.spike_id
        if action.verb is Verb.ACKNOWLEDGE:
            # The first who took note is who has it in hand.
            self._acknowledged.setdefault((action.subscriber, action.spike_id), action)
        elif action.verb is Verb.SILENCE:
            self._silences[action.subscriber, about] = action
        elif action.verb is Verb.UNSUBSCRIBE:
            self._unsubscribed[action.subscriber, action.target, about] = action
        else:
            whose = Opinion(action.subscriber, action.spike_id, action.by)
            self._verdicts.pop(whose, None)  # the last one stands last
            self._verdicts[whose] = action
        return True

    def known(self, action_id: str) -> Action | None:
        """Return the action of this id, if it has been taken: whoever asks for it again gets nothing more."""
        return self._known.get(action_id)

    def until(self, subscriber: str, theme: str, spike_id: str, at: datetime) -> datetime | None:
        """Return when the last silence ends that a subscriber, or all (`*`), asked for; None if there is none."""
        found = (self._silences.get((who, about)) for who in (subscriber, "*") for about in (theme, spike_id))
        ends = [end for action in found if action is not None and (end := end_of(action)) > at]
        return max(ends, default=None)

    def is_unsubscribed(self, subscriber: str, target: str, theme: str, at: datetime) -> bool:
        """Return whether a target does not want to hear of a theme any more; that holds until it is taken back."""
        keys = ((subscriber, name, theme) for name in (target, ""))
        return any(_holds(self._unsubscribed[key], at) for key in keys if key in self._unsubscribed)

    def is_acknowledged(self, subscriber: str, spike_id: str) -> bool:
        """Return whether somebody of a subscriber has taken note of an episode."""
        return (subscriber, spike_id) in self._acknowledged

    def current(self, at: datetime) -> Iterator[Action]:
        """Yield the silences and unsubscriptions that hold."""
        return (action for action in (*self._silences.values(), *self._unsubscribed.values()) if _holds(action, at))

    def about(self, subscriber: str, theme: str, spike_id: str, at: datetime) -> tuple[Action, ...]:
        """Return what a message about an episode says of it: who took note, who silenced it, the last verdict."""
        found = [
            self._acknowledged.get((subscriber, spike_id)),
            self._silences.get((subscriber, theme)) or self._silences.get((subscriber, spike_id)),
            next((one for of, one in reversed(self._verdicts.items()) if of[:2] == (subscriber, spike_id)), None),
        ]
        return tuple(one for one in found if one and (one.verb is not Verb.SILENCE or end_of(one) > at))

    def verdicts(self) -> Mapping[tuple[str, Verb], int]:
        """Return how many found the alerts of a theme useful, and how many not."""
        return Counter((action.theme, action.verb) for action in self._verdicts.values())


def end_of(action: Action) -> datetime:
    """Return the end of a silence: the one asked for, at most 30 days on."""
    latest = action.at + LONGEST
    return min(action.until or latest, latest)


def _holds(action: Action, at: datetime) -> bool:
    """Return whether a silence has not ended, or an unsubscription was not taken back."""
    if action.verb is Verb.UNSUBSCRIBE:
        return action.until is None or action.until > at
    return end_of(action) > at
