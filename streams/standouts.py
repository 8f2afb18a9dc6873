"""Whether a theme stands out: windows of evidence against what is normal, and the gates that they must pass."""

from __future__ import annotations

from datetime import datetime

from streams.baseline import surprise
from streams.memory import Desk, Theme, Told
from streams.pace import HOUR_S
from streams.rules import Rules
from streams.series import Window


def threshold(theme: Theme, rules: Rules) -> float:
    """Return -log10 of the probability to reach."""
    return rules.needed(theme.state.baseline.learnt / rules.pace.day)


def strongest(desk: Desk, theme: Theme, instant: datetime, rules: Rules) -> tuple[Window, float] | None:
    """Return the most surprising window over the threshold that has enough stories and owners, and by how much."""
    needed = threshold(theme, rules)
    scored = [(surprise_of(theme, window, rules), window) for window in _windows(theme, instant, rules)]
    for value, window in sorted(scored, key=lambda pair: -pair[0]):
        if value < needed:
            return None
        if _has_enough(desk, theme, window, rules):
            return window, value - needed
    return None


def surprise_of(theme: Theme, window: Window, rules: Rules) -> float:
    """Return -log10 of the probability of what a window holds."""
    return surprise(window.observed, window.expected, scatter_of(theme, window, rules))


def scatter_of(theme: Theme, window: Window, rules: Rules) -> float:
    """Return phi of a window: its counts scatter with variance M + phi M^2."""
    return theme.state.baseline.variance_factor(window.number, window.end - 1, rules.pace)


def within_budget(theme: Theme, instant: datetime, rules: Rules) -> bool:
    """Return whether a theme may open: it has not done so often lately, or now stands out even among its own peaks."""
    demand = theme.state.guard.demand()
    if demand == 0:
        return True
    observed, expected, start = _open_part(theme, rules.pace.bucket_of(instant), instant, rules)
    sums = [(o + observed, e + expected) for o, e in theme.series.sums(start, rules.peaks, floor=theme.state.floor)]
    return theme.state.guard.standing(sums) >= demand


def still_holds(desk: Desk, theme: Theme, told: Told, rules: Rules) -> bool:
    """Return whether what a revision has told would still be told, now that evidence may have been taken out."""
    window = retold(theme, told)
    if told.start < theme.series.saved.first or window.observed >= told.observed:
        return True
    return surprise_of(theme, window, rules) >= threshold(theme, rules) and _has_enough(desk, theme, window, rules)


def retold(theme: Theme, told: Told) -> Window:
    """Return a window that was told with the evidence it has now, and the expectation it had then."""
    window = Window(number=told.number, start=told.start, end=told.end, observed=0, expected=told.expected)
    observed = sum(theme.series.cells[bucket].evidence for bucket in held(theme, window))
    return Window(number=told.number, start=told.start, end=told.end, observed=observed, expected=told.expected)


def last_hour(theme: Theme, rules: Rules) -> Window:
    """Return the last hour of closed buckets."""
    hour = rules.pace.buckets(HOUR_S)
    end = theme.series.next
    observed, expected = theme.series.sums(end, [hour])[0]
    return Window(number=rules.hour_window, start=end - hour, end=end, observed=observed, expected=expected)


def held(theme: Theme, window: Window) -> list[int]:
    """Return the buckets of a window in which there is anything."""
    return [bucket for bucket in range(window.start, window.end) if bucket in theme.series.cells]


def owners_of(theme: Theme, window: Window) -> set[str]:
    """Return the owners of a window's evidence."""
    return {owner for bucket in held(theme, window) for owner in theme.series.cells[bucket].counted}


def _has_enough(desk: Desk, theme: Theme, window: Window, rules: Rules) -> bool:
    if window.observed < rules.min_stories:
        return False
    return len(owners_of(theme, window)) >= rules.owners_needed(desk.state.voices.number())


def _windows(theme: Theme, instant: datetime, rules: Rules) -> list[Window]:
    """Return the windows to test: those that end now, and those that ended lately and hold evidence not yet tested."""
    fresh = theme.state.fresh
    running = rules.pace.bucket_of(instant)
    oldest = max(fresh + 1 if fresh is not None else running, running - rules.reach_s // rules.pace.step_s)
    windows: list[Window] = []
    for end in range(min(oldest, running), running + 1):
        open_observed, open_expected, start = _open_part(theme, end, instant, rules)
        for number, (observed, expected) in enumerate(theme.series.sums(start, rules.windows, floor=theme.state.floor)):
            first = max(start - rules.windows[number], theme.series.saved.first, theme.state.floor)
            windows.append(
                Window(
                    number=number,
                    start=first,
                    end=end + (end == running),
                    observed=observed + open_observed,
                    expected=expected + open_expected,
                )
            )
    return windows


def _open_part(theme: Theme, end: int, instant: datetime, rules: Rules) -> tuple[int, float, int]:
    """Return observed and expected of the buckets before `end` that are not closed yet, and where the closed ones end.

    The bucket that is running counts with the share of it that has passed.
    """
    pace = rules.pace
    running = pace.bucket_of(instant)
    first = min(end, theme.series.next)
    observed, expected = 0, 0.0
    for bucket in range(first, end + (end == running)):
        share = (instant.timestamp() / pace.step_s - bucket) if bucket == running else 1.0
        expected += theme.state.baseline.expected(bucket, pace) * min(share, 1.0)
        if bucket in theme.series.cells:
            observed += theme.series.cells[bucket].evidence
    return observed, expected, first
