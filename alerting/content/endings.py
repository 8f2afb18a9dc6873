"""How an episode ended, or that it should not have been told."""

from __future__ import annotations

from alerting.content.figures import Figures, normal_range, tell_figures
from alerting.content.languages.speaking import Speaker
from deskwatch.records import Spike, SpikeKind, Turn


def tell_resolution(spike: Spike, told: Spike | None, say: Speaker) -> Figures:
    """Return the figures of an episode that is over: how long it lasted, its peak, and what was last told of it."""
    words, now = say.words, tell_figures(spike, say)
    lasted = say.duration((spike.resolved_at or spike.revised_at) - spike.onset_at)
    observed, usual = words.back_to_normal, words.over_after.format(span=lasted)
    comparison = words.now_is.format(observed=now.observed, **normal_range(spike, say))
    if spike.kind is SpikeKind.QUIET:
        observed, usual, comparison = now.observed, now.usual, now.comparison
    elif spike.turn is Turn.NEW_NORMAL:
        observed, comparison = words.new_normal, words.new_normal_is.format(observed=now.observed)
    evidence = []
    if spike.peak_at is not None:
        evidence.append(words.peak_about.format(time=say.moment(spike.peak_at, spike.onset_at)))
    if told is not None and told.kind is not SpikeKind.QUIET:
        severity = words.severities[told.severity]
        before = tell_figures(told, say)
        last = words.last_told.format(observed=before.observed, outlets=before.evidence[0], severity=severity)
        evidence.append(last)
    return Figures(observed=observed, usual=usual, comparison=comparison, evidence=tuple(evidence))


def tell_correction(spike: Spike, told: Spike | None, say: Speaker) -> Figures:
    """Return that an alert does not hold, why, what was told, and what remains of it."""
    words = say.words
    remains = words.what_remains.format(what=tell_figures(spike, say).observed)
    evidence: tuple[str, ...] = (remains,)
    if told is not None:
        time = say.moment(told.revised_at, spike.revised_at)
        evidence = (words.told_at.format(time=time, what=tell_figures(told, say).observed), remains)
    return Figures(observed=words.not_so, usual=words.please_disregard, comparison=words.corrected, evidence=evidence)
