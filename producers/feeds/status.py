"""How each feed is doing, in words that somebody can act on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from deskwatch.feedrecords import Condition, Feed, FeedState
from producers.feeds.kinds import Kind, say_duration, say_rate

DAY_S: Final = 86_400.0
WEEKEND: Final = frozenset((5, 6))
MIN_HISTORY_S: Final = 14 * DAY_S  # two weekends
MIN_ARTICLES: Final = 6.0
MIN_SILENCE_S: Final = 2 * DAY_S
MAX_CHANCE: Final = 1e-3
MIN_LATE_S: Final = 45 * 60.0  # under the hour by which a wrong zone is off
MIN_DELAY_S: Final = 5.0  # who is asked every five minutes cannot be seen sooner than this, time after time
MAX_UNDATED: Final = 0.5

_RATE_MEMORY_S: Final = 7 * DAY_S  # by which polling/rhythm.py lets `per_day` fade
_STEADINESS: Final = 8.0  # shape of the gamma distribution of a feed's own level: a third up or down over the months
_BURST: Final = 2.0  # articles that come together and say no more about that level than one

_TROUBLE: Final = {
    Condition.QUARANTINED: Kind.QUARANTINED,
    Condition.GONE: Kind.GONE,
    Condition.BLOCKED: Kind.BLOCKED,
    Condition.THROTTLED: Kind.THROTTLED,
    Condition.FAILING: Kind.FAILING,
}


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A feed's kind, since when it is that (None: not known), and what tells so."""

    kind: Kind
    since: datetime | None = None
    detail: str = ""


def assess(feed: Feed, state: FeedState | None, now: datetime) -> Status:
    """Return how a feed is doing.

    Args:
        state: What is remembered of it; None if it was never polled.
    """
    kind = classify_feed(feed, state, now)
    if state is None or kind is Kind.NEW:
        moved = state is not None and state.url not in ("", feed.url)
        return Status(kind=kind, detail="its URL was changed" if moved else "")
    return Status(kind=kind, since=_since(kind, state), detail=_explain(kind, state, now))


def classify_feed(feed: Feed, state: FeedState | None, now: datetime) -> Kind:
    """Return the kind alone: what metrics count, a microsecond a feed."""
    if state is None or state.url not in ("", feed.url):
        return Kind.NEW
    trouble = _TROUBLE.get(state.condition)
    if trouble is not None:
        return trouble
    if state.errors:
        return Kind.FAILING
    if state.last_success_at is None:
        return Kind.NEW
    if is_silent(state, now):
        return Kind.SILENT
    if state.last_new_at is not None:
        if state.undated > MAX_UNDATED:
            return Kind.UNDATED
        if _is_drifting(state):
            return Kind.DRIFTING
    if state.untrusted:
        return Kind.UNTRUSTED
    return Kind.MOVED if state.moved_to else Kind.OK


def is_silent(state: FeedState, now: datetime) -> bool:
    """Return whether a feed has been without news for longer than its habit explains.

    Silence is counted from its last new article to its last answer, at least two days, without Saturdays, Sundays and
    the weekdays on which it never had an article. Articles crowd on some days and are missing on others, so a day's
    number is taken as geometric: at r articles a day, none comes in t days with the chance exp(-x), x = t log(1 + r).
    The level of a feed changes as well, and is known from so many articles only, which makes that (1 + x / k)^-k,
    where k is half the number of articles known (they come in pairs) and at most 8. Less than one in a thousand is
    silence. Feeds with less than 14 days or 6 articles of history are never silent.
    """
    last, answer, first = state.last_new_at, state.last_success_at, state.first_success_at
    if last is None or answer is None or first is None or not state.per_day:
        return False
    end = min(answer, now)
    silence_s = (end - last).total_seconds()
    history_s = (last - first).total_seconds()
    if silence_s < MIN_SILENCE_S or history_s < MIN_HISTORY_S:
        return False
    rate = _usual_rate(state, silence_s)
    articles = rate * history_s / DAY_S
    days = count_workdays(last, end, _rest_days(state))
    if articles < MIN_ARTICLES or days * DAY_S < MIN_SILENCE_S:
        return False
    shape = min(articles / _BURST, _STEADINESS)
    return math.exp(-shape * math.log1p(days * math.log1p(rate) / shape)) < MAX_CHANCE


def count_workdays(start: datetime, end: datetime, rest_days: frozenset[int] = WEEKEND) -> float:
    """Return the days between two instants, without the weekdays of rest (Monday is 0, in UTC)."""
    if end <= start:
        return 0.0
    return _workdays_until(end, rest_days) - _workdays_until(start, rest_days)


def summarise(kinds: Iterable[Kind]) -> dict[Kind, int]:
    """Return how many feeds are of each kind; all kinds are there."""
    counts = dict.fromkeys(Kind, 0)
    for kind in kinds:
        counts[kind] += 1
    return counts


def _usual_rate(state: FeedState, silence_s: float) -> float:
    """Return the articles a day before a silence, during which `per_day` fades.

    What a burst made of it is capped by the gaps, which are deaf to bursts.
    """
    rate = (state.per_day or 0.0) * math.exp(min(silence_s / _RATE_MEMORY_S, 100.0))
    return min(rate, DAY_S / state.gap_s) if state.gap_s else rate


def _rest_days(state: FeedState) -> frozenset[int]:
    """Return the weekend, and the weekdays whose bit (above the 24 of the hours) was never set."""
    if not state.active_hours >> 24:
        return WEEKEND
    return WEEKEND | {day for day in range(7) if not state.active_hours >> 24 + day & 1}


def _workdays_until(at: datetime, rest_days: frozenset[int]) -> float:
    """Return the workdays since a Monday long ago."""
    weeks, today = divmod(at.toordinal() - 1, 7)  # the first of January of year 1 was a Monday
    part = 0.0 if today in rest_days else (at.hour * 3_600 + at.minute * 60 + at.second) / DAY_S
    return weeks * (7 - len(rest_days)) + sum(day not in rest_days for day in range(today)) + part


def _is_drifting(state: FeedState) -> bool:
    if state.delay_s is None or state.first_success_at is None or state.last_new_at is None:
        return False
    if (state.last_new_at - state.first_success_at).total_seconds() < MIN_SILENCE_S:
        return False  # one article is no habit
    too_soon = state.delay_s < MIN_DELAY_S and state.interval_s >= 300
    return too_soon or state.delay_s > 2 * state.interval_s + MIN_LATE_S


def _since(kind: Kind, state: FeedState) -> datetime | None:
    match kind:
        case Kind.SILENT:
            return state.last_new_at
        case Kind.GONE:
            return state.gone_since or state.last_success_at
        case Kind.OK:
            return state.ok_since
        case Kind.MOVED | Kind.DRIFTING | Kind.UNDATED | Kind.UNTRUSTED:
            return None
        case _:
            return state.last_success_at


def _explain(kind: Kind, state: FeedState, now: datetime) -> str:
    match kind:
        case Kind.SILENT:
            silence = now - state.last_new_at if state.last_new_at else timedelta()
            return f"nothing new for {silence.days} days, usually {say_rate(state.per_day)}"
        case Kind.DRIFTING:
            return _explain_delay(state)
        case Kind.UNDATED:
            return f"{state.undated:.0%} of its articles without a date to trust"
        case Kind.MOVED:
            return f"now at {state.moved_to}"
        case Kind.UNTRUSTED:
            return "said 304 although there was news"
        case Kind.OK:
            return ""
        case Kind.THROTTLED if state.throttled_until is not None:
            return f"{state.last_error or 'asked too often'}, until {state.throttled_until:%Y-%m-%d %H:%M}Z"
        case _:
            return f"{state.last_error or kind} ({state.errors} polls)" if state.errors else state.last_error


def _explain_delay(state: FeedState) -> str:
    delay_s = state.delay_s or 0.0
    if delay_s < MIN_DELAY_S:
        return "its dates are ahead of the time, or are always that of the request"
    hours = round((delay_s - state.interval_s / 2) / 3_600)
    near = 1 <= hours <= 14 and abs(delay_s - state.interval_s / 2 - hours * 3_600) < 600
    guess = f"; a time zone {hours} h off?" if near else ""
    return f"seen {say_duration(delay_s)} after its dates, polled every {say_duration(state.interval_s)}{guess}"
