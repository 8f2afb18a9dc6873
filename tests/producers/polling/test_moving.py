from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from deskwatch.feedrecords import Feed, FeedState
from producers.polling.moving import SIGHTINGS, WATCH, address, follow, return_home

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
FEED = Feed(id="a", url="http://old.example/rss", source="A")
STATE = FeedState(feed_id="a", url=FEED.url)
NEW = "https://new.example/rss"


def watch(
    state: FeedState, *, url: str = NEW, polls: int = 100, every: timedelta = WATCH / 50, **how: bool
) -> FeedState:
    how = {"redirected": True, "permanent": True, "same_feed": True} | how
    for n in range(polls):
        state = follow(state, FEED, url=url, now=NOW + n * every, **how)
    return state


def test_a_feed_moves_after_a_week_of_permanent_redirects() -> None:
    moved = watch(STATE)
    assert address(moved, FEED) == NEW
    assert (moved.moving_to, moved.moving_polls) == ("", 0)


@pytest.mark.parametrize("missing", ["redirected", "permanent", "same_feed"])
def test_nothing_less_moves_a_feed(missing: str) -> None:
    assert address(watch(STATE, **{missing: False}), FEED) == FEED.url


def test_neither_many_sightings_nor_many_days_alone_move_it() -> None:
    assert not watch(STATE, polls=1_000, every=timedelta(minutes=5)).moved_to
    assert not watch(STATE, polls=SIGHTINGS - 1, every=timedelta(days=1)).moved_to
    assert watch(STATE, polls=SIGHTINGS, every=timedelta(days=1)).moved_to == NEW


def test_one_other_answer_begins_the_count_anew() -> None:
    watched = watch(STATE, polls=45)
    assert watched.moving_polls == 45
    assert (
        follow(watched, FEED, url=FEED.url, redirected=False, permanent=False, same_feed=True, now=NOW).moving_polls
        == 0
    )
    other = follow(
        watched, FEED, url="https://third.example/", redirected=True, permanent=True, same_feed=True, now=NOW
    )
    assert (other.moving_to, other.moving_polls) == ("https://third.example/", 1)


def test_nothing_moves_from_https_to_http_or_to_no_url() -> None:
    secure = replace(STATE, moved_to=NEW)
    assert watch(secure, url="http://third.example/").moved_to == NEW
    assert watch(STATE, url="ftp://third.example/").moved_to == ""


def test_a_moved_feed_may_move_on_and_back() -> None:
    moved = replace(STATE, moved_to="http://new.example/rss")
    assert watch(moved, url=NEW).moved_to == NEW
    assert watch(moved, url=FEED.url).moved_to == ""


def test_a_new_home_that_fails_for_long_is_left() -> None:
    moved = replace(STATE, moved_to=NEW, etag='"1"', body_hash="x", errors=10, last_success_at=NOW)
    assert return_home(moved, NOW + timedelta(days=2)).moved_to == NEW
    assert return_home(replace(moved, errors=9), NOW + timedelta(days=4)).moved_to == NEW
    left = return_home(moved, NOW + timedelta(days=4))
    assert (address(left, FEED), left.etag, left.body_hash) == (FEED.url, "", "")
