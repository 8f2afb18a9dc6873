"""What has changed since the last message about an episode."""

from __future__ import annotations

from collections.abc import Iterator

from alerting.content.figures import reports_in_window, tell_figures
from alerting.content.languages.speaking import Speaker
from alerting.content.wording import clean
from alerting.rules.matching import RANK
from deskwatch.records import Spike, SpikeKind, Turn


def tell_changes(spike: Spike, told: Spike | None, say: Speaker) -> str:
    """Return `Updated 22:31 (14:31 UTC): was 14 reports, now 47; ...`; it may hold a headline."""
    words = say.words
    changes = [*(_compared(spike, told, say) if told else ()), *_of_turn(spike, say)] or [words.nothing_new]
    time = say.moment(spike.revised_at, told.revised_at if told else spike.onset_at)
    return words.updated.format(time=time, changes=words.joined.join(changes))


def _compared(spike: Spike, told: Spike, say: Speaker) -> Iterator[str]:
    words = say.words
    if spike.severity is not told.severity:
        rose = RANK[spike.severity] > RANK[told.severity]
        phrase = words.severity_rose if rose else words.severity_fell
        yield phrase.format(old=words.severities[told.severity], new=words.severities[spike.severity])
    if (spike.observed, spike.window_s) != (told.observed, told.window_s):
        yield _numbers(spike, told, say)
    if spike.headlines and _lead(spike) != _lead(told):
        yield words.new_lead.format(title=_lead(spike) or words.no_title)


def _numbers(spike: Spike, told: Spike, say: Speaker) -> str:
    if spike.kind is SpikeKind.SPIKE and spike.window_s == told.window_s:
        old = say.count(say.words.reports, told.observed)
        return say.words.was_now.format(old=old, new=say.number(spike.observed))
    if spike.kind is SpikeKind.SPIKE:
        return say.words.was_now_in.format(old=reports_in_window(told, say), new=reports_in_window(spike, say))
    return say.words.was_now_in.format(old=tell_figures(told, say).observed, new=tell_figures(spike, say).observed)


def _of_turn(spike: Spike, say: Speaker) -> Iterator[str]:
    said = {Turn.SURER: say.words.surer, Turn.PEAKED: say.words.past_peak, Turn.GAP_OVER: say.words.gap_over}
    if spike.turn in said:
        yield said[spike.turn]


def _lead(spike: Spike) -> str:
    """Return the title that leads; by it, not by its id, a reader knows a story."""
    return clean(spike.headlines[0].title, 120) if spike.headlines else ""
