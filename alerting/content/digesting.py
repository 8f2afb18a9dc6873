"""What a subscriber was not told in messages of their own, and the daily word that nothing was to be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from alerting.content.endings import tell_resolution
from alerting.content.figures import tell_figures
from alerting.content.headlines import Item, show_headline
from alerting.content.languages.speaking import Speaker, speaker_for
from alerting.content.message import Missed
from alerting.content.wording import clean, title_of, to_subject
from alerting.rules.matching import RANK
from alerting.rules.roster import Subscriber
from deskwatch.records import Severity, SpikeState

ENTRIES: Final = 7  # of three lines each
THEMES: Final = 15
SEEN: Final = 0.5  # share of feeds that must answer before quiet may be called quiet


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a digest; only `item` and `about` hold words of others."""

    line: str
    mark: str = ""
    about: str = ""
    item: Item | None = None


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """A digest for one subscriber, in words."""

    language: str
    is_good: bool  # nothing is amiss
    subject: str
    mark: str
    headline: str
    lead: str
    when: str
    why: str
    facts: str = ""
    entries: tuple[Entry, ...] = ()
    rest: str = ""


class ThemeCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """What one theme had in the time a digest is about; `health` as in `records.Bucket`."""

    title: str
    reports: int
    expected: float
    health: float = 1.0


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk has seen, and how many alerts the subscriber got meanwhile."""

    themes: tuple[ThemeCoverage, ...]
    feeds_answering: int
    feeds_total: int
    articles: int
    alerts_sent: int = 0

    @property
    def is_enough(self) -> bool:
        """Return whether so much of the news came in that silence means something."""
        return self.articles > 0 and self.feeds_answering >= SEEN * self.feeds_total > 0


def compose_digest(missed: Sequence[Missed], subscriber: Subscriber, *, since: datetime, until: datetime) -> Digest:
    """Return what the subscriber did not get and why: open episodes first, the gravest first among equals."""
    say = speaker_for(subscriber)
    words = say.words
    ranked = sorted(missed, key=lambda one: (one.is_over, -RANK[one.spike.severity], one.spike.onset_at, one.title))
    over = sum(one.is_over for one in ranked)
    headline = say.count(words.missed, len(ranked))
    titles = say.names(tuple(dict.fromkeys(_title(one) for one in ranked)), 3)
    return Digest(
        language=words.language,
        is_good=False,
        subject=to_subject(f"[{words.digest}] {headline}{words.colon if titles else ''}{titles}"),
        mark=words.digest,
        headline=headline,
        lead=words.clause.join((say.count(words.still_open, len(ranked) - over), say.count(words.already_over, over))),
        when=say.period(since, until - since),
        entries=tuple(_entry(one, until, say) for one in ranked[:ENTRIES]),
        rest=_rest(ranked[ENTRIES:], say),
        why=words.digest_why.format(name=subscriber.name),
    )


def compose_all_quiet(coverage: Coverage, subscriber: Subscriber, *, since: datetime, until: datetime) -> Digest:
    """Return the word that nothing stood out, with what was watched; where that was too little, it says so instead."""
    say = speaker_for(subscriber)
    words = say.words
    headline = words.all_quiet
    if coverage.alerts_sent:
        headline = say.count(words.alerts_but, coverage.alerts_sent)
    if not coverage.is_enough:
        headline = words.partly_blind
    themes = sorted(coverage.themes, key=lambda one: (-(one.reports + 1) / (one.expected + 1), one.title))
    unseen = len(themes) - THEMES
    mark = words.quiet if coverage.is_enough and not coverage.alerts_sent else words.digest
    return Digest(
        language=words.language,
        is_good=coverage.is_enough,
        subject=to_subject(f"[{mark}] {headline}"),
        mark=mark,
        headline=headline,
        lead=words.quiet_because if coverage.is_enough else words.blind_because,
        facts=_watched(coverage, say),
        when=say.period(since, until - since),
        entries=tuple(_theme(one, say) for one in themes[:THEMES]),
        rest=say.count(words.more_themes, max(unseen, 0)),
        why=words.quiet_why.format(name=subscriber.name),
    )


def _entry(missed: Missed, until: datetime, say: Speaker) -> Entry:
    words, spike = say.words, missed.spike
    figures = tell_resolution(spike, None, say) if spike.state is SpikeState.RESOLVED else tell_figures(spike, say)
    state = words.entry_over if missed.is_over else words.entry_open
    if spike.state is SpikeState.WITHDRAWN:
        state = words.entry_withdrawn
    reason = words.reasons.get(missed.reason) or clean(missed.reason, 40)
    return Entry(
        mark=words.severities[spike.severity].upper(),
        line=words.aside.format(title=_title(missed), seen=figures.observed, normal=figures.usual),
        about=" · ".join(filter(None, (state.format(time=say.moment(spike.onset_at, until)), reason))),
        item=show_headline(spike.headlines[0], until, say) if spike.headlines else None,
    )


def _watched(coverage: Coverage, say: Speaker) -> str:
    """Return `40 of 41 feeds answering · 12,345 articles read · 12 themes watched`."""
    feeds = say.count(say.words.feeds, coverage.feeds_total)
    return " · ".join(
        (
            say.words.answering.format(answering=say.number(coverage.feeds_answering), feeds=feeds),
            say.count(say.words.articles_read, coverage.articles),
            say.count(say.words.themes_watched, len(coverage.themes)),
        )
    )


def _rest(missed: Sequence[Missed], say: Speaker) -> str:
    """Return `And 6 more: 1 medium, 5 low.`"""
    if not missed:
        return ""
    words, found = say.words, Counter(one.spike.severity for one in missed)
    shown = [
        words.of_severity.format(n=say.number(found[one]), severity=words.severities[one])
        for one in reversed(Severity)
        if found[one]
    ]
    more = words.more_entries.form(len(missed))
    return more.format(n=say.number(len(missed)), counts=words.listed.join(shown))


def _theme(theme: ThemeCoverage, say: Speaker) -> Entry:
    words = say.words
    line = words.theme_line.format(
        title=clean(theme.title, 60),
        reports=say.count(words.reports, theme.reports),
        amount=say.amount(theme.expected),
    )
    about = words.theme_unseen.format(share=say.share(theme.health)) if theme.health < SEEN else ""
    return Entry(line=line, about=about)


def _title(missed: Missed) -> str:
    return title_of(missed.spike.theme, missed.title)
