"""A feed's habits: how often, how late, at which hours, dated or not; smoothed, and deaf to bursts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from msgspec.structs import replace

from deskwatch.feedrecords import FeedState

_WEIGHT: Final = 0.2  # of a new gap or delay
_UNDATED_WEIGHT: Final = 0.05  # of one article
_CLIP: Final = 4.0  # how far one gap may be from the usual one: a night, or a burst, is one observation
_DAY_S: Final = 86_400.0
_MEMORY_S: Final = 7 * _DAY_S  # of `per_day`
_BURST: Final = 20  # articles of one poll, or four usual days; more of them are one event


def learn(state: FeedState, *, new: int, published: Sequence[datetime], undated: int, now: datetime) -> FeedState:
    """Return the state with what one successful poll shows.

    Args:
        state: Of the feed. Its first poll (`first_success_at` is None) shows its past, not its rhythm: only the silence
            before it is learnt.
        new: Articles that are news; neither backfill nor a past that is listed again.
        published: Their publication times that can be trusted.
        undated: How many have none.
        now: When the poll was answered.
    """
    if state.first_success_at is None:
        newest = max((at for at in published if at <= now), default=now)
        return replace(state, first_success_at=now, last_new_at=newest)
    if not new:
        return state
    ages = [max((now - at).total_seconds(), 0.0) for at in published]
    fresh = [age for age in ages if age <= _DAY_S]
    kept = (1 - _UNDATED_WEIGHT) ** new
    return replace(
        state,
        per_day=_smooth_rate(state, new, now),
        gap_s=_smooth_gap(state, new, now),
        delay_s=_smooth(state.delay_s, median(fresh)) if fresh else state.delay_s,
        undated=state.undated * kept + (1 - kept) * min(undated / new, 1.0),
        active_hours=state.active_hours | _mark([*published, now] if undated else published),
        last_new_at=now,
    )


def silent_s(state: FeedState, now: datetime) -> float:
    """Return for how long a feed has had nothing new; 0 before its first answer."""
    since = state.last_new_at or state.first_success_at
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)


def agreed_hours(state: FeedState, now: datetime) -> int:
    """Return the hours and weekdays in which a feed was active, once two weeks show it; 0 before."""
    known_for = now - (state.first_success_at or now)
    return state.active_hours if known_for >= timedelta(days=14) else 0


def _smooth(before: float | None, value: float) -> float:
    return value if before is None else before + _WEIGHT * (value - before)


def _smooth_gap(state: FeedState, new: int, now: datetime) -> float:
    gap_s = silent_s(state, now) / new
    if state.gap_s is None:
        return gap_s
    return _smooth(state.gap_s, min(max(gap_s, state.gap_s / _CLIP), state.gap_s * _CLIP))


def _smooth_rate(state: FeedState, new: int, now: datetime) -> float:
    """Return new articles a day: a plain mean in the first week (over at least a day), then forgetting."""
    elapsed_s = max(silent_s(state, now), 1.0)
    age_s = max((now - (state.first_success_at or now)).total_seconds(), elapsed_s, _DAY_S)
    weight = 1 - math.exp(-elapsed_s / min(age_s, _MEMORY_S))
    before = state.per_day or 0.0
    counted = min(new, max(_BURST, 4 * before * max(elapsed_s / _DAY_S, 1.0)))
    return before + weight * (counted * _DAY_S / elapsed_s - before)


def _mark(times: Sequence[datetime]) -> int:
    bits = 0
    for at in (at.astimezone(UTC) for at in times):
        bits |= 1 << at.hour | 1 << 24 + at.weekday()
    return bits
