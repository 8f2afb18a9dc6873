from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from deskwatch.feedrecords import Condition, Feed, FeedState
from producers.feeds.exposing import expose
from producers.metrics import Metrics

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
FEEDS = [Feed(id=id_, url=f"https://{id_}.example/rss", source=id_) for id_ in ("fine", "walled", "fresh")]
STATES = {
    "fine": FeedState(
        feed_id="fine",
        condition=Condition.OK,
        ok=True,
        last_success_at=NOW,
        last_new_at=NOW,
        first_success_at=NOW - timedelta(days=60),
        per_day=12.5,
        delay_s=90.0,
    ),
    "walled": FeedState(feed_id="walled", condition=Condition.BLOCKED, errors=3, last_error="status 403"),
}


def test_feeds_are_counted_by_how_they_are_doing_and_each_has_its_delay_and_volume() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    expose(FEEDS, STATES, metrics, NOW, most=10)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert [value("deskwatch_feeds", state=state) for state in ("ok", "blocked", "new", "failing")] == [1, 1, 1, 0]
    assert value("deskwatch_feed_delay_seconds", feed="fine") == 90.0
    assert value("deskwatch_feed_expected_articles_per_day", feed="fine") == 12.5
    assert value("deskwatch_feed_delay_seconds", feed="walled") is None
    expose(FEEDS[1:], STATES, metrics, NOW, most=10)
    assert value("deskwatch_feed_delay_seconds", feed="fine") is None, "it is not ours any more"
    expose(FEEDS, STATES, metrics, NOW, most=2)
    assert value("deskwatch_feed_delay_seconds", feed="fine") is None, "too many feeds for series of their own"
    assert value("deskwatch_feeds", state="ok") == 1
