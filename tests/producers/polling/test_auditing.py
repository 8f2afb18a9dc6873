from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from deskwatch.feedrecords import Feed, FeedState
from producers.polling.auditing import PROBATION, is_unconditional, judge

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
FEED = Feed(id="a", url="https://a.example/rss", source="A")
STATE = FeedState(feed_id="a", url=FEED.url, etag='"1"', audited_at=NOW, interval_s=300)
STEP = timedelta(minutes=5)


def audits(feed: Feed, state: FeedState, *, since: datetime, days: float) -> list[datetime]:
    """Return when a feed polled every five minutes is asked without validators."""
    found = []
    for n in range(int(days * 288)):
        now = since + n * STEP
        state = replace(state, next_poll_at=now, last_success_at=now - STEP)
        if is_unconditional(state, feed, now, 0.9999):
            found.append(now)
            state = replace(state, audited_at=now)
    return found


def test_validators_are_left_out_once_a_day() -> None:
    found = audits(FEED, STATE, since=NOW + STEP, days=10)
    assert 10 <= len(found) <= 11
    gaps = [after - before for before, after in pairwise(found)]
    assert all(abs(gap - timedelta(days=1)) <= timedelta(hours=1) for gap in gaps)


def test_neither_a_start_nor_a_long_pause_asks_all_feeds_for_everything() -> None:
    feeds = [replace(FEED, id=f"f{n}") for n in range(400)]
    later = NOW + timedelta(days=4)
    first = sum(is_unconditional(STATE, feed, later, n / 400) for n, feed in enumerate(feeds))
    assert first < 40
    caught_up = sum(len(audits(feed, STATE, since=later, days=1.01)) > 0 for feed in feeds)
    assert caught_up == len(feeds)


def test_a_feed_whose_polls_are_rare_is_audited_as_well() -> None:
    state = replace(STATE, next_poll_at=NOW + timedelta(hours=20), last_success_at=NOW, interval_s=3_600)
    assert is_unconditional(state, FEED, NOW + timedelta(hours=20), 0.5) or is_unconditional(
        state, FEED, NOW + timedelta(hours=40), 0.5
    )


def test_who_has_no_use_for_validators_sends_none() -> None:
    assert is_unconditional(replace(STATE, etag=""), FEED, NOW, 0.5)
    assert is_unconditional(replace(STATE, untrusted=True), FEED, NOW, 0.5)
    assert is_unconditional(STATE, replace(FEED, conditional=False), NOW, 0.5)
    assert not is_unconditional(STATE, FEED, NOW, 0.5)


def test_an_audit_written_by_a_clock_gone_wrong_does_not_end_all_audits() -> None:
    assert audits(FEED, replace(STATE, audited_at=NOW + timedelta(days=900)), since=NOW, days=1.01)


def seen(
    state: FeedState, *, now: datetime = NOW, same: bool = False, new: int = 1, published: tuple[datetime, ...] = ()
) -> FeedState:
    return judge(state, status=200, conditional=False, same_validators=same, new=new, published=published, now=now)


def test_news_under_unchanged_validators_costs_trust() -> None:
    assert seen(STATE, same=True).untrusted
    assert not seen(STATE, same=False).untrusted
    assert not seen(STATE, same=True, new=0).untrusted
    asked = judge(STATE, status=200, conditional=True, same_validators=True, new=1, published=(), now=NOW)
    assert not asked.untrusted, "the server did not deny it"


def test_news_that_a_304_denied_costs_trust() -> None:
    denied = replace(STATE, not_modified_at=NOW - STEP)
    assert seen(denied, published=(NOW - timedelta(hours=5),)).untrusted
    assert not seen(denied, published=(NOW - timedelta(minutes=30),)).untrusted
    assert not seen(STATE, published=(NOW - timedelta(hours=5),)).untrusted, "nothing denied it"
    tardy = replace(denied, delay_s=2 * 3_600.0)
    assert not seen(tardy, published=(NOW - timedelta(hours=5),)).untrusted, "this feed always dates back"
    one_old = (NOW, NOW - STEP, NOW - timedelta(days=90))
    assert not seen(denied, published=one_old).untrusted


def test_a_month_without_evidence_restores_trust_and_evidence_begins_it_anew() -> None:
    caught = seen(STATE, same=True)
    again = seen(caught, same=True, now=NOW + timedelta(days=20))
    assert seen(again, now=NOW + PROBATION).untrusted
    assert not seen(again, now=NOW + timedelta(days=20) + PROBATION).untrusted


def test_a_304_is_noted() -> None:
    state = judge(STATE, status=304, conditional=True, same_validators=True, new=0, published=(), now=NOW + STEP)
    assert (state.not_modified_at, state.audited_at, state.untrusted) == (NOW + STEP, NOW, False)


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 10**6))
def test_a_fresh_audit_is_never_repeated_within_an_hour(jitter: float, second: int) -> None:
    now = NOW + timedelta(seconds=second % 3_600)
    assert not is_unconditional(STATE, FEED, now, jitter)
