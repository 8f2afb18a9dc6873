"""Which targets an episode is for: one alert per target, however many subscriptions match."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from alerting.roster import Placed, Roster, Subscriber, Subscription, Target
from deskwatch.records import Severity, Spike

RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}

UNKNOWN_LANGUAGE: Final = "und"


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One target of an alert, and the subscriptions it rests on, in the order of the files."""

    subscriber: Subscriber
    target: Target
    because: tuple[Placed, ...]

    @property
    def name(self) -> str:
        """Return `subscriber/target`."""
        return f"{self.subscriber.name}/{self.target.name}"


def match(spike: Spike, roster: Roster) -> tuple[Match, ...]:
    """Return one match per target, sorted by name."""
    because: dict[str, list[Placed]] = {}
    for placed in roster.subscriptions:
        if is_wanted(spike.theme, spike.severity, spike.languages, placed.subscription, spike.false_rate):
            because.setdefault(placed.subscription.subscriber, []).append(placed)
    matches = [
        Match(subscriber=subscriber, target=target, because=tuple(because[subscriber.name]))
        for subscriber, target in roster.targets()
        if subscriber.name in because
    ]
    return tuple(sorted(matches, key=lambda found: found.name))


def is_wanted(
    theme: str, severity: Severity, languages: Iterable[str], subscription: Subscription, false_rate: float = 0.0
) -> bool:
    """Return whether a subscription asks for an episode of this theme, severity and set of languages.

    `en` also stands for `en-GB`. Where no language is known, none is a reason to stay silent. An episode that would
    have opened at a threshold with `false_rate` false alerts a month is too unsure where fewer are accepted.
    """
    accepted = subscription.false_alerts_per_month
    if accepted is not None and false_rate > accepted:
        return False
    if theme not in subscription.themes or RANK[severity] < RANK[subscription.min_severity]:
        return False
    known = {_primary(language) for language in languages} - {UNKNOWN_LANGUAGE}
    wanted = {_primary(language) for language in subscription.only.languages}
    return not wanted or not known or bool(wanted & known)


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
