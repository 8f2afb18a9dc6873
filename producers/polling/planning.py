"""When to poll a feed next, and how it is, after an answer or a failure: the whole policy, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from deskwatch.errors import FetchError, ParseError
from deskwatch.feedrecords import Condition, Feed, FeedState
from producers.polling import auditing, failing, hints, intervals, moving, rhythm
from producers.polling.auditing import is_unconditional as is_unconditional
from producers.polling.failing import Failure
from producers.polling.moving import address as address
from producers.polling.phases import phase
from producers.reading.jobs import DocumentHints

_LONGEST_S: Final = 27 * 3_600.0  # a day, its jitter, and the spread after a 429
_LONGEST_GONE_S: Final = 34 * 86_400.0
_DAY_S: Final = 86_400.0


class Event(StrEnum):
    """What ops may want to know of: the last part of a log event and a metric label."""

    OVERRUN = "overrun"  # nothing of the document was known: items between two polls may be lost
    UNTRUSTED = "untrusted"  # its 304 denied news: no validators are sent any more
    TRUSTED = "trusted"  # and again are
    MOVED = "moved"
    MOVED_BACK = "moved_back"  # the new home failed for long
    FAILING = "failing"
    THROTTLED = "throttled"
    BLOCKED = "blocked"
    GONE = "gone"  # from now on asked once a month
    QUARANTINED = "quarantined"
    RECOVERED = "recovered"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a successful poll showed."""

    status: int
    url: str  # after redirects
    redirected: bool = False
    permanent: bool = False  # every hop was a 301 or 308
    headers: Mapping[str, str] = {}
    hints: DocumentHints = DocumentHints()  # where no document was read (`total` is 0), those of the last one hold
    conditional: bool = False  # validators were sent
    same_validators: bool = False  # the answer's are the stored ones
    total: int = 0  # items of the document; 0 for a 304 or a body that is byte for byte the last one
    known: int = 0  # of these, known ones
    new: int = 0  # articles that are news: neither backfill nor a replay
    published: tuple[datetime, ...] = ()  # their times that can be trusted; at the first poll those of the backfill
    undated: int = 0
    same_feed: bool = True  # a 304, or the document shares items with what is known


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The state after a poll."""

    state: FeedState
    events: tuple[Event, ...] = ()
    hold_domain_s: float | None = None  # for how long a 429 keeps everyone away from the host or domain


def plan_answer(
    state: FeedState, feed: Feed, answer: Answer, *, began_at: datetime, now: datetime, jitter: float
) -> Planned:
    """Return the state after an answer, with the next poll and all that the policy remembers.

    Args:
        state: Of the feed; what the poller itself remembers (validators, `last_success_at`) may be set already.
        feed: Its feed.
        answer: What came.
        began_at: When the poll began.
        now: When it was done.
        jitter: A random number in [0, 1).
    """
    judged = auditing.judge(
        state,
        status=answer.status,
        conditional=answer.conditional,
        same_validators=answer.same_validators,
        new=answer.new,
        published=answer.published,
        now=now,
    )
    moved = moving.follow(
        judged,
        feed,
        url=answer.url,
        redirected=answer.redirected,
        permanent=answer.permanent,
        same_feed=answer.same_feed,
        now=now,
    )
    learnt = rhythm.learn(moved, new=answer.new, published=answer.published, undated=answer.undated, now=now)
    if answer.total > 0:
        learnt = _note_hints(learnt, answer.hints)
    comparable = state.first_success_at is not None and state.errors == 0
    comparable = comparable and intervals.is_on_time(state.next_poll_at, began_at, state.interval_s)
    interval_s, wait_s = _choose(learnt, feed, answer, comparable=comparable, now=now, jitter=jitter)
    after = replace(
        learnt,
        interval_s=interval_s,
        next_poll_at=_at(learnt, feed, answer, began_at=began_at, now=now, wait_s=wait_s),
        condition=Condition.OK,
        errors=0,
        last_error="",
        throttled_until=None,
        gone_polls=0,
        gone_since=None,
        kills=0,
    )
    overrun = comparable and answer.new > 0 and answer.known <= 0
    return Planned(state=after, events=(*((Event.OVERRUN,) if overrun else ()), *_tell(state, after)))


def plan_failure(
    state: FeedState,
    feed: Feed,
    error: FetchError | ParseError,
    *,
    began_at: datetime,
    now: datetime,
    jitter: float,
) -> Planned:
    """Return the state after a failed poll; arguments as for `plan_answer`.

    Waits count from `now`: what failed by a timeout has had its rest only from there.
    """
    kind, asked_s, errors = failing.classify(error), failing.retry_after_s(error), state.errors + 1
    interval_s = float(feed.interval_s or max(state.interval_s, _floor_s(feed, {})))
    counted = replace(state, errors=errors, last_error=failing.describe(error), throttled_until=None)
    hold_s = None
    if kind is Failure.THROTTLED:
        wait_s, hold_s = failing.throttle_s(interval_s, errors, asked_s)
        counted = replace(counted, throttled_until=now + timedelta(seconds=wait_s), condition=Condition.THROTTLED)
        wait_s += jitter * min(max(wait_s, 60.0), 3_600.0)  # who was sent away together does not come back together
    elif kind is Failure.WALL:
        wait_s = failing.wall_s(interval_s, errors) * (1 + jitter / 10)
        counted = replace(counted, condition=Condition.BLOCKED)
    else:
        counted, wait_s = _count_failure(counted, kind, interval_s, now)
        wait_s = intervals.spread(wait_s, jitter) if wait_s < _DAY_S else wait_s * (1 + jitter / 10)
        if kind is Failure.UNAVAILABLE and asked_s and counted.condition is Condition.FAILING:
            until = now + timedelta(seconds=asked_s)
            counted = replace(counted, throttled_until=until, condition=Condition.THROTTLED)
    after = moving.return_home(counted, now)
    wait_s = max(wait_s, asked_s or 0.0)
    after = replace(after, next_poll_at=max(began_at, now) + timedelta(seconds=wait_s))
    return Planned(state=after, events=_tell(state, after), hold_domain_s=hold_s)


def due_at(state: FeedState, now: datetime) -> datetime:
    """Return when a feed is to be polled by what is stored of it, also if that was written by a clock gone wrong.

    A time that no policy can have meant becomes one within an interval from now, each feed's own.
    """
    if state.next_poll_at is None:
        return now
    longest_s = _LONGEST_GONE_S if state.condition is Condition.GONE else _LONGEST_S
    if (state.next_poll_at - now).total_seconds() <= longest_s:
        return state.next_poll_at
    within_s = intervals.clamp(state.interval_s, floor_s=intervals.FAST_FLOOR_S)
    return now + timedelta(seconds=phase(state.feed_id) * within_s)


def _note_hints(state: FeedState, hints: DocumentHints) -> FeedState:
    noted = (hints.ttl_s, hints.skip_hours & 0xFFFFFF, hints.skip_days & 0x7F)
    if noted == (state.ttl_s, state.skip_hours, state.skip_days):
        return state
    return replace(state, ttl_s=noted[0], skip_hours=noted[1], skip_days=noted[2])


def _floor_s(feed: Feed, headers: Mapping[str, str]) -> float:
    return intervals.FAST_FLOOR_S if feed.wire or hints.is_fast(headers) else intervals.FLOOR_S


def _choose(
    state: FeedState, feed: Feed, answer: Answer, *, comparable: bool, now: datetime, jitter: float
) -> tuple[float, float]:
    """Return the interval that a feed now deserves, and the wait until its next poll."""
    if feed.interval_s is not None:
        return float(feed.interval_s), float(feed.interval_s)
    floor_s = _floor_s(feed, answer.headers)
    interval_s = intervals.clamp(state.interval_s, floor_s=floor_s)
    if comparable:
        interval_s = intervals.adapt(interval_s, known=answer.known, total=answer.total)
    longest_s = intervals.longest_s(state.gap_s, rhythm.silent_s(state, now), wire=feed.wire)
    interval_s = intervals.clamp(min(interval_s, longest_s), floor_s=floor_s)
    # Whoever marks a wire knows better than what its software puts into each document.
    document = None if feed.wire else DocumentHints(ttl_s=state.ttl_s)
    hint_s = hints.server_hint_s(answer.headers, document, now)
    wait_s = intervals.heed(interval_s, hint_s, gap_s=state.gap_s, total=answer.total, floor_s=floor_s)
    return interval_s, intervals.spread(wait_s, jitter)


def _at(state: FeedState, feed: Feed, answer: Answer, *, began_at: datetime, now: datetime, wait_s: float) -> datetime:
    """Return the instant of the next poll after a success."""
    asked_s = hints.retry_after_s(answer.headers, now) or 0.0
    earliest = now + timedelta(seconds=asked_s)
    if feed.interval_s is not None:
        # An exact pace counts from plan to plan, so that small delays do not add up; what was missed is not made up.
        planned = state.next_poll_at
        on_time = planned is not None and 0 <= (began_at - planned).total_seconds() < wait_s
        at = (planned if on_time and planned is not None else began_at) + timedelta(seconds=wait_s)
        return max(at, earliest)
    at = began_at + timedelta(seconds=wait_s)
    active = rhythm.agreed_hours(state, now)
    at = hints.postpone(at, skip_hours=state.skip_hours, skip_days=state.skip_days, active=active)
    return max(min(at, now + timedelta(seconds=_LONGEST_S)), earliest)


def _count_failure(state: FeedState, kind: Failure, interval_s: float, now: datetime) -> tuple[FeedState, float]:
    """Return the state and the wait after a failure that is neither a wall nor a 429."""
    wait_s = failing.back_off_s(interval_s, state.errors)
    if kind is Failure.GONE:
        since = state.gone_since if state.gone_since is not None and state.gone_since <= now else now
        state = replace(state, gone_polls=state.gone_polls + 1, gone_since=since)
        if state.gone_polls >= failing.GONE_POLLS and now - since >= failing.GONE_AFTER:
            return replace(state, condition=Condition.GONE), failing.MONTH_S
        return replace(state, condition=Condition.FAILING), failing.CAP_S
    if failing.is_given_up(state, state.errors, now):
        return replace(state, condition=Condition.GONE), failing.MONTH_S
    if kind is Failure.KILLED:
        state = replace(state, kills=state.kills + 1)
    if state.kills >= failing.MAX_KILLS:
        return replace(state, condition=Condition.QUARANTINED), failing.CAP_S
    if state.condition is Condition.GONE:  # its monthly probe met something else; tomorrow tells
        return state, failing.CAP_S
    return replace(state, condition=Condition.FAILING), wait_s


def _tell(before: FeedState, after: FeedState) -> tuple[Event, ...]:
    """Return what became different."""
    events = []
    if after.untrusted != before.untrusted:
        events.append(Event.UNTRUSTED if after.untrusted else Event.TRUSTED)
    if after.moved_to != before.moved_to:
        events.append(Event.MOVED if after.moved_to else Event.MOVED_BACK)
    if after.condition is not before.condition:
        if after.condition is not Condition.OK:
            events.append(Event(after.condition.value))
        elif before.condition is not Condition.NEW:
            events.append(Event.RECOVERED)
    return tuple(events)
