"""What an answer of a server comes to: the articles in it, and what planning and memory need to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from deskwatch.feedrecords import Feed, FeedState
from deskwatch.records import Article
from producers.fetching.fetcher import Fetched
from producers.identity.novelty import Change, Findings, Past, doubt, is_dated
from producers.polling.planning import Answer
from producers.reading.jobs import DocumentHints, Reading
from producers.reading.normalising import build_article
from producers.state.memory import Memory

STALE: Final = timedelta(days=7)  # an item as old as this, new in a feed that was polled on time, bears a wrong date
UNSTABLE_FLIPS: Final = 5  # items that came back under another guid until a feed's guids are no longer believed
LEAST_URLS: Final = 3


def past_of(feed: Feed, state: FeedState, now: datetime) -> Past:
    """Return what a feed was like before a document of it is looked at."""
    expected = None
    if state.per_day is not None and state.last_success_at is not None:
        expected = state.per_day * (now - state.last_success_at).total_seconds() / 86_400
    return Past(
        is_new=state.last_success_at is None,
        newest_at=state.newest_at,
        expected=expected,
        by_url=(feed.identity or state.identity) == "url",
    )


def build_articles(
    changes: Sequence[Change],
    reading: Reading,
    feed: Feed,
    state: FeedState,
    *,
    first_seen_at: datetime,
    fetched_at: datetime,
) -> list[Article]:
    """Return the articles that these changes are, oldest first.

    Args:
        changes: In the order of the document; feeds begin with their newest item.
        reading: Where they stood.
        feed: Its feed.
        state: Of the feed, before this poll.
        first_seen_at: No tick of the feed's shard lies after it.
        fetched_at: When the document had arrived.
    """
    lag = fetched_at - state.last_success_at if state.last_success_at else None
    on_time = lag is not None and lag.total_seconds() <= 2 * state.interval_s
    return [
        build_article(
            doubt(change.item, since=fetched_at - STALE)
            if on_time and not (change.revision or change.backfill or change.replay)
            else change.item,
            feed,
            article_id=change.article_id,
            revision=change.revision,
            first_seen_at=first_seen_at,
            fetched_at=fetched_at,
            backfill=change.backfill,
            replay=change.replay,
            poll_lag_s=lag.total_seconds() if lag is not None else None,
            parser=reading.parser,
            bozo=reading.bozo,
        )
        for change in reversed(changes)
    ]


def judge_guids(state: FeedState, findings: Findings) -> FeedState:
    """Return the state, switched to URLs if too many items came back under other guids and their URLs are distinct."""
    flips = state.guid_flips + findings.flips
    identity = state.identity
    if flips >= UNSTABLE_FLIPS and _has_distinct_urls(findings.memory):
        identity = "url"
    return replace(state, guid_flips=min(flips, 1_000), identity=identity)


def describe(
    fetched: Fetched, reading: Reading | None, findings: Findings | None, state: FeedState, *, conditional: bool
) -> Answer:
    """Return what planning has to know of an answer.

    Args:
        fetched: The answer.
        reading: Its document; None if it is the same as last time.
        findings: What that changed.
        state: Of the feed, before this poll.
        conditional: Whether validators were sent.
    """
    new = [change for change in findings.changes if not change.revision] if findings is not None else []
    fresh = [change.item for change in new if not (change.backfill or change.replay)]
    dated = [change.item for change in new if not change.replay]
    known = findings.known if findings is not None else 0
    return Answer(
        status=fetched.status,
        url=fetched.url,
        redirected=fetched.redirected,
        permanent=fetched.permanent,
        headers=fetched.headers,
        hints=reading.hints if reading is not None else DocumentHints(),
        conditional=conditional,
        same_validators=(fetched.validators.etag, fetched.validators.last_modified) == (state.etag, state.last_modified)
        and bool(state.etag or state.last_modified),
        total=reading.total if reading is not None else 0,
        known=known,
        new=len(fresh),
        published=tuple(item.published_at for item in dated if is_dated(item) and item.published_at is not None),
        undated=sum(not is_dated(item) for item in fresh),
        same_feed=reading is None or known > 0,
    )


def _has_distinct_urls(memory: Memory) -> bool:
    urls = [seen.url for seen in memory.standing]
    return len(urls) >= LEAST_URLS and len(set(urls)) == len(urls) and not any(url == bytes(len(url)) for url in urls)
