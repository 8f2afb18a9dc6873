"""Two things that are worth a word and are no spike: one story that many took over, and a theme that has fallen silent.

Both are episodes of severity `low`, so only who asks for everything hears of them.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from typing import Any, Final

from deskwatch.counts import normal_range
from deskwatch.records import Severity, Spike, SpikeKind, SpikeState, Turn
from streams.memory import Desk, Pickup, Silence, Story, Theme
from streams.pace import DAY_S, Pace
from streams.rules import Rules
from streams.series import UNOBSERVED
from streams.telling import headline, late_feeds

WIDEST_DAYS: Final = 28.0  # half-life of the widest pick-up that a theme has had
WIDER: Final = 1.5  # times as wide as that another one must be
KNOWN_S: Final = 7 * DAY_S  # a theme must be known for so long before its silence says anything


def widen(desk: Desk, story: Story, name: str, at: datetime, rules: Rules) -> list[Spike]:
    """Return a notice if by far more owners than ever in the last weeks have taken a story over."""
    theme = desk.themes[name]
    bucket = rules.pace.bucket_of(at)
    known = widest(theme, bucket, rules.pace)
    needed = max(rules.wide_owners, math.ceil(WIDER * known))
    if name in story.noticed or len(story.members) < needed:
        return []
    owners = len(desk.owners_of(story, name))
    if owners < needed:
        return []
    story.noticed.append(name)
    theme.state.widest = Pickup(float(owners), bucket)
    if theme.state.suspended or theme.state.baseline.learnt * rules.pace.step_s < rules.silent_s:
        return []
    return [
        _notice(
            desk,
            name,
            at,
            rules,
            spike_id=_id("pk", name, story.story_id),
            kind=SpikeKind.PICKUP,
            onset_at=min(story.seen_at, at),
            observed=owners,
            expected=round(known, 1),
            expected_low=1,
            expected_high=max(1, round(known)),
            score=round(owners / needed, 3),
            articles=sum(name in member.themes for member in story.members),
            stories=1,
            owners=owners,
            origins=1,
            headlines=(headline(story, name),),
            languages=(story.language,),
        )
    ]


def remember_width(desk: Desk, story: Story, rules: Rules) -> list[str]:
    """Take in how wide a story was that is forgotten now; return the themes for which it was the widest."""
    touched = []
    for name in sorted({theme for member in story.members for theme in member.themes}):
        theme, owners = desk.themes[name], len(desk.owners_of(story, name))
        bucket = rules.pace.bucket_of(story.last_at)
        if owners >= rules.wide_owners and owners > widest(theme, bucket, rules.pace):
            theme.state.widest = Pickup(float(owners), bucket)
            touched.append(name)
    return touched


def widest(theme: Theme, bucket: int, pace: Pace) -> float:
    """Return how many owners the widest pick-up of the last weeks had, the further back the less it counts."""
    known = theme.state.widest
    return float(known.owners * 0.5 ** (max(bucket - known.bucket, 0) / (WIDEST_DAYS * pace.day)))


def give_up(desk: Desk, name: str, at: datetime, rules: Rules) -> list[Spike]:
    """Stop waiting for a theme that is none any more; return the end of a notice of its silence, if there is one."""
    theme = desk.themes[name]
    silence, theme.state.silence = theme.state.silence, Silence()
    return [_silence(desk, name, at, rules, silence, SpikeState.RESOLVED)] if silence.spike_id else []


def listen(desk: Desk, name: str, instant: datetime, rules: Rules) -> list[Spike]:
    """Follow the silence of a theme over the bucket just closed; return a notice of it, or of its end."""
    theme = desk.themes[name]
    silence, bucket = theme.state.silence, theme.series.next - 1
    if silence.broken:
        theme.state.silence = Silence()
        return [_silence(desk, name, instant, rules, silence, SpikeState.RESOLVED)] if silence.spike_id else []
    expected = theme.series.expected(bucket)
    is_known = theme.state.baseline.learnt * rules.pace.step_s >= KNOWN_S
    if not is_known or expected == UNOBSERVED or theme.series.health(bucket) < rules.silent_health:
        return []
    if silence.since is None:
        silence.since = bucket
    silence.due = round(silence.due + expected, 9)
    if silence.spike_id or _unlikely(theme, silence, rules) < rules.silent_score:
        return []
    silence.spike_id = _id("qt", name, str(silence.since))
    return [_silence(desk, name, instant, rules, silence, SpikeState.ONSET)]


def _silence(desk: Desk, name: str, instant: datetime, rules: Rules, silence: Silence, state: SpikeState) -> Spike:
    theme = desk.themes[name]
    low, high = normal_range(silence.due, _scatter(theme, rules))
    return _notice(
        desk,
        name,
        instant,
        rules,
        spike_id=silence.spike_id,
        revision=int(state is SpikeState.RESOLVED),
        state=state,
        turn=Turn.OPENED if state is SpikeState.ONSET else Turn.ENDED,
        kind=SpikeKind.QUIET,
        onset_at=rules.pace.start_of(silence.since or 0),
        observed=0,
        expected=round(silence.due, 3),
        expected_low=low,
        expected_high=high,
        score=round(_unlikely(theme, silence, rules) / rules.silent_score, 3),
        articles=0,
        stories=0,
        owners=0,
        resolved_at=instant if state is SpikeState.RESOLVED else None,
    )


def _notice(desk: Desk, name: str, at: datetime, rules: Rules, **values: Any) -> Spike:
    theme = desk.themes[name]
    common: dict[str, Any] = {
        "theme": name,
        "revision": 0,
        "state": SpikeState.ONSET,
        "severity": Severity.LOW,
        "detected_at": at,
        "revised_at": at,
        "window_s": int((at - values["onset_at"]) / timedelta(seconds=1)),
        "window_end_at": at,
        "feeds_total": len(desk.state.feeds),
        "feeds_late": late_feeds(desk),
        "learnt_days": round(theme.state.baseline.learnt / rules.pace.day, 2),
        "config_hash": desk.state.config_hash,
        "health": round(desk.health(theme, theme.series.next, rules.pace), 4),
        "feeds_new": len(desk.state.joined),
        "learnt_from": theme.state.learnt_from,
    }
    return Spike(**(common | values))


def _unlikely(theme: Theme, silence: Silence, rules: Rules) -> float:
    """Return -log10 of the probability that nothing comes where so much is due: (1 + phi M)^(-1/phi)."""
    phi = _scatter(theme, rules)
    return math.log1p(phi * silence.due) / (phi * math.log(10))


def _scatter(theme: Theme, rules: Rules) -> float:
    return theme.state.baseline.variance_factor(len(rules.windows) - 1, theme.series.next - 1, rules.pace)


def _id(kind: str, *parts: str) -> str:
    return f"{kind}-{hashlib.blake2b('|'.join(parts).encode(), digest_size=6).hexdigest()}"
