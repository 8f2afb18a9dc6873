"""How big an episode is against what is normal, in a few words and in a sentence, and what that rests on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from alerting.content.languages.speaking import Speaker
from deskwatch.records import Spike, SpikeKind, SpikeState

FAINT: Final = 0.5  # an expectation below it makes multiples meaningless


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert says first."""

    observed: str  # 14 reports in 1 h
    usual: str  # normal 3
    comparison: str  # Normal is 3, most often 1-6.
    ratio: str = ""  # 4.7 times the normal; empty where normal is next to nothing
    evidence: tuple[str, ...] = ()  # 12 outlets / 9 stories / 41 articles


def tell_figures(spike: Spike, say: Speaker) -> Figures:
    """Return the figures of an episode that goes on."""
    observed, usual, comparison = _sizes(spike, say)
    return Figures(
        observed=observed,
        usual=usual,
        comparison=comparison,
        ratio=_ratio(spike, say),
        evidence=_evidence(spike, say),
    )


def window_start(spike: Spike) -> datetime:
    """Return where the window begins that the numbers are of: a grown episode is told by a later one than its onset."""
    return window_end(spike) - timedelta(seconds=spike.window_s)


def window_end(spike: Spike) -> datetime:
    """Return where the window ends that the numbers are of."""
    return spike.window_end_at or spike.onset_at + timedelta(seconds=spike.window_s)


def reports_in_window(spike: Spike, say: Speaker) -> str:
    """Return `14 reports in 1 h`."""
    count = say.count(say.words.reports, spike.observed)
    return say.words.in_window.format(count=count, span=say.span(spike.window_s))


def normal_range(spike: Spike, say: Speaker) -> dict[str, str]:
    """Return what is normal, as phrases want it: `amount`, `low` and `high`."""
    return {
        "amount": say.amount(spike.expected),
        "low": say.number(spike.expected_low),
        "high": say.number(spike.expected_high),
    }


def _sizes(spike: Spike, say: Speaker) -> tuple[str, str, str]:
    """Return what was seen, what is usual in a few words, and the same as a sentence."""
    words, normal = say.words, normal_range(spike, say)
    span = say.span(spike.window_s)
    match spike.kind:
        case SpikeKind.PICKUP:
            observed = words.pickup.format(outlets=say.count(words.outlets, spike.observed), span=span)
            if spike.expected < 1:
                return observed, words.pickup_none, words.pickup_none_is
            widest = say.count(words.outlets, round(spike.expected))
            return observed, words.pickup_widest.format(**normal), words.pickup_widest_is.format(outlets=widest)
        case SpikeKind.QUIET if spike.state is SpikeState.RESOLVED:
            return words.heard, words.heard_after.format(span=span), words.heard_is.format(**normal)
        case SpikeKind.QUIET:
            usual = words.silent_usual.format(**normal)
            return words.silent.format(span=span), usual, words.silent_usual_is.format(**normal)
        case _:
            return reports_in_window(spike, say), words.normal.format(**normal), words.normal_is.format(**normal)


def _ratio(spike: Spike, say: Speaker) -> str:
    if spike.expected < FAINT or spike.kind is not SpikeKind.SPIKE:
        return ""
    return say.words.times_normal.format(ratio=say.amount(spike.observed / spike.expected))


def _evidence(spike: Spike, say: Speaker) -> tuple[str, ...]:
    words = say.words
    if spike.kind is SpikeKind.QUIET:
        feeds = words.feeds_in_all.format(feeds=say.count(words.feeds, spike.feeds_total))
        return words.sources_answer.format(share=say.share(spike.health)), feeds
    return (
        say.count(words.independent_outlets, spike.owners),
        say.count(words.stories, spike.stories),
        say.count(words.articles, spike.articles),
    )
