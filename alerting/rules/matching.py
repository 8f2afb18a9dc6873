"""Which targets an episode is for: one alert per target, however many subscriptions match."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from alerting.rules.roster import Only, Placed, Roster, Subscriber, Subscription, Target
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


def match(
    spike: Spike, roster: Roster, *, any_severity: bool = False, theme_only: bool = False, standby: bool = False
) -> tuple[Match, ...]:
    """Return one match per target, sorted by name.

    Args:
        any_severity: Subscriptions that ask for more count too.
        theme_only: All that name the theme count, whatever else they ask for: who was told of an episode hears its end.
        standby: Targets on standby count too.
    """
    because: dict[str, list[Placed]] = {}
    for placed in roster.subscriptions:
        subscription = placed.subscription
        enough = any_severity or is_enough(spike.severity, subscription, spike.false_rate)
        asked = enough and is_about(spike.theme, spike.languages, subscription) and is_told(spike, subscription.only)
        if asked or (theme_only and spike.theme in subscription.themes):
            because.setdefault(subscription.subscriber, []).append(placed)
    matches = [
        Match(subscriber=subscriber, target=target, because=tuple(because[subscriber.name]))
        for subscriber, target in roster.targets()
        if subscriber.name in because and (standby or not target.standby)
    ]
    return tuple(sorted(matches, key=lambda found: found.name))


def is_wanted(
    theme: str, severity: Severity, languages: Iterable[str], subscription: Subscription, false_rate: float = 0.0
) -> bool:
    """Return whether a subscription asks for an episode of this theme, severity and set of languages."""
    return is_enough(severity, subscription, false_rate) and is_about(theme, languages, subscription)


def is_enough(severity: Severity, subscription: Subscription, false_rate: float = 0.0) -> bool:
    """Return whether an episode is grave and sure enough.

    One that would have opened at a threshold with `false_rate` false alerts a month is too unsure where fewer are
    accepted.
    """
    accepted = subscription.false_alerts_per_month
    if accepted is not None and false_rate > accepted:
        return False
    return RANK[severity] >= RANK[subscription.min_severity]


def is_about(theme: str, languages: Iterable[str], subscription: Subscription) -> bool:
    """Return whether an episode is of a theme and in a language that a subscription names.

    `en` also stands for `en-GB`. Where no language is known, none is a reason to stay silent.
    """
    if theme not in subscription.themes:
        return False
    known = {_primary(language) for language in languages} - {UNKNOWN_LANGUAGE}
    wanted = {_primary(language) for language in subscription.only.languages}
    return not wanted or not known or bool(wanted & known)


def is_told(spike: Spike, only: Only) -> bool:
    """Return whether an outlet tells of an episode, and in words, that a subscription asks for."""
    outlets = (*spike.outlets, *(headline.source for headline in spike.headlines))
    words = [word for headline in spike.headlines for word in (headline.title, *headline.terms)]
    return has_outlet(outlets, only) and has_term(words, only)


def has_outlet(outlets: Iterable[str], only: Only) -> bool:
    """Return whether one of the outlets is asked for; where none is known, that is no reason to stay silent."""
    known = {outlet.casefold() for outlet in outlets}
    return not only.outlets or not known or bool(known & {outlet.casefold() for outlet in only.outlets})


def has_term(words: Iterable[str], only: Only) -> bool:
    """Return whether one of the words holds a term that is asked for; where there are none, likewise."""
    known = [word.casefold() for word in words]
    return not only.terms or not known or any(term.casefold() in word for term in only.terms for word in known)


def refusal(subscription: Subscription, spike: Spike) -> str:
    """Return what keeps a subscription from asking for an episode; empty if it asks for it."""
    if spike.theme not in subscription.themes:
        return f"its themes are {', '.join(subscription.themes)}"
    if not is_about(spike.theme, spike.languages, subscription):
        return f"it wants {', '.join(subscription.only.languages)}, this is in {', '.join(spike.languages)}"
    if not is_told(spike, subscription.only):
        asked = (*subscription.only.outlets, *subscription.only.terms)
        return f"it wants {', '.join(asked)}, and none of it is in this"
    if RANK[spike.severity] < RANK[subscription.min_severity]:
        return f"it asks for {subscription.min_severity}, this is {spike.severity}"
    accepted = subscription.false_alerts_per_month
    if accepted is not None and spike.false_rate > accepted:
        return f"it accepts {accepted:g} false alerts a month, this opened at {spike.false_rate:.3g}"
    return ""


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
