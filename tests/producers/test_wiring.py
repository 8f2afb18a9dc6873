from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deskwatch.clock import SteppedClock
from deskwatch.errors import ConfigError, KillReason, ParserKilled
from deskwatch.feedrecords import Feed, FeedState
from deskwatch.settings import Settings
from producers.fetching.fetcher import Fetched, Validators
from producers.settings import ProducerSettings
from producers.state.poison import Poison
from producers.state.store import Store
from producers.wiring import check, create_politeness, keep_killer

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
FEED = Feed(id="post", url="https://feeds.post.example/rss", source="Post")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.mark.parametrize(("error", "is_held"), [("status 429", True), ("status 503", False)])
def test_a_domain_that_asked_for_silence_is_left_alone_after_a_restart(store: Store, error: str, is_held: bool) -> None:
    until = NOW + timedelta(minutes=10)
    store.record(FeedState(feed_id="post", url=FEED.url, last_error=error, throttled_until=until))
    politeness = create_politeness(ProducerSettings(), [FEED], store, SteppedClock(NOW))
    other = Feed(id="other", url="https://www.post.example/rss", source="Post")
    assert (politeness.ready_in(other, other.url) > 590) is is_held


def test_the_settings_pace_hosts(store: Store) -> None:
    own = ProducerSettings(spacing_s=7.0, connections_per_host=1)
    politeness = create_politeness(own, [], store, SteppedClock(NOW))
    politeness.begin(FEED, FEED.url)
    politeness.end(FEED, FEED.url)
    assert 6 < politeness.ready_in(FEED, FEED.url) <= 7


def test_a_document_that_killed_the_parser_is_kept_and_a_full_disk_stops_nothing(tmp_path: Path) -> None:
    fetched = Fetched(status=200, url=FEED.url, validators=Validators(), body=b"<rss>", content_type="text/xml")
    error = ParserKilled("post", KillReason.CPU, "took too long")
    poison = Poison(tmp_path / "poison")
    keep_killer(poison, SteppedClock(NOW), FEED, fetched, error)
    known = poison.find("post")
    assert known is not None
    assert (known.reason, known.at, poison.path_of("post").read_bytes()) == (KillReason.CPU, NOW, b"<rss>")
    (tmp_path / "file").write_text("")
    keep_killer(Poison(tmp_path / "file"), SteppedClock(NOW), FEED, fetched, error)


@pytest.mark.parametrize(("embedded", "replays"), [(True, False), (False, True)])
def test_sharing_is_refused_where_it_makes_no_sense(embedded: bool, replays: bool) -> None:
    with pytest.raises(ConfigError, match="shared"):
        check(Settings(kafka_embedded=embedded), ProducerSettings(shared=True), replays=replays)
    check(Settings(), ProducerSettings(shared=True), replays=False)
