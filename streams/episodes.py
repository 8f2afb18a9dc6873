"""The life of an episode: it opens when evidence stands out, grows, passes its peak, and ends when all is quiet again.

Where too few feeds answer it stands still. Where articles are corrected so that what opened it does not hold any more,
it is withdrawn.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime
from typing import Final

from deskwatch.records import Severity, Spike, SpikeState, Turn
from streams.baseline import surprise
from streams.memory import Desk, Episode, Theme
from streams.rules import Rules
from streams.series import UNOBSERVED, Window
from streams.standouts import (
    held,
    last_hour,
    owners_of,
    retold,
    still_holds,
    strongest,
    surprise_of,
    threshold,
    within_budget,
)
from streams.telling import tell

LEAST_RATE: Final = 0.01  # false alerts a month: nobody asks for fewer
# How far above the threshold, in powers of ten, plus log10 of the owners.
SEVERITIES: Final = ((6.0, Severity.CRITICAL), (3.0, Severity.HIGH), (1.0, Severity.MEDIUM))
RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}
RISING: Final = frozenset({SpikeState.ONSET, SpikeState.GROWING})


def judge(desk: Desk, name: str, instant: datetime, rules: Rules, *, closed: bool) -> list[Spike]:
    """Return the revisions that the state of a theme at an instant asks for: none, one, or rarely two.

    Args:
        closed: Whether a bucket has just been closed; only then an episode can end, pass its peak, or lose its feeds.
    """
    theme = desk.themes[name]
    found: list[Spike] = []
    if theme.state.suspended:  # what is normal is not known: an episode in course stands still
        return found
    if theme.state.episode is not None and theme.state.shrunk:
        found += _withdraw(desk, name, theme.state.episode, instant, rules)
    theme.state.shrunk = False
    if theme.state.episode is not None and closed:
        found += _go_on(desk, name, theme.state.episode, instant, rules)
    if theme.state.fresh is None or theme.state.baseline.learnt * rules.pace.step_s < rules.silent_s:
        return found
    best = strongest(desk, theme, instant, rules)
    if best is None:
        return found
    window, strength = best
    severity = _severity(strength, window, theme)
    episode = theme.state.episode
    if episode is None:
        if within_budget(theme, instant, rules):
            found.append(_open(desk, name, instant, window, severity, rules))
    elif RANK[severity] > RANK[episode.severity]:
        found.append(_grow(desk, name, episode, instant, window, severity, rules, Turn.GRAVER))
    elif _is_surer(episode, theme, window, rules):
        found.append(_grow(desk, name, episode, instant, window, episode.severity, rules, Turn.SURER))
    return found


def give_up(desk: Desk, name: str, at: datetime, rules: Rules) -> list[Spike]:
    """End the open episode, if there is one, of a theme that is none any more."""
    theme = desk.themes[name]
    episode = theme.state.episode
    return [] if episode is None else [_resolve(desk, name, episode, at, rules, Turn.ENDED)]


def _is_surer(episode: Episode, theme: Theme, window: Window, rules: Rules) -> bool:
    """Return whether there is news for subscriptions that ask for fewer false alerts than any revision has shown."""
    rate = rules.false_rate(surprise_of(theme, window, rules) / threshold(theme, rules))
    return episode.told > LEAST_RATE and rate <= episode.told / 2


def _severity(strength: float, window: Window, theme: Theme) -> Severity:
    reach = strength + math.log10(max(len(owners_of(theme, window)), 1))
    return next((severity for least, severity in SEVERITIES if reach >= least), Severity.LOW)


def _open(desk: Desk, name: str, instant: datetime, window: Window, severity: Severity, rules: Rules) -> Spike:
    theme = desk.themes[name]
    onset = rules.pace.start_of(window.start)
    digest = hashlib.blake2b(f"{name}|{onset.isoformat()}|{instant.isoformat()}".encode(), digest_size=6)
    theme.state.guard.opened()
    episode = theme.state.episode = Episode(
        spike_id=f"sp-{digest.hexdigest()}",
        revision=0,
        state=SpikeState.ONSET,
        severity=severity,
        onset_at=onset,
        detected_at=instant,
        opened=theme.series.next,
        lead=_lead(desk, name, window),
        lead_at=rules.pace.bucket_of(instant),
    )
    return tell(desk, name, episode, instant, window, rules, Turn.OPENED)


def _grow(
    desk: Desk,
    name: str,
    episode: Episode,
    instant: datetime,
    window: Window,
    severity: Severity,
    rules: Rules,
    turn: Turn,
) -> Spike:
    episode.severity, episode.state = severity, SpikeState.GROWING
    episode.revision += 1
    return tell(desk, name, episode, instant, window, rules, turn)


def _go_on(desk: Desk, name: str, episode: Episode, instant: datetime, rules: Rules) -> list[Spike]:
    """Return what a closed bucket says of an open episode."""
    theme = desk.themes[name]
    is_blind = theme.series.expected(theme.series.next - 1) == UNOBSERVED
    if is_blind != episode.gap:
        episode.gap = is_blind
        return [_revise(desk, name, episode, instant, rules, Turn.GAP if is_blind else Turn.GAP_OVER)]
    if is_blind:
        return []  # nothing was observed, so nothing is known of how it goes on
    if (turn := _end(theme, episode, rules)) is not None:
        return [_resolve(desk, name, episode, instant, rules, turn)]
    if _has_peaked(theme, episode, rules):
        episode.state = SpikeState.PEAK
        return [_revise(desk, name, episode, instant, rules, Turn.PEAKED)]
    if (story := _new_lead(desk, name, episode, instant, rules)) is not None:
        episode.lead, episode.lead_at = story, rules.pace.bucket_of(instant)
        return [_revise(desk, name, episode, instant, rules, Turn.NEW_STORY)]
    return []


def _resolve(desk: Desk, name: str, episode: Episode, instant: datetime, rules: Rules, turn: Turn) -> Spike:
    theme = desk.themes[name]
    episode.state = SpikeState.RESOLVED
    ended = _revise(desk, name, episode, instant, rules, turn)
    theme.state.episode, theme.state.floor = None, theme.series.next
    return ended


def _revise(desk: Desk, name: str, episode: Episode, instant: datetime, rules: Rules, turn: Turn) -> Spike:
    episode.revision += 1
    return tell(desk, name, episode, instant, last_hour(desk.themes[name], rules), rules, turn)


def _end(theme: Theme, episode: Episode, rules: Rules) -> Turn | None:
    """Count the quiet of an open episode; return why it is over, if it is."""
    series, step_s, last = theme.series, rules.pace.step_s, theme.series.next - 1
    short = [length for length in rules.windows if length * step_s <= rules.quiet_s]
    loud = any(
        surprise(observed, expected, theme.state.baseline.variance_factor(number, last, rules.pace)) >= 1
        for number, (observed, expected) in enumerate(series.sums(series.next, short))
    )
    episode.quiet = 0 if loud else episode.quiet + 1
    if (series.next - episode.opened) * step_s >= rules.longest_s:
        observed, _ = series.sums(series.next, [rules.windows[-1]])[0]
        theme.state.baseline.accept(observed / rules.windows[-1], rules.pace)
        return Turn.NEW_NORMAL
    return Turn.ENDED if episode.quiet * step_s >= rules.quiet_s else None


def _has_peaked(theme: Theme, episode: Episode, rules: Rules) -> bool:
    """Follow how much a while has above normal; return whether an episode has just passed its peak."""
    observed, expected = theme.series.sums(theme.series.next, [rules.pace.buckets(rules.peak_s)])[0]
    if observed - expected > episode.top:
        episode.top, episode.top_at = round(observed - expected, 6), theme.series.next
    passed = theme.series.next - (episode.top_at or episode.opened)
    return episode.state in RISING and passed >= rules.pace.buckets(rules.past_peak_s)


def _new_lead(desk: Desk, name: str, episode: Episode, instant: datetime, rules: Rules) -> str | None:
    """Return a story that dominates the last hour instead of the one that was told, and began after that was."""
    bucket = rules.pace.bucket_of(instant)
    if (bucket - episode.lead_at) < rules.pace.buckets(rules.new_story_s):
        return None
    theme = desk.themes[name]
    found = _lead(desk, name, last_hour(theme, rules))
    if found in ("", episode.lead) or desk.stories[found].seen_at < rules.pace.start_of(episode.lead_at):
        return None
    enough = rules.owners_needed(desk.state.voices.number())
    return found if len(desk.owners_of(desk.stories[found], name)) >= max(enough, 2) else None


def _lead(desk: Desk, name: str, window: Window) -> str:
    """Return the story of a window that most owners have, the earliest among equals."""
    theme = desk.themes[name]
    stories = {story for bucket in held(theme, window) for story in theme.series.cells[bucket].stories}
    ranked = [
        (-len(desk.owners_of(desk.stories[story], name)), desk.stories[story].seen_at, story) for story in stories
    ]
    return min(ranked)[-1] if ranked else ""


def _withdraw(desk: Desk, name: str, episode: Episode, instant: datetime, rules: Rules) -> list[Spike]:
    """End an episode as one that should not have been, if nothing that it was told with holds any more."""
    theme = desk.themes[name]
    if any(still_holds(desk, theme, told, rules) for told in episode.rests_on):
        return []
    if strongest(desk, theme, instant, rules) is not None:
        return []
    episode.state = SpikeState.WITHDRAWN
    episode.revision += 1
    window = retold(theme, episode.rests_on[-1])
    withdrawn = tell(desk, name, episode, instant, window, rules, Turn.WITHDRAWN)
    theme.state.episode = None
    return [withdrawn]
