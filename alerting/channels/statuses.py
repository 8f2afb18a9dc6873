"""What an HTTP status means for a delivery: which refusals are sure, which pass, and which say nothing."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from alerting.delivery import Outcome, Reason
from deskwatch.records import DeliveryState

CREDENTIALS_RETRY_S: Final = 60.0
LONGEST_S: Final = 86_400.0  # that a server may ask us to wait

_MOVED: Final = frozenset({301, 307, 308})
_NOT_ALLOWED: Final = frozenset({401, 402, 403, 407})
_NOWHERE: Final = frozenset({404, 405, 410, 421})
_NOT_HEARD_OUT: Final = frozenset({408, 425})


def judge(status: int, retry_after_s: float = 0.0, *, provider_ref: str = "") -> Outcome:
    """Return what an answer to a POST means; what is not surely one thing is UNKNOWN."""
    detail = f"HTTP {status}"
    if 200 <= status < 300:
        return Outcome(state=DeliveryState.SENT, provider_ref=provider_ref)
    if status == 429 or (status == 503 and retry_after_s):
        return Outcome(
            state=DeliveryState.RETRY, reason=Reason.RATE_LIMITED, detail=detail, retry_after_s=retry_after_s or 1.0
        )
    if status in _NOT_ALLOWED:  # for ops to mend: the alert waits for it
        return not_allowed(detail)
    if status in _MOVED:
        detail = f"{detail}: redirects are not followed"
        return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_TARGET, detail=detail)
    if status in _NOWHERE:
        return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_TARGET, detail=detail)
    if 400 <= status < 500 and status not in _NOT_HEARD_OUT:
        return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_CONTENT, detail=detail)
    return Outcome(state=DeliveryState.UNKNOWN, reason=Reason.SERVER_FAULT, detail=detail)


def not_allowed(detail: str) -> Outcome:
    """Return the outcome of a send that a secret is missing or wrong for."""
    return Outcome(
        state=DeliveryState.RETRY, reason=Reason.CREDENTIALS, detail=detail, retry_after_s=CREDENTIALS_RETRY_S
    )


def read_retry_after(value: str | None, now: float) -> float:
    """Return the seconds that a Retry-After header asks for, as a number or as a date; 0 if it asks for none."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), LONGEST_S)
    try:
        at = parsedate_to_datetime(text)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_S)
