"""What an alert says, before it becomes a mail or a Slack message: plain, cleaned text in the order it is read.

What and how big against normal; what has changed; what it is about; whether it is real; since when; why me; what data
is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from alerting.content.cautions import tell_cautions, tell_lateness
from alerting.content.changes import tell_changes
from alerting.content.endings import tell_correction, tell_resolution
from alerting.content.figures import Figures, tell_figures, window_end, window_start
from alerting.content.headlines import Item, show_headlines, show_terms
from alerting.content.languages.speaking import Speaker, speaker_for
from alerting.content.offering import Act, Offer, tell_acts
from alerting.content.wording import clean, title_of, to_subject
from alerting.rules.matching import Match
from alerting.rules.roster import Placed
from alerting.rules.silencing import end_of
from deskwatch.records import Action, Severity, Spike, Verb


class Occasion(StrEnum):
    """Why there is a message about an episode."""

    OPENING = "opening"
    UPDATE = "update"
    RESOLUTION = "resolution"
    CORRECTION = "correction"


GOING_ON: Final = (Occasion.OPENING, Occasion.UPDATE)
HEADLINES: Final = {Occasion.OPENING: 5, Occasion.UPDATE: 3, Occasion.RESOLUTION: 3, Occasion.CORRECTION: 1}


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One episode for one target, in words. `changed`, `items`, `terms` and `cautions` hold words of feeds."""

    spike_id: str
    theme: str
    title: str
    severity: Severity
    occasion: Occasion
    language: str
    marks: tuple[str, ...]  # TEST / UPDATE / HIGH
    subject: str
    headline: str  # the sentence that has to be enough: Taiwan: 14 reports in 1 h (normal 3)
    figures: Figures
    changed: str
    when: str
    noticed: str
    cautions: tuple[str, ...]
    items: tuple[Item, ...]
    terms: str
    also: str
    why: str
    about: str
    chart: str  # what a chart shows, for who does not see it
    test: bool = False
    noted: tuple[str, ...] = ()  # what officers did about it
    acts: tuple[Act, ...] = ()  # what a reader can do about it
    button_key: str = ""  # what Slack's buttons hand back; without it none are drawn

    @property
    def is_going_on(self) -> bool:
        """Return whether the message tells of an episode that stands out now."""
        return self.occasion in GOING_ON

    @property
    def has_links(self) -> bool:
        """Return whether anything can be done by a link."""
        return any(act.url for act in self.acts)


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """An episode of which a subscriber got no alert, or not in time; `reason` is one of `words.MISSED`."""

    spike: Spike
    reason: str
    title: str
    is_over: bool


def compose(
    spike: Spike,
    match: Match,
    *,
    title: str = "",
    test: bool = False,
    occasion: Occasion = Occasion.OPENING,
    told: Spike | None = None,
    now: datetime | None = None,
    held_since: datetime | None = None,
    held_for: str = "",
    also: tuple[str, ...] = (),
    noted: Sequence[Action] = (),
    offer: Offer | None = None,
) -> Alert:
    """Return what a message about `spike` says to the target of `match`, in the subscriber's language and zone.

    Args:
        title: The theme's.
        told: What the last message of this thread told; with the occasion OPENING, the first message is edited.
        now: When the message is made; without it, nothing is said of being late.
        held_since: When it could have gone out.
        held_for: Why it did not, one of `words.HELD`.
        also: Titles of further themes in which the same event stands out.
        noted: What officers did about it.
        offer: What its reader can do about it.
    """
    say = speaker_for(match.subscriber)
    title = title_of(spike.theme, title)
    figures = _figures(spike, told, occasion, say)
    marks = _marks(spike, occasion, say, test=test)
    headline = say.words.aside.format(title=title, seen=figures.observed, normal=figures.usual)
    items = show_headlines(_source(spike, told, occasion).headlines, HEADLINES[occasion], spike.onset_at, say)
    is_going_on = occasion in GOING_ON
    lead = f" — {items[0].title}" if items and is_going_on else ""
    is_follow_up = told is not None or occasion is Occasion.UPDATE
    changed = tell_changes(spike, told, say) if is_going_on and is_follow_up else ""
    late = tell_lateness(spike, now, held_since, held_for, say)
    offer = offer or Offer()
    return Alert(
        spike_id=clean(spike.spike_id, 80),
        theme=spike.theme,
        title=title,
        severity=spike.severity,
        occasion=occasion,
        language=say.words.language,
        marks=marks,
        subject=to_subject(f"[{' '.join(marks)}] {headline}{lead}"),
        headline=headline,
        figures=figures,
        changed=changed,
        when=_when(spike, occasion, say),
        noticed=_noticed(spike, occasion, say, is_dated=bool(changed)) if is_going_on else "",
        cautions=(*([late] if late else []), *(tell_cautions(spike, say) if is_going_on else ())),
        items=items,
        terms=show_terms(spike.headlines, say) if is_going_on else "",
        also=say.words.also_under.format(themes=say.names(also, 5)) if also else "",
        why=_why(match, say),
        about=_about(spike, say),
        chart=_chart(spike, figures, say),
        test=test,
        noted=tuple(_tell_noted(noted, title, spike.onset_at, say)),
        acts=tell_acts(offer, say, is_going_on=is_going_on),
        button_key=offer.button_key,
    )


def _tell_noted(actions: Sequence[Action], title: str, near: datetime, say: Speaker) -> Iterator[str]:
    """Yield `Acknowledged by ann, 14:05 UTC`."""
    words = say.words
    phrases = {
        Verb.ACKNOWLEDGE: words.acknowledged_by,
        Verb.SILENCE: words.silenced_by,
        Verb.USEFUL: words.useful_by,
        Verb.NOT_USEFUL: words.not_useful_by,
    }
    for action in actions:
        if action.verb in phrases:
            at = end_of(action) if action.verb is Verb.SILENCE else action.at
            name = clean(action.by, 40) or words.somebody
            yield phrases[action.verb].format(name=name, theme=title, time=say.moment(at, near))


def _figures(spike: Spike, told: Spike | None, occasion: Occasion, say: Speaker) -> Figures:
    match occasion:
        case Occasion.RESOLUTION:
            return tell_resolution(spike, told, say)
        case Occasion.CORRECTION:
            return tell_correction(spike, told, say)
        case _:
            return tell_figures(spike, say)


def _marks(spike: Spike, occasion: Occasion, say: Speaker, *, test: bool) -> tuple[str, ...]:
    words = say.words
    severity = words.severities[spike.severity].upper()
    marks = {
        Occasion.OPENING: (severity,),
        Occasion.UPDATE: (words.update, severity),
        Occasion.RESOLUTION: (words.over,),
        Occasion.CORRECTION: (words.correction,),
    }[occasion]
    return (words.test, *marks) if test else marks


def _when(spike: Spike, occasion: Occasion, say: Speaker) -> str:
    """Return the window that the numbers are of; of an episode that is over, all of its time."""
    if occasion is Occasion.RESOLUTION:
        return say.period(spike.onset_at, (spike.resolved_at or spike.revised_at) - spike.onset_at)
    return say.period(window_start(spike), timedelta(seconds=spike.window_s))


def _noticed(spike: Spike, occasion: Occasion, say: Speaker, *, is_dated: bool) -> str:
    """Return since when it lasts, when it was noticed, and what the numbers are as of where nothing else says so."""
    words, start, said = say.words, window_start(spike), []
    if spike.onset_at != start:
        said.append(words.since.format(time=say.moment(spike.onset_at, start)))
    if occasion is Occasion.OPENING:
        said.append(words.noticed.format(time=say.moment(spike.detected_at, start)))
    if not is_dated and spike.revised_at != spike.detected_at:
        said.append(words.as_of.format(time=say.moment(spike.revised_at, start)))
    return words.clause.join(said)


def _source(spike: Spike, told: Spike | None, occasion: Occasion) -> Spike:
    """Return whose headlines are shown: at the end, those that were told."""
    return spike if occasion in GOING_ON or told is None else told


def _why(match: Match, say: Speaker) -> str:
    words = say.words
    first, *others = (_reason(placed, say) for placed in match.because)
    reason = words.why_more.form(len(others)).format(first=first, n=say.number(len(others)))
    return words.why.format(name=match.subscriber.name, reason=reason)


def _reason(placed: Placed, say: Speaker) -> str:
    subscription = placed.subscription
    severity = say.words.severities[subscription.min_severity]
    place = clean(placed.place, 120)
    return say.words.reason.format(subscription=subscription.name, severity=severity, place=place)


def _about(spike: Spike, say: Speaker) -> str:
    words = say.words
    said = [words.episode.format(id=clean(spike.spike_id, 80), revision=spike.revision)]
    if spike.config_hash:
        said.append(words.configuration.format(hash=clean(spike.config_hash, 80)[:12]))
    return words.clause.join(said)


def _chart(spike: Spike, figures: Figures, say: Speaker) -> str:
    time = say.moment(window_end(spike), spike.onset_at)
    return say.words.chart.format(time=time, observed=figures.observed, normal=figures.usual)
