"""A change of what the desk counts by: which themes it changes, and how they wait until they are learnt anew."""

from __future__ import annotations

from datetime import datetime

from deskwatch.records import Spike
from streams import episodes, lessons, notices
from streams.facts import Lesson, NewGeneration
from streams.memory import Desk, Silence, Theme, ThemeState
from streams.rules import Rules
from streams.series import Closed
from streams.shares import Shares


def renew(desk: Desk, fact: NewGeneration, rules: Rules, touched: set[str]) -> list[Spike]:
    """Count by another configuration from now on; return the ends of what was told of themes that are gone.

    A theme of a desk that has a configuration already is suspended if its definition is another one than before, and
    so is one that is new. Those of the very first configuration count at once: all there is will come by the log.

    Args:
        touched: Takes the themes that have changed.
    """
    bucket, definitions = rules.pace.bucket_of(fact.effective), fact.definitions
    is_first, desk.state.config_hash = not desk.state.config_hash, fact.config_hash
    for name in fact.themes:
        theme = desk.themes.get(name) or begin(desk, name, bucket)
        touched.add(name)
        if is_first or not definitions:  # a worker of an older version says nothing of definitions
            theme.state.definition = definitions.get(name, "")
            theme.state.suspended = False
        elif theme.state.definition != definitions.get(name, ""):
            _suspend(theme, definitions.get(name, ""), bucket)
    ends: list[Spike] = []
    for name in sorted(desk.themes.keys() - set(fact.themes)) if definitions else ():
        ends += _give_up(desk, name, bucket, fact.effective, rules)
        touched.add(name)
    return ends


def learn(desk: Desk, fact: Lesson, rules: Rules) -> bool:
    """Let a theme count by what was learnt of it; return whether it does: the lesson may be for another definition."""
    learnt, theme = fact.learnt, desk.themes.get(fact.learnt.theme)
    if theme is None or not lessons.is_open_to(theme, learnt):
        return False
    # Before the first news nobody knows where in time the desk is: it begins where the lesson ends, see `begin_at`.
    first = rules.pace.bucket_of(learnt.until if desk.state.now is None else fact.effective)
    if desk.state.now is None:
        theme = desk.themes[learnt.theme] = Theme(_beginning(theme.state, first))
        if learnt.normal is not None:
            desk.state.rhythm.start(learnt.normal.seen, learnt.normal.due)
    lessons.take(theme, learnt, desk.state.rhythm, first, rules.pace)
    for day in sorted(theme.state.shares.cohorts.keys() - set(desk.state.joined.values())):
        theme.state.baseline.scale(theme.state.shares.admit(day), rules.pace)  # known meanwhile
    return True


def begin(desk: Desk, name: str, first: int) -> Theme:
    """Return a new theme, whose first bucket is `first`."""
    theme = desk.themes[name] = Theme(_beginning(ThemeState(closed=Closed(first=first)), first))
    return theme


def begin_at(desk: Desk, first: int, rules: Rules) -> None:
    """Let all themes begin with the bucket of the first news: a configuration may be older than it by any time."""
    for name, theme in desk.themes.items():
        baseline = theme.state.baseline
        if baseline.learnt:
            baseline.age(rules.pace, max(first - theme.state.closed.first, 0))
            baseline.fit(rules.pace.cell(first), desk.state.rhythm, again=True)
        desk.themes[name] = Theme(_beginning(theme.state, first))


def waiting(desk: Desk) -> dict[str, str]:
    """Return the themes that have to be learnt anew, each with its definition."""
    states = ((name, theme.state) for name, theme in sorted(desk.themes.items()))
    return {name: state.definition for name, state in states if state.suspended and state.definition}


def _beginning(state: ThemeState, first: int) -> ThemeState:
    state.closed, state.shares, state.since = Closed(first=first), Shares(since=first), first
    return state


def _suspend(theme: Theme, definition: str, bucket: int) -> None:
    state = theme.state
    state.definition, state.suspended, state.learnt_from = definition, True, ""
    state.since = state.floor = bucket
    if not state.silence.spike_id:
        state.silence = Silence()


def _give_up(desk: Desk, name: str, bucket: int, at: datetime, rules: Rules) -> list[Spike]:
    """Suspend a theme for good: what is known of it stays, because stories speak of it."""
    _suspend(desk.themes[name], "", bucket)
    return [*episodes.give_up(desk, name, at, rules), *notices.give_up(desk, name, at, rules)]
