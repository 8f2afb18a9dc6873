"""The producers' metrics, on a registry that is passed in."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from deskwatch.errors import FetchReason
from deskwatch.records import PollResult
from producers.reading.normalising import DropReason

_POLL_S: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LATE_S: Final = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_PUBLISH_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)
_ACKNOWLEDGED_S: Final = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.4, 0.5, 1, 5, 60, 3_600)
_DELAY_S: Final = (15, 30, 60, 120, 300, 600, 1800, 3600, 21_600, 86_400)


class Metrics:
    """Counts at every hand-over; all label values exist from the start, at 0."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.polls = Counter("deskwatch_feed_polls_total", "Polls, by how they ended.", ["result"], registry=registry)
        self.fetch_errors = Counter(
            "deskwatch_feed_fetch_errors_total", "Polls that brought no body, by reason.", ["reason"], registry=registry
        )
        self.polls_broken = Counter(
            "deskwatch_feed_polls_broken_total", "Polls that failed by a fault of ours.", registry=registry
        )
        self.late_seconds = Histogram(
            "deskwatch_feed_poll_late_seconds",
            "From when a poll was due, and its host ready for it, to its start.",
            buckets=_LATE_S,
            registry=registry,
        )
        self.events = Counter(
            "deskwatch_feed_events_total", "What happened to feeds that somebody may have to look at.", ["event"],
            registry=registry,
        )  # fmt: skip
        self.whole_parses = Counter(
            "deskwatch_feed_whole_parses_total", "Changed documents parsed whole, to compare.", registry=registry
        )
        self.parse_differences = Counter(
            "deskwatch_feed_parse_differences_total",
            "Of those, documents that gave something else than their unknown items alone.",
            registry=registry,
        )
        self.parser_kills = Counter(
            "deskwatch_feed_parser_kills_total", "Parsing processes killed, or dead by themselves.", ["reason"],
            registry=registry,
        )  # fmt: skip
        self.poll_seconds = Histogram(
            "deskwatch_feed_poll_seconds", "Duration of polls.", buckets=_POLL_S, registry=registry
        )
        self.received = Counter("deskwatch_feed_received_bytes_total", "Bytes of bodies, as sent.", registry=registry)
        self.dropped = Counter(
            "deskwatch_feed_items_dropped_total", "Items that became no article.", ["reason"], registry=registry
        )
        self.seen = Counter(
            "deskwatch_articles_seen_total", "Articles and revisions found in feeds.", ["kind"], registry=registry
        )
        self.published = Counter(
            "deskwatch_articles_published_total", "Articles and revisions the broker has.", ["kind"], registry=registry
        )
        self.delay_seconds = Histogram(
            "deskwatch_article_delay_seconds",
            "From the time an article bears to when it was first seen; backfill aside.",
            buckets=_DELAY_S,
            registry=registry,
        )
        self.outbox_articles = Gauge(
            "deskwatch_outbox_articles", "Articles the broker has not acknowledged.", registry=registry
        )
        self.outbox_bytes = Gauge("deskwatch_outbox_bytes", "Their size.", registry=registry)
        self.publish_seconds = Histogram(
            "deskwatch_publish_seconds", "From send to the last acknowledgement of a batch.", buckets=_PUBLISH_S,
            registry=registry,
        )  # fmt: skip
        self.acknowledged_seconds = Histogram(
            "deskwatch_article_acknowledged_seconds",
            "From when an article's document had arrived to when the broker had the article.",
            buckets=_ACKNOWLEDGED_S,
            registry=registry,
        )
        self.publish_errors = Counter(
            "deskwatch_publish_errors_total", "Batches the broker did not acknowledge.", registry=registry
        )
        self.polls_lost = Counter(
            "deskwatch_feed_poll_records_lost_total", "Records of polls pushed out while the broker was away.",
            registry=registry,
        )  # fmt: skip
        self.shards = Gauge("deskwatch_shards", "Shards of feeds that this producer polls.", registry=registry)
        self.clock_skew = Gauge(
            "deskwatch_clock_skew_seconds", "How far this machine's clock is ahead of the broker's.", registry=registry
        )
        self.feeds = Gauge("deskwatch_feeds", "Feeds, by how they are doing.", ["state"], registry=registry)
        self.feed_delay = Gauge(
            "deskwatch_feed_delay_seconds",
            "Usual time from when an article bears to when it was first seen; not with many feeds.",
            ["feed"],
            registry=registry,
        )
        self.feed_volume = Gauge(
            "deskwatch_feed_expected_articles_per_day",
            "New articles a day by the feed's usual rate; not with many feeds.",
            ["feed"],
            registry=registry,
        )
        self.last_success = Gauge(
            "deskwatch_feed_last_success_timestamp_seconds",
            "When a feed of the shard last answered.",
            ["shard"],
            registry=registry,
        )
        self.tick = Gauge(
            "deskwatch_tick_timestamp_seconds", "Last tick of the shard, in log time.", ["shard"], registry=registry
        )
        for result in PollResult:
            self.polls.labels(result)
        for reason in FetchReason:
            self.fetch_errors.labels(reason)
        for drop in DropReason:
            self.dropped.labels(drop)
        for kind in ("new", "revision"):
            self.seen.labels(kind)
            self.published.labels(kind)
