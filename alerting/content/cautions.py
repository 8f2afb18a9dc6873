"""What weakens an alert: few origins, missing data, a young baseline, and that it comes late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from alerting.content.languages.speaking import Speaker
from alerting.content.wording import clean
from deskwatch.records import Spike, SpikeKind, Turn

LEARNT_DAYS: Final = 14.0  # below it the reader is told that "normal" is young
HEALTHY: Final = 0.9  # share of a theme's usual evidence; below it the reader is told
LATE: Final = timedelta(minutes=5)
PASSED_ON: Final = frozenset({"escalation", "fallback"})  # told however soon it is


def tell_lateness(spike: Spike, now: datetime | None, held_since: datetime | None, held_for: str, say: Speaker) -> str:
    """Return how late an alert is and why, or why it came to this reader; empty if neither, or `now` is not known.

    An episode that grew to what its reader asks for is not late when it is told then, however old it is.
    """
    due = held_since or (spike.detected_at if spike.turn is Turn.OPENED else spike.revised_at)
    if now is None or (now - due <= LATE and held_for not in PASSED_ON):
        return ""
    return say.words.held.get(held_for, say.words.sent_late).format(late=say.duration(now - due))


def tell_cautions(spike: Spike, say: Speaker) -> Iterator[str]:
    """Yield a sentence for each thing that a reader should know before relying on the numbers."""
    yield from _about_sources(spike, say)
    yield from _about_data(spike, say)
    words = say.words
    if spike.learnt_days < LEARNT_DAYS:
        days = round(spike.learnt_days)
        yield words.short_history.format(history=say.count(words.days, days) if days else words.under_a_day)
    if spike.learnt_from:
        yield words.learnt_from.format(source=clean(spike.learnt_from, 80))


def _about_sources(spike: Spike, say: Speaker) -> Iterator[str]:
    if spike.kind is not SpikeKind.SPIKE:
        return
    origins = spike.origins or spike.stories
    if spike.owners == 1:
        yield say.words.one_outlet
    elif spike.owners >= 3 and origins * 2 <= spike.owners:
        outlets = say.count(say.words.outlets, spike.owners)
        yield say.words.one_origin.format(outlets=outlets, origins=say.count(say.words.origins, origins))


def _about_data(spike: Spike, say: Speaker) -> Iterator[str]:
    words = say.words
    if spike.feeds_late:
        feeds = say.count(words.feeds, max(spike.feeds_total, len(spike.feeds_late)))
        names = say.names(spike.feeds_late, 3)
        yield words.feeds_late.format(late=say.number(len(spike.feeds_late)), feeds=feeds, names=names)
    if spike.health < HEALTHY and spike.kind is not SpikeKind.QUIET:
        yield words.part_answers.format(share=say.share(spike.health))
    if spike.data_gap:
        yield words.data_gap
    if spike.feeds_new:
        yield words.feeds_new.format(feeds=say.count(words.feeds, spike.feeds_new))
