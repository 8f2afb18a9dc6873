"""What a backtest has learnt of a theme, as a record for the desk log, and from there into a theme at work. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from math import isfinite

from deskwatch.records import Learnt, Normal
from streams.baseline import Baseline, Rhythm
from streams.guard import Guard
from streams.memory import Pickup, Silence, Theme
from streams.notices import widest
from streams.pace import CELLS, Pace
from streams.shares import Shares


def lesson(name: str, definition: str, theme: Theme, until: datetime, learnt_from: str, pace: Pace) -> Learnt:
    """Return what `theme` has learnt until an instant; without `normal` if that is nothing."""
    is_taught = theme.state.baseline.learnt > 0
    return Learnt(
        theme=name,
        definition=definition,
        holds_from=until,
        until=until,
        learnt_from=learnt_from if is_taught else "",
        normal=_normal(theme, pace.bucket_of(until), pace) if is_taught else None,
    )


def source_of(first: datetime, last: datetime, articles: int) -> str:
    """Return for people what a lesson rests on."""
    return f"backtest of {first:%Y-%m-%d}..{last:%Y-%m-%d}, {articles:,} articles"


def is_open_to(theme: Theme, learnt: Learnt) -> bool:
    """Return whether a theme takes a lesson: it is meant for its definition, and it waits for one or knows nothing."""
    state = theme.state
    return learnt.definition == state.definition and (state.suspended or state.baseline.learnt == 0)


def take(theme: Theme, learnt: Learnt, rhythm: Rhythm, bucket: int, pace: Pace) -> None:
    """Let a theme count by what was learnt; `bucket` is the first that it can tell anything of."""
    state, normal = theme.state, learnt.normal
    if state.suspended or normal is not None:
        state.baseline, state.guard = Baseline(), Guard()
    state.suspended, state.fresh = False, None
    if not state.silence.spike_id:
        state.silence = Silence()
    if normal is None:
        return
    until = pace.bucket_of(learnt.until)
    state.learnt_from = learnt.learnt_from
    state.baseline = Baseline(
        shape=normal.shape,
        exposure=normal.exposure,
        seen=list(normal.seen),
        due=list(normal.due),
        days=list(normal.days),
        scatter=list(normal.scatter),
        learnt=normal.buckets,
    )
    state.guard = Guard(spread=list(normal.spread), record=list(normal.record), openings=normal.openings)
    state.widest = Pickup(normal.widest, until)
    if normal.feeds or normal.other_feeds:
        state.shares = Shares(
            since=until, weights=dict(normal.feeds), rest=normal.other_feeds, cohorts=dict(normal.cohorts)
        )
    state.baseline.age(pace, max(bucket - until, 0))
    state.baseline.fit(pace.cell(bucket), rhythm)


def wrong_with(learnt: Learnt) -> str:
    """Return what makes a lesson one that nobody can count by; empty if nothing does."""
    normal = learnt.normal
    if normal is None:
        return ""
    for name, hours in (("seen", normal.seen), ("due", normal.due), ("days", normal.days)):
        if len(hours) != CELLS:
            return f"normal.{name} has {len(hours)} hours instead of {CELLS}"
    if not (_are_counts([normal.shape, normal.exposure]) and normal.shape * normal.exposure > 0):
        return "normal.shape and normal.exposure are numbers above 0"
    if not all(isfinite(squares) and _are_counts([due]) and due > 0 for squares, due in normal.scatter):
        return "normal.scatter has pairs of numbers, the second above 0"
    weights = (normal.openings, normal.widest, normal.other_feeds, *normal.feeds.values())
    rows = (normal.seen, normal.due, normal.days, normal.spread, normal.record, weights, *normal.cohorts.values())
    return "" if all(map(_are_counts, rows)) else "normal holds a number that is negative or none"


def _are_counts(numbers: Iterable[float]) -> bool:
    return all(isfinite(number) and 0 <= number < 1e12 for number in numbers)


def _normal(theme: Theme, bucket: int, pace: Pace) -> Normal:
    state = theme.state
    baseline, shares = state.baseline, state.shares.as_of(bucket, pace)
    return Normal(
        shape=baseline.shape,
        exposure=baseline.exposure,
        seen=tuple(baseline.seen),
        due=tuple(baseline.due),
        days=tuple(baseline.days),
        scatter=tuple(baseline.scatter),
        buckets=baseline.learnt,
        spread=tuple(state.guard.spread),
        record=tuple(state.guard.record),
        openings=state.guard.openings,
        widest=widest(theme, bucket, pace),
        feeds=shares.weights,
        other_feeds=shares.rest,
        cohorts=shares.cohorts,
    )
