"""Where a feed lives now: a permanent redirect is believed only after a week of seeing nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from deskwatch.feedrecords import Feed, FeedState
from producers.feeds.config import is_http

SIGHTINGS: Final = 20
WATCH: Final = timedelta(days=7)

_LOST_POLLS: Final = 10
_LOST: Final = timedelta(days=3)


def address(state: FeedState, feed: Feed) -> str:
    """Return the URL to poll a feed at."""
    return state.moved_to or feed.url


def follow(
    state: FeedState, feed: Feed, *, url: str, redirected: bool, permanent: bool, same_feed: bool, now: datetime
) -> FeedState:
    """Return the state after an answer that came from `url`: a sighting more, the move itself, or a fresh start.

    Only an unbroken row of sightings counts: 301s come and go with maintenance pages and hotel portals, and a wrong
    301 that is believed loses the feed. From https to http nothing moves.
    """
    polled = address(state, feed)
    if not (
        redirected and permanent and same_feed and is_http(url) and url != polled and not _is_downgrade(polled, url)
    ):
        return replace(state, moving_to="", moving_since=None, moving_polls=0) if state.moving_to else state
    if state.moving_to != url or state.moving_since is None or state.moving_since > now:
        return replace(state, moving_to=url, moving_since=now, moving_polls=1)
    polls = state.moving_polls + 1
    if polls < SIGHTINGS or now - state.moving_since < WATCH:
        return replace(state, moving_polls=polls)
    home = "" if url == feed.url else url
    return replace(state, moved_to=home, moving_to="", moving_since=None, moving_polls=0)


def return_home(state: FeedState, now: datetime) -> FeedState:
    """Return the state after a failure: where a new home has failed for long, the configured URL counts again."""
    if not state.moved_to or state.errors < _LOST_POLLS:
        return state
    if state.last_success_at is not None and now - state.last_success_at < _LOST:
        return state
    # Another URL's validators and body say nothing.
    return replace(state, moved_to="", moving_to="", moving_since=None, moving_polls=0, **_FORGET)


_FORGET: Final = {"etag": "", "last_modified": "", "body_hash": ""}


def _is_downgrade(before: str, after: str) -> bool:
    return before.startswith("https:") and not after.startswith("https:")
