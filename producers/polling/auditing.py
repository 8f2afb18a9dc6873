"""Whether a server's 304 can be believed: once a day a feed is asked without validators, and the answer compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median_low
from typing import Final

from msgspec.structs import replace

from deskwatch.feedrecords import Feed, FeedState
from producers.polling.phases import phase

PERIOD_S: Final = 86_400.0
PROBATION: Final = timedelta(days=30)

_WINDOW_S: Final = 3_600.0  # after its time of the day in which a feed is audited
_POLLS: Final = 2.5  # of that feed, which the window holds at least
_LEAST_AGE_S: Final = 3_600.0  # that of a feed just added is young
_OVERDUE_S: Final = 1.5 * PERIOD_S
_CATCH_UP_S: Final = 6 * 3_600.0  # in which overdue audits are spread
_MARGIN_S: Final = 3_600.0  # items get into a feed some time after the date that they bear


def is_unconditional(state: FeedState, feed: Feed, now: datetime, jitter: float) -> bool:
    """Return whether to send no validators this time.

    Each feed has its own time of the day for that, made of its id: neither a start nor a long pause makes all feeds
    ask for everything at once. Who missed it (the producer was down, the feed failed) waits for the next one, or does
    it by chance before.

    Args:
        state: As stored.
        feed: Its feed.
        now: When the poll begins.
        jitter: A random number in [0, 1).
    """
    if state.untrusted or not feed.conditional or not (state.etag or state.last_modified):
        return True
    age_s = math.inf  # of the last audit
    if state.audited_at is not None and state.audited_at <= now:
        age_s = (now - state.audited_at).total_seconds()
    if age_s < _LEAST_AGE_S:
        return False
    interval_s = state.interval_s
    if state.next_poll_at is not None and state.last_success_at is not None:  # a hint may stretch it
        interval_s = max(interval_s, (state.next_poll_at - state.last_success_at).total_seconds())
    past_s = (now.timestamp() - phase(feed.id) * PERIOD_S) % PERIOD_S  # since its time of the day
    if age_s > past_s and past_s < max(_WINDOW_S, _POLLS * interval_s):
        return True
    return age_s > _OVERDUE_S and jitter < interval_s / _CATCH_UP_S


def judge(
    state: FeedState,
    *,
    status: int,
    conditional: bool,
    same_validators: bool,
    new: int,
    published: Sequence[datetime],
    now: datetime,
) -> FeedState:
    """Return the state after an answer: who brings news under unchanged validators is not trusted with them any more.

    The other evidence is an audit with articles from well before the last 304, which so denied them. After a month
    without evidence a server is given another chance; if it still lies, an audit finds that within a day.

    Args:
        state: Of the feed; nothing but what is about trust is looked at.
        status: Of the answer.
        conditional: Whether validators were sent.
        same_validators: Whether there were validators, and the answer bears the same.
        new: Articles that are news.
        published: Their times that can be trusted.
        now: When the answer came.
    """
    if status == 304:
        return replace(state, not_modified_at=now)
    if conditional:
        return state
    if new > 0 and (same_validators or _is_denied(state, published)):
        return replace(state, audited_at=now, untrusted=True, caught_at=now)
    if state.untrusted and (state.caught_at is None or state.caught_at > now):
        return replace(state, audited_at=now, caught_at=now)
    if state.untrusted and state.caught_at is not None and now - state.caught_at >= PROBATION:
        return replace(state, audited_at=now, untrusted=False, caught_at=None, not_modified_at=None)
    return replace(state, audited_at=now)


def _is_denied(state: FeedState, published: Sequence[datetime]) -> bool:
    if state.not_modified_at is None or not published or state.untrusted:
        return False
    margin_s = max(_MARGIN_S, 4 * (state.delay_s or 0.0))  # feeds that date back, or are cached, do so every time
    return median_low(published) <= state.not_modified_at - timedelta(seconds=margin_s)
