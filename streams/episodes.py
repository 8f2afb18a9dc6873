"""The life of an episode: it opens when evidence stands out, grows, and is resolved when all is quiet again."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from datetime import datetime
from typing import Final

from deskwatch.records import Headline, Severity, Spike, SpikeState
from streams.baseline import normal_range, surprise
from streams.memory import Desk, Episode, Theme
from streams.pace import HOUR_S
from streams.rules import Rules
from streams.series import Window

HEADLINES: Final = 5
LEAST_RATE: Final = 0.01  # false alerts a month: nobody asks for fewer
LATE_FEEDS: Final = 20  # named in an alert; more would help nobody
# How far above the threshold, in powers of ten, plus log10 of the owners.
SEVERITIES: Final = ((6.0, Severity.CRITICAL), (3.0, Severity.HIGH), (1.0, Severity.MEDIUM))
RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}


def judge(desk: Desk, name: str, instant: datetime, rules: Rules, *, closed: bool) -> list[Spike]:
    """Return the revisions that the state of a theme at an instant asks for: none, one, or rarely two.

    Args:
        closed: Whether a bucket has just been closed; only then an episode can end.
    """
    theme = desk.themes[name]
    found: list[Spike] = []
    if theme.state.episode is not None and closed:
        found += _wind_down(desk, name, instant, rules)
    if theme.state.fresh is None or theme.state.baseline.learnt * rules.pace.step_s < rules.silent_s:
        return found
    best = _strongest(desk, theme, instant, rules)
    if best is None:
        return found
    window, strength = best
    severity = _severity(strength, window, theme)
    episode = theme.state.episode
    if episode is None:
        if _within_budget(theme, instant, rules):
            found.append(_open(desk, name, instant, window, severity, rules))
    elif RANK[severity] > RANK[episode.severity] or _is_surer(episode, theme, window, rules):
        episode.severity = max(severity, episode.severity, key=lambda one: RANK[one])
        episode.state, episode.revision = SpikeState.GROWING, episode.revision + 1
        found.append(_spike(desk, name, instant, window, rules))
    return found


def threshold(theme: Theme, rules: Rules) -> float:
    """Return -log10 of the probability to reach."""
    return rules.needed(theme.state.baseline.learnt / rules.pace.day)


def _strongest(desk: Desk, theme: Theme, instant: datetime, rules: Rules) -> tuple[Window, float] | None:
    """Return the most surprising window over the threshold that has enough stories and owners, and by how much."""
    needed = threshold(theme, rules)
    scored = [(_surprise(theme, window, rules), window) for window in _windows(theme, instant, rules)]
    for value, window in sorted(scored, key=lambda pair: -pair[0]):
        if value < needed:
            return None
        if _has_enough(desk, theme, window, rules):
            return window, value - needed
    return None


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


def _surprise(theme: Theme, window: Window, rules: Rules) -> float:
    phi = theme.state.baseline.variance_factor(window.number, window.end - 1, rules.pace)
    return surprise(window.observed, window.expected, phi)


def _within_budget(theme: Theme, instant: datetime, rules: Rules) -> bool:
    """Return whether a theme may open: it has not done so often lately, or now stands out even among its own peaks."""
    demand = theme.state.guard.demand()
    if demand == 0:
        return True
    observed, expected, start = _open_part(theme, rules.pace.bucket_of(instant), instant, rules)
    sums = [(o + observed, e + expected) for o, e in theme.series.sums(start, rules.peaks, floor=theme.state.floor)]
    return theme.state.guard.standing(sums) >= demand


def _is_surer(episode: Episode, theme: Theme, window: Window, rules: Rules) -> bool:
    """Return whether there is news for subscriptions that ask for fewer false alerts than any revision has shown."""
    rate = rules.false_rate(_surprise(theme, window, rules) / threshold(theme, rules))
    return episode.told > LEAST_RATE and rate <= episode.told / 2


def _has_enough(desk: Desk, theme: Theme, window: Window, rules: Rules) -> bool:
    owners = {owner for b in _held(theme, window) for owner in theme.series.cells[b].counted}
    return window.observed >= rules.min_stories and len(owners) >= rules.owners_needed(desk.state.voices.number())


def _held(theme: Theme, window: Window) -> list[int]:
    return [bucket for bucket in range(window.start, window.end) if bucket in theme.series.cells]


def _severity(strength: float, window: Window, theme: Theme) -> Severity:
    owners = {owner for bucket in _held(theme, window) for owner in theme.series.cells[bucket].counted}
    reach = strength + math.log10(max(len(owners), 1))
    return next((severity for least, severity in SEVERITIES if reach >= least), Severity.LOW)


def _open(desk: Desk, name: str, instant: datetime, window: Window, severity: Severity, rules: Rules) -> Spike:
    theme = desk.themes[name]
    onset = rules.pace.start_of(window.start)
    digest = hashlib.blake2b(f"{name}|{onset.isoformat()}|{instant.isoformat()}".encode(), digest_size=6)
    theme.state.guard.opened()
    theme.state.episode = Episode(
        spike_id=f"sp-{digest.hexdigest()}",
        revision=0,
        state=SpikeState.ONSET,
        severity=severity,
        onset_at=onset,
        detected_at=instant,
        opened=theme.series.next,
    )
    return _spike(desk, name, instant, window, rules)


def _wind_down(desk: Desk, name: str, instant: datetime, rules: Rules) -> list[Spike]:
    """Count the quiet of an open episode and end it when there was enough, or when it has become the new normal."""
    theme = desk.themes[name]
    episode, series, step_s = theme.state.episode, theme.series, rules.pace.step_s
    last = series.next - 1
    if episode is None or series.expected(last) < 0:
        return []  # nothing was observed, so nothing is known of its end
    short = [length for length in rules.windows if length * step_s <= rules.quiet_s]
    sums = series.sums(series.next, short)
    loud = any(
        surprise(observed, expected, theme.state.baseline.variance_factor(number, last, rules.pace)) >= 1
        for number, (observed, expected) in enumerate(sums)
    )
    episode.quiet = 0 if loud else episode.quiet + 1
    lasted = series.next - episode.opened
    if lasted * step_s >= rules.longest_s:
        observed, _ = series.sums(series.next, [rules.windows[-1]])[0]
        theme.state.baseline.accept(observed / rules.windows[-1], rules.pace)
    elif episode.quiet * step_s < rules.quiet_s:
        return []
    episode.state, episode.revision = SpikeState.RESOLVED, episode.revision + 1
    hour = rules.pace.buckets(HOUR_S)
    observed, expected = series.sums(series.next, [hour])[0]
    window = Window(number=min(2, len(rules.windows) - 1), start=series.next - hour, end=series.next,
                    observed=observed, expected=expected)  # fmt: skip
    ended = _spike(desk, name, instant, window, rules)
    theme.state.episode = None
    theme.state.floor = series.next
    return [ended]


def _spike(desk: Desk, name: str, instant: datetime, window: Window, rules: Rules) -> Spike:
    """Return the current revision of a theme's episode, as the given window shows it."""
    theme = desk.themes[name]
    episode = theme.state.episode
    assert episode is not None  # noqa: S101  # both callers have just set it
    phi = theme.state.baseline.variance_factor(window.number, window.end - 1, rules.pace)
    low, high = normal_range(window.expected, phi)
    cells = [theme.series.cells[bucket] for bucket in _held(theme, window)]
    start = rules.pace.start_of(window.start)
    end = min(rules.pace.start_of(window.end), instant)  # the last bucket may be running
    score = round(_surprise(theme, window, rules) / threshold(theme, rules), 3)
    rate = rules.false_rate(score)
    if episode.state is not SpikeState.RESOLVED:
        episode.told = min(episode.told or rate, rate)
    return Spike(
        spike_id=episode.spike_id,
        revision=episode.revision,
        theme=name,
        state=episode.state,
        severity=episode.severity,
        onset_at=episode.onset_at,
        detected_at=episode.detected_at,
        revised_at=instant,
        window_s=int((end - start).total_seconds()),
        window_end_at=end,
        observed=window.observed,
        expected=round(window.expected, 3),
        expected_low=low,
        expected_high=high,
        score=score,
        articles=sum(cell.articles for cell in cells),
        stories=len({story for cell in cells for story in cell.stories}),
        owners=len({owner for cell in cells for owner in cell.owners}),
        resolved_at=instant if episode.state is SpikeState.RESOLVED else None,
        headlines=_headlines(desk, name, window),
        languages=_languages(desk, theme, window),
        feeds_total=len(desk.state.feeds),
        feeds_late=tuple(sorted(feed for feed, state in desk.state.feeds.items() if not state.ok))[:LATE_FEEDS],
        learnt_days=round(theme.state.baseline.learnt / rules.pace.day, 2),
        config_hash=desk.state.config_hash,
        origins=len({desk.stories[story].agency or story for cell in cells for story in cell.stories}),
        false_rate=episode.told,
    )


def _story_sizes(theme: Theme, window: Window) -> Counter[str]:
    return Counter(story for bucket in _held(theme, window) for story in theme.series.cells[bucket].stories)


def _languages(desk: Desk, theme: Theme, window: Window) -> tuple[str, ...]:
    return tuple(sorted({desk.stories[story].language for story in _story_sizes(theme, window)}))


def _headlines(desk: Desk, name: str, window: Window) -> tuple[Headline, ...]:
    """Return the stories of a window with the most copies, the earliest first among equals."""
    stories = [desk.stories[story_id] for story_id in _story_sizes(desk.themes[name], window)]
    in_theme = {story.story_id: sum(name in m.themes for m in story.members) for story in stories}
    stories.sort(key=lambda story: (-in_theme[story.story_id], story.seen_at, story.story_id))
    return tuple(
        Headline(
            article_id=story.members[0].article_id,
            title=story.title,
            url=story.url,
            source=story.owner,
            seen_at=story.seen_at,
            language=story.language,
            copies=max(in_theme[story.story_id] - 1, 0),
            terms=story.terms.get(name, ()),
        )
        for story in stories[:HEADLINES]
    )
