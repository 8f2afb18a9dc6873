"""Spikes for tests of what comes after them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from deskwatch.records import Headline, Severity, Spike, SpikeState

ONSET = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)


def make_headline(**changes: Any) -> Headline:
    """Return a headline of an invented outlet."""
    values: dict[str, Any] = {
        "article_id": "a1",
        "title": "Patrol boats gather off the northern cape",
        "url": "https://news.example.org/1",
        "source": "Example Wire",
        "seen_at": ONSET + timedelta(minutes=4),
        "language": "en",
    }
    return Headline(**(values | changes))


def make_spike(**changes: Any) -> Spike:
    """Return the opening of an episode of the theme taiwan."""
    values: dict[str, Any] = {
        "spike_id": "spike-1",
        "revision": 0,
        "theme": "taiwan",
        "state": SpikeState.ONSET,
        "severity": Severity.HIGH,
        "onset_at": ONSET,
        "detected_at": ONSET + timedelta(minutes=62),
        "revised_at": ONSET + timedelta(minutes=62),
        "window_s": 3600,
        "observed": 14,
        "expected": 3.1,
        "expected_low": 1.0,
        "expected_high": 6.0,
        "score": 2.4,
        "articles": 23,
        "stories": 11,
        "owners": 12,
        "headlines": (make_headline(),),
        "languages": ("en",),
        "feeds_total": 41,
        "learnt_days": 30.0,
    }
    return Spike(**(values | changes))
