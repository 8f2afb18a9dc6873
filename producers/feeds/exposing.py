"""How the feeds are doing, as metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from deskwatch.feedrecords import Feed, FeedState
from producers.feeds.kinds import Kind
from producers.feeds.status import classify_feed, summarise
from producers.metrics import Metrics


def expose(
    feeds: Collection[Feed], states: Mapping[str, FeedState], metrics: Metrics, now: datetime, *, most: int
) -> None:
    """Set the gauges of all feeds; above `most` feeds none has a series of its own, which would only drown Prometheus.

    Args:
        feeds: Those that are ours.
        states: What is known of them.
        metrics: Gets the values.
        now: The clock.
        most: See above.
    """
    counts = summarise(classify_feed(feed, states.get(feed.id), now) for feed in feeds)
    for kind in Kind:
        metrics.feeds.labels(kind).set(counts.get(kind, 0))
    for gauge, name in ((metrics.feed_delay, "delay_s"), (metrics.feed_volume, "per_day")):
        gauge.clear()
        for feed in feeds if len(feeds) <= most else ():
            value = getattr(states.get(feed.id), name, None)
            if value is not None:
                gauge.labels(feed.id).set(value)
