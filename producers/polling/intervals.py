"""How often a feed deserves to be polled: by what successive polls have in common, and by the gaps in its news."""

from __future__ import annotations

from datetime import datetime
from typing import Final

FLOOR_S: Final = 300.0
FAST_FLOOR_S: Final = 60.0
CAP_S: Final = 86_400.0

_LONGER, _SHORTER, _HALVE = 1.25, 0.7, 0.5
_MOST_KNOWN, _LEAST_KNOWN = 2 / 3, 1 / 3
_LIVELY_S: Final = 3_600.0  # a feed that had news lately is asked every hour, however rare its news is
_SILENCE_SHARE: Final = 24  # after a day of silence every hour, after 24 days once a day
_TYPICAL_ITEMS: Final = 20  # where a 304 does not tell how many the document has


def adapt(interval_s: float, *, known: int, total: int) -> float:
    """Return the interval that this overlap of a poll with the one before it, which was on time, asks for.

    Counting items a week cannot see that items were missed; the overlap can. Nothing in common halves the interval.

    Args:
        known: Items of the document that were known.
        total: All its items; 0 for a document that did not change.

    Source:
        mediacloud/rss-fetcher, the share of duplicates between two polls.
    """
    if total <= 0 or known >= total * _MOST_KNOWN:
        return interval_s * _LONGER
    if known <= 0:
        return interval_s * _HALVE
    return interval_s * _SHORTER if known < total * _LEAST_KNOWN else interval_s


def longest_s(gap_s: float | None, silent_s: float, *, wire: bool = False) -> float:
    """Return what the interval may grow to: half the usual gap between two articles, and more in a long silence.

    Args:
        gap_s: Between two new articles; None if not known yet.
        silent_s: Since the last new one.
        wire: Whether a minute counts, however seldom there is news.
    """
    lively_s = FAST_FLOOR_S if wire else _LIVELY_S
    return max(lively_s if gap_s is None else min(gap_s / 2, lively_s), silent_s / _SILENCE_SHARE)


def clamp(interval_s: float, *, floor_s: float) -> float:
    """Return an interval within its bounds."""
    return min(max(interval_s, floor_s), CAP_S)


def heed(adaptive_s: float, hint_s: float | None, *, gap_s: float | None, total: int, floor_s: float) -> float:
    """Return the interval that a server's hint makes of the adaptive one.

    A hint is followed no further than half the document is replaced in: else items would be lost.
    """
    if hint_s is not None and gap_s is not None:
        hint_s = min(hint_s, gap_s * (total or _TYPICAL_ITEMS) / 2)
    return clamp(max(adaptive_s, hint_s or 0.0), floor_s=floor_s)


def spread(interval_s: float, jitter: float) -> float:
    """Return an interval up to a tenth longer or shorter; `jitter` is in [0, 1)."""
    return interval_s * (0.9 + 0.2 * jitter)


def is_on_time(planned: datetime | None, began_at: datetime, interval_s: float) -> bool:
    """Return whether a poll began so close to its plan that what it shares with the one before means something."""
    return planned is not None and (began_at - planned).total_seconds() <= max(interval_s / 2, 30.0)
