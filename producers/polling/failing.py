"""What a failed poll means, and for how long it keeps the producer away."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from deskwatch.errors import FetchError, FetchReason, ParseError, ParserKilled
from deskwatch.feedrecords import FeedState

CAP_S: Final = 86_400.0
MONTH_S: Final = 30 * 86_400.0
GIVEN_UP: Final = 30  # failures in a row
GIVEN_UP_AFTER: Final = timedelta(days=14)  # and without an answer for so long: 30 alone can be a weekend
GONE_POLLS: Final = 3
GONE_AFTER: Final = timedelta(hours=48)
MAX_KILLS: Final = 3

_WALLS: Final = frozenset((401, 402, 403, 407, 451))
_WALL_S: Final = 900.0
_THROTTLE_S: Final = 900.0  # where a 429 does not say for how long
_MAX_HOLD_S: Final = 3_600.0  # of a domain, then


class Failure(Enum):
    """The kinds of failures that are treated differently."""

    THROTTLED = auto()
    UNAVAILABLE = auto()
    WALL = auto()
    GONE = auto()
    KILLED = auto()
    OTHER = auto()


def classify(error: FetchError | ParseError) -> Failure:
    """Return which kind of failure this is."""
    if isinstance(error, ParserKilled):
        return Failure.KILLED
    if not isinstance(error, FetchError):
        return Failure.OTHER
    if error.status == 429:
        return Failure.THROTTLED
    if error.reason is FetchReason.BLOCKED or error.status in _WALLS:
        return Failure.WALL
    return {503: Failure.UNAVAILABLE, 410: Failure.GONE}.get(error.status or 0, Failure.OTHER)


def describe(error: FetchError | ParseError) -> str:
    """Return a failure as the feed's state has it: its reason, and the status where there was one."""
    if isinstance(error, FetchError):
        return f"{error.reason} {error.status}" if error.status is not None else str(error.reason)
    return f"parser_{error.reason}" if isinstance(error, ParserKilled) else "not_a_feed"


def retry_after_s(error: FetchError | ParseError) -> float | None:
    """Return what the server asked for, at most a day; None if it did not, or asked for nonsense."""
    asked = error.retry_after_s if isinstance(error, FetchError) else None
    return None if asked is None or not math.isfinite(asked) or asked < 0 else min(asked, CAP_S)


def back_off_s(interval_s: float, errors: int) -> float:
    """Return the wait after so many failures in a row: as many intervals, at most a day."""
    return max(interval_s, min(interval_s * errors, CAP_S))


def wall_s(interval_s: float, errors: int) -> float:
    """Return the wait before a wall: it doubles to a day, for each knock makes it higher."""
    return max(interval_s, min(_WALL_S * 2.0 ** min(errors - 1, 10), CAP_S))


def throttle_s(interval_s: float, errors: int, asked_s: float | None) -> tuple[float, float]:
    """Return the wait of a feed after a 429, and for how long its domain is left alone."""
    if asked_s is not None:
        return max(asked_s, interval_s), asked_s
    wait_s = back_off_s(max(interval_s, _THROTTLE_S), errors)
    return wait_s, min(wait_s, _MAX_HOLD_S)


def is_given_up(state: FeedState, errors: int, now: datetime) -> bool:
    """Return whether a feed has failed so often and so long that a poll a month is enough."""
    since = state.last_success_at or state.ok_since
    return errors >= GIVEN_UP and since is not None and now - since >= GIVEN_UP_AFTER
