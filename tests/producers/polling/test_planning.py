from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from deskwatch.errors import FetchError, FetchReason, KillReason, ParseError, ParserKilled
from deskwatch.feedrecords import Condition, Feed, FeedState
from producers.polling.planning import Answer, Event, Planned, due_at, plan_answer, plan_failure
from producers.reading.jobs import DocumentHints

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)
FEED = Feed(id="a", url="https://a.example/rss", source="A")
EXACT = replace(FEED, interval_s=600)
STATE = FeedState(
    feed_id="a",
    url=FEED.url,
    etag='"1"',
    condition=Condition.OK,
    ok=True,
    interval_s=600.0,
    next_poll_at=NOW,
    first_success_at=NOW - 30 * DAY,
    last_success_at=NOW - timedelta(minutes=10),
    last_new_at=NOW - timedelta(minutes=30),
    gap_s=3_600.0,
)


def answered(
    state: FeedState = STATE,
    feed: Feed = FEED,
    *,
    began_at: datetime = NOW,
    now: datetime | None = None,
    jitter: float = 0.5,
    **said: Any,
) -> Planned:
    said = {"status": 200, "url": feed.url, "total": 20, "known": 19, "new": 1} | said
    return plan_answer(state, feed, Answer(**said), began_at=began_at, now=now or began_at, jitter=jitter)


def failed(
    error: FetchError | ParseError, state: FeedState = STATE, feed: Feed = FEED, *, jitter: float = 0.5
) -> Planned:
    return plan_failure(state, feed, error, began_at=NOW, now=NOW, jitter=jitter)


def status(code: int, retry_after_s: float | None = None) -> FetchError:
    return FetchError("a", FetchReason.STATUS, "x", status=code, retry_after_s=retry_after_s)


def wait_s(planned: Planned) -> float:
    assert planned.state.next_poll_at is not None
    return (planned.state.next_poll_at - NOW).total_seconds()


def keep_failing(error: FetchError | ParseError, polls: int, state: FeedState = STATE) -> tuple[FeedState, list[Event]]:
    """Return the state after failures at the very times planned, and all that was told."""
    events: list[Event] = []
    for _ in range(polls):
        now = state.next_poll_at or NOW
        planned = plan_failure(state, FEED, error, began_at=now, now=now, jitter=0.5)
        state = planned.state
        events += planned.events
    return state, events


def test_known_items_lengthen_and_new_ones_shorten() -> None:
    assert answered(known=19).state.interval_s == 750
    assert answered(status=304, total=0, known=0, new=0).state.interval_s == 750
    assert answered(known=10, new=10).state.interval_s == 600
    assert answered(known=3, new=17).state.interval_s == 420
    assert wait_s(answered(known=10, new=10, jitter=0.0)) == pytest.approx(540)
    assert wait_s(answered(known=10, new=10, jitter=1.0)) == pytest.approx(660)


def test_nothing_in_common_is_an_overrun_only_if_the_poll_was_on_time() -> None:
    overrun = answered(known=0, new=20)
    assert (overrun.state.interval_s, overrun.events) == (300, (Event.OVERRUN,))
    late = answered(known=0, new=20, began_at=NOW + DAY)
    assert (late.state.interval_s, late.events) == (600, ())
    after_errors = answered(replace(STATE, errors=3), known=0, new=20)
    assert Event.OVERRUN not in after_errors.events
    replayed = answered(known=0, new=0)
    assert Event.OVERRUN not in replayed.events, "a feed that lists its past again loses nothing"
    first = answered(FeedState(feed_id="a", url=FEED.url, next_poll_at=NOW), known=0, new=20)
    assert first.events == ()


def test_only_wires_and_servers_that_promise_it_are_asked_each_minute() -> None:
    fast = replace(STATE, interval_s=60.0, gap_s=20.0, last_new_at=NOW)
    assert answered(fast).state.interval_s == 300
    assert answered(fast, replace(FEED, wire=True)).state.interval_s == 60
    assert answered(fast, headers={"cache-control": "max-age=30"}).state.interval_s == 60
    assert answered(fast, headers={"cache-control": "max-age=0"}).state.interval_s == 300


def test_hints_lengthen_and_hold_until_the_next_document() -> None:
    hinted = answered(hints=DocumentHints(ttl_s=3_600.0), known=10, new=10)
    assert wait_s(hinted) == pytest.approx(3_600)
    assert hinted.state.interval_s == 600, "what the feed deserves is not what the server asks for"
    unchanged = answered(replace(hinted.state, next_poll_at=NOW), status=304, total=0, known=0, new=0)
    assert wait_s(unchanged) == pytest.approx(3_600)
    dropped = answered(replace(hinted.state, next_poll_at=NOW), known=10, new=10)
    assert wait_s(dropped) == pytest.approx(600)
    assert wait_s(answered(feed=replace(FEED, wire=True), hints=DocumentHints(ttl_s=3_600.0), known=10)) < 800


def test_hours_are_skipped_once_history_agrees() -> None:
    night = DocumentHints(skip_hours=0b1111_1100)
    agreeing = replace(STATE, active_hours=1 << 12)
    assert answered(agreeing, hints=night).state.next_poll_at == NOW.replace(hour=8, minute=0)
    young = replace(agreeing, first_success_at=NOW - 10 * DAY)
    assert wait_s(answered(young, hints=night)) == pytest.approx(750)


def test_an_exact_pace_is_kept_to_the_second() -> None:
    late = answered(feed=EXACT, began_at=NOW + timedelta(seconds=7), headers={"cache-control": "max-age=9000"}, known=0)
    assert late.state.next_poll_at == NOW + timedelta(seconds=600)
    missed = answered(feed=EXACT, began_at=NOW + timedelta(hours=2))
    assert missed.state.next_poll_at == NOW + timedelta(hours=2, seconds=600)


@pytest.mark.parametrize("feed", [FEED, EXACT])
def test_retry_after_is_heeded_on_any_status(feed: Feed) -> None:
    assert wait_s(answered(feed=feed, headers={"retry-after": "7200"})) == 7_200
    assert wait_s(failed(status(500, 7_200), feed=feed)) == 7_200
    assert wait_s(failed(status(403, 7_200), feed=feed)) == 7_200
    assert wait_s(failed(status(500, float("inf")), feed=feed)) < 1_000


@pytest.mark.parametrize(
    "error",
    [
        status(404),
        status(500),
        status(503),
        FetchError("a", FetchReason.TIMEOUT, "x"),
        FetchError("a", FetchReason.CONNECT, "x"),
        ParseError("a", "x"),
    ],
)
def test_failures_back_off_in_a_line(error: FetchError | ParseError) -> None:
    waits = [wait_s(failed(error, replace(STATE, errors=n))) for n in (0, 1, 2, 200)]
    assert waits[:3] == pytest.approx([600, 1_200, 1_800])
    assert waits[3] <= 1.1 * 86_400
    first = failed(error)
    assert (first.state.condition, first.state.errors, first.events) == (Condition.FAILING, 1, (Event.FAILING,))
    assert failed(error, first.state).events == (), "told once"


def test_a_feed_that_fails_for_weeks_is_asked_once_a_month_and_no_weekend_does_that() -> None:
    state, events = keep_failing(status(404), 31)
    assert state.condition is Condition.FAILING
    for _ in range(200):
        state, more = keep_failing(status(404), 1, state)
        events += more
    assert events == [Event.FAILING, Event.GONE]
    before = state.next_poll_at
    state, _ = keep_failing(status(404), 1, state)
    assert before is not None
    assert state.next_poll_at is not None
    assert 30 * DAY <= state.next_poll_at - before <= 33 * DAY
    assert state.last_error == "status 404"
    back = answered(replace(state, next_poll_at=NOW))
    assert (back.state.condition, back.state.errors, back.events) == (Condition.OK, 0, (Event.RECOVERED,))
    assert wait_s(back) < 3_600


def test_410_stops_after_three_sightings_over_two_days() -> None:
    state, _ = keep_failing(status(410), 2)
    assert state.condition is Condition.FAILING
    state, more = keep_failing(status(410), 1, state)
    assert (state.condition, more) == (Condition.GONE, [Event.GONE])
    assert state.next_poll_at is not None
    assert state.next_poll_at > NOW + 32 * DAY
    impatient = replace(STATE, gone_polls=20, gone_since=NOW - timedelta(hours=1))
    assert failed(status(410), impatient).state.condition is Condition.FAILING
    ahead = replace(STATE, gone_polls=20, gone_since=NOW + 900 * DAY)
    assert failed(status(410), ahead).state.gone_since == NOW
    probed = failed(FetchError("a", FetchReason.TIMEOUT, "x"), state)
    assert probed.state.condition is Condition.GONE
    assert 0.9 * 86_400 <= wait_s(probed) <= 1.1 * 86_400


@pytest.mark.parametrize(
    "error",
    [status(401), status(403), status(451), FetchError("a", FetchReason.BLOCKED, "x", status=200)],
)
def test_a_wall_is_a_condition_of_its_own_and_knocked_at_ever_less(error: FetchError) -> None:
    planned = failed(error)
    assert (planned.state.condition, planned.events) == (Condition.BLOCKED, (Event.BLOCKED,))
    waits = [wait_s(failed(error, replace(STATE, errors=n), jitter=0.0)) for n in range(100)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (900, 86_400)


def test_429_holds_the_domain_and_spreads_who_comes_back() -> None:
    planned = failed(status(429, 1_800.0))
    assert (planned.hold_domain_s, planned.state.condition) == (1_800, Condition.THROTTLED)
    assert planned.state.throttled_until == NOW + timedelta(seconds=1_800)
    assert len({wait_s(failed(status(429, 1_800.0), jitter=n / 10)) for n in range(10)}) == 10
    assert 1_800 <= wait_s(planned) <= 3_600
    silent = failed(status(429))
    assert silent.hold_domain_s == 900
    assert failed(status(429, 1e9)).hold_domain_s == 86_400
    assert failed(status(503, 1_800.0)).hold_domain_s is None


def test_503_with_a_time_is_throttled_and_without_failing() -> None:
    assert failed(status(503, 1_800.0)).state.throttled_until == NOW + timedelta(seconds=1_800)
    assert failed(status(503, 1_800.0)).state.condition is Condition.THROTTLED
    assert failed(status(503)).state.condition is Condition.FAILING


def test_a_document_that_kills_three_parsers_is_quarantined_and_asked_daily() -> None:
    killed = ParserKilled("a", KillReason.CPU, "x")
    state, _ = keep_failing(killed, 2)
    assert (state.kills, state.condition) == (2, Condition.FAILING)
    timed_out = failed(FetchError("a", FetchReason.TIMEOUT, "x"), state)
    assert timed_out.state.kills == 2, "that says nothing about its document"
    state, more = keep_failing(killed, 1, state)
    assert (state.condition, more, state.last_error) == (Condition.QUARANTINED, [Event.QUARANTINED], "parser_cpu")
    later = plan_failure(state, FEED, killed, began_at=NOW, now=NOW, jitter=0.5)
    assert 86_400 <= wait_s(later) <= 1.1 * 86_400
    assert answered(state).state.kills == 0


def test_a_lying_304_is_told() -> None:
    planned = answered(conditional=False, same_validators=True)
    assert (planned.state.untrusted, planned.events) == (True, (Event.UNTRUSTED,))


def test_a_move_is_told_and_so_is_the_way_back() -> None:
    watched = replace(STATE, moving_to="https://b.example/", moving_since=NOW - 8 * DAY, moving_polls=30)
    moved = answered(watched, url="https://b.example/", redirected=True, permanent=True)
    assert (moved.state.moved_to, moved.events) == ("https://b.example/", (Event.MOVED,))
    lost = replace(moved.state, errors=20, last_success_at=NOW - 5 * DAY)
    assert failed(status(404), lost).events == (Event.MOVED_BACK, Event.FAILING)


def test_a_time_that_nobody_can_have_meant_is_not_waited_for() -> None:
    at = due_at(replace(STATE, next_poll_at=NOW + 900 * DAY), NOW)
    assert NOW <= at <= NOW + timedelta(seconds=600)
    assert due_at(STATE, NOW) == NOW
    assert due_at(replace(STATE, next_poll_at=None), NOW) == NOW
    monthly = replace(STATE, condition=Condition.GONE, next_poll_at=NOW + 31 * DAY)
    assert due_at(monthly, NOW) == NOW + 31 * DAY
    assert due_at(replace(monthly, condition=Condition.FAILING), NOW) < NOW + DAY


outcomes = st.sampled_from(
    [
        "news",
        "same",
        "overrun",
        status(404),
        status(410),
        status(403),
        status(429),
        status(429, 1e7),
        status(503, 60.0),
        ParserKilled("a", KillReason.MEMORY, "x"),
        ParseError("a", "x"),
        FetchError("a", FetchReason.CONNECT, "x"),
    ]
)


@given(
    st.lists(st.tuples(outcomes, st.floats(0, 1, exclude_max=True), st.floats(-1e6, 1e6)), max_size=40),
    st.sampled_from([FEED, EXACT, replace(FEED, wire=True)]),
)
def test_no_history_and_no_clock_silences_a_feed_for_good(
    polls: list[tuple[str | FetchError | ParseError, float, float]], feed: Feed
) -> None:
    state, now = FeedState(feed_id="a", url=FEED.url), NOW
    for outcome, jitter, step_s in polls:
        now += timedelta(seconds=step_s)
        if isinstance(outcome, str):
            known = {"news": 15, "same": 20, "overrun": 0}[outcome]
            planned = answered(state, feed, began_at=now, jitter=jitter, known=known, new=20 - known)
        else:
            planned = plan_failure(state, feed, outcome, began_at=now, now=now, jitter=jitter)
        state = planned.state
        assert state.next_poll_at is not None
        assert now + timedelta(seconds=54) <= state.next_poll_at
        longest = 34 * DAY if state.condition is Condition.GONE else timedelta(hours=27)
        assert state.next_poll_at <= now + longest
        assert due_at(state, now) == state.next_poll_at, "what was planned is kept"
