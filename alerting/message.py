"""What an alert says, before it becomes a mail or a Slack message: plain, cleaned text in the order it is read.

What and how big against normal; what it is about; whether it is real; since when; why me; what data is missing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.matching import Match
from alerting.roster import Placed
from alerting.wording import (
    amount,
    clean,
    count,
    enumerate_names,
    moment,
    period,
    safe_link,
    shorten,
    span,
    title_of,
)
from deskwatch.records import Headline, Severity, Spike, SpikeKind, SpikeState

HEADLINES: Final = 5
SUBJECT: Final = 110  # characters; mail programs show some 60 to 100
LEARNT_DAYS: Final = 14.0  # below it the reader is told that "normal" is young

_TITLE: Final = 160
_SOURCE: Final = 40
_FAINT: Final = 0.5  # an expectation below it makes multiples meaningless


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One headline: its link is None when the feed's address was not fit to be linked."""

    title: str
    source: str
    seen: str
    url: str | None = None
    copies: str = ""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One episode for one target, in words."""

    spike_id: str
    theme: str
    title: str
    severity: Severity
    subject: str
    observed: str  # 14 reports in 1 h
    usual: str  # normal 3
    comparison: str  # Normal is 3, most often 1-6.
    ratio: str  # 4.7 times the normal; empty where normal is next to nothing
    evidence: tuple[str, ...]  # 12 outlets / 9 stories / 41 articles
    when: str
    noticed: str
    cautions: tuple[str, ...]
    items: tuple[Item, ...]
    why: str
    test: bool = False

    @property
    def headline(self) -> str:
        """Return the sentence that has to be enough: `Taiwan: 14 reports in 1 h (normal 3)`."""
        return f"{self.title}: {self.observed} ({self.usual})"


def compose(spike: Spike, match: Match, *, title: str = "", test: bool = False) -> Alert:
    """Return what the alert about `spike` says to the target of `match`; `title` is the theme's."""
    zone = ZoneInfo(match.subscriber.timezone)
    items = tuple(_item(headline) for headline in _distinct(spike.headlines)[:HEADLINES])
    title = title_of(spike.theme, title)
    observed, usual, comparison = _figures(spike)
    lead = f" — {items[0].title}" if items else ""
    mark = "TEST " if test else ""
    subject = f"[{mark}{spike.severity.upper()}] {title}: {observed} ({usual}){lead}"
    return Alert(
        spike_id=clean(spike.spike_id, 80),
        theme=spike.theme,
        title=title,
        severity=spike.severity,
        subject=shorten(subject, SUBJECT),
        observed=observed,
        usual=usual,
        comparison=comparison,
        ratio=_ratio(spike),
        evidence=_evidence(spike),
        when=period(_window_start(spike), timedelta(seconds=spike.window_s), zone),
        noticed=moment(spike.detected_at),
        cautions=tuple(_cautions(spike)),
        items=items,
        why=_why(match),
        test=test,
    )


def _figures(spike: Spike) -> tuple[str, str, str]:
    """Return what was seen, what is usual in a few words, and the same as a sentence."""
    usual = amount(spike.expected)
    band = f"{spike.expected_low:,.0f}–{spike.expected_high:,.0f}"
    match spike.kind:
        case SpikeKind.PICKUP:
            observed = f"one story in {count(spike.observed, 'outlet')} within {span(spike.window_s)}"
            if spike.expected < 1:
                return observed, "none so wide lately", "No story has been taken over so widely in the last weeks."
            comparison = f"The widest story of the last weeks was in {count(round(spike.expected), 'outlet')}."
            return observed, f"widest lately {usual}", comparison
        case SpikeKind.QUIET if spike.state is SpikeState.RESOLVED:
            return (
                "reports again",
                f"none for {span(spike.window_s)}",
                f"It would have been {usual}, most often {band}.",
            )
        case SpikeKind.QUIET:
            observed = f"no report for {span(spike.window_s)}"
            return observed, f"usual {usual}", f"Usual would have been {usual}, most often {band}."
        case _:
            observed = f"{count(spike.observed, 'report')} in {span(spike.window_s)}"
            return observed, f"normal {usual}", f"Normal is {usual}, most often {band}."


def _window_start(spike: Spike) -> datetime:
    """Return where the window begins that the numbers are of: a grown episode is told by a later one than its onset."""
    if spike.window_end_at is None:
        return spike.onset_at
    return spike.window_end_at - timedelta(seconds=spike.window_s)


def _distinct(headlines: tuple[Headline, ...]) -> list[Headline]:
    """Return the headlines without those that read like an earlier one."""
    first: dict[str, Headline] = {}
    for headline in headlines:
        first.setdefault(clean(headline.title, _TITLE).casefold(), headline)
    return list(first.values())


def _item(headline: Headline) -> Item:
    return Item(
        title=clean(headline.title, _TITLE) or "(no title)",
        source=clean(headline.source, _SOURCE) or "(unnamed source)",
        seen=moment(headline.seen_at),
        url=safe_link(headline.url),
        copies=count(headline.copies, "copy", "copies") if headline.copies else "",
    )


def _ratio(spike: Spike) -> str:
    if spike.expected < _FAINT or spike.kind is not SpikeKind.SPIKE:
        return ""
    ratio = spike.observed / spike.expected
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}".removesuffix(".0")


def _evidence(spike: Spike) -> tuple[str, ...]:
    if spike.kind is SpikeKind.QUIET:
        return (f"{spike.health:.0%} of its usual sources answer", f"{count(spike.feeds_total, 'feed')} in all")
    return (
        count(spike.owners, "independent outlet"),
        count(spike.stories, "separate story", "separate stories"),
        count(spike.articles, "article"),
    )


def _cautions(spike: Spike) -> list[str]:
    cautions = []
    if spike.kind is SpikeKind.SPIKE and spike.owners == 1:
        cautions.append("All of it comes from one outlet: nobody else reports it yet.")
    elif spike.kind is SpikeKind.SPIKE and spike.owners >= 3 and (spike.origins or spike.stories) * 2 <= spike.owners:
        origins = count(spike.origins or spike.stories, "origin")
        cautions.append(f"{count(spike.owners, 'outlet')}, but {origins}: most of them repeat the same reports.")
    if spike.feeds_late:
        total = max(spike.feeds_total, len(spike.feeds_late))
        names = enumerate_names(spike.feeds_late, 3)
        cautions.append(f"{len(spike.feeds_late)} of {count(total, 'feed')} did not answer: {names}.")
    if spike.data_gap:
        cautions.append("Too few feeds answer at the moment to know how it goes on.")
    if spike.feeds_new:
        cautions.append(
            f"{count(spike.feeds_new, 'feed')} joined lately and will count when it is known what they bring."
        )
    if spike.learnt_days < LEARNT_DAYS:
        days = round(spike.learnt_days)
        history = count(days, "day") if days else "less than a day"
        cautions.append(f"“Normal” rests on {history} of history so far.")
    return cautions


def _why(match: Match) -> str:
    name = match.subscriber.name
    first, *others = (_reason(placed) for placed in match.because)
    more = f" (and {count(len(others), 'further subscription')})" if others else ""
    return f"You get this because {name} subscribes to {first}{more}."


def _reason(placed: Placed) -> str:
    subscription = placed.subscription
    words = f"“{subscription.name}” from severity {subscription.min_severity} on"
    return f"{words}, {clean(placed.place, 120)}"
