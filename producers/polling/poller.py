"""One poll of one feed: fetch, parse, find what is new, write it down."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from msgspec.structs import replace

from deskwatch.clock import Clock
from deskwatch.errors import FetchError, ParseError
from deskwatch.records import DateQuality, Poll, PollResult
from deskwatch.topics import shard_of
from producers.feeds.config import Feed
from producers.fetching.fetcher import Fetched, Fetcher, Validators
from producers.identity.novelty import Findings, find_changes, find_newest
from producers.metrics import Metrics
from producers.reading.normalising import DropReason, Item, build_article, normalise
from producers.reading.syndication import parse_feed
from producers.sending.ticking import HealthBook, first_seen
from producers.state.feedstate import FeedState
from producers.state.store import Store

MAX_DOUBLINGS: Final = 3  # of the interval, while a feed keeps failing
MAX_BACKOFF_S: Final = 3_600

log = structlog.get_logger()


class Poller:
    """Polls feeds; what it finds is in the store, with the feed's new state, when a poll returns.

    Args:
        parsers: Where parsing runs, beside the event loop.
        report: Gets the record of each poll.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        store: Store,
        book: HealthBook,
        clock: Clock,
        metrics: Metrics,
        *,
        parsers: Executor,
        report: Callable[[Poll], None],
    ) -> None:
        self._fetcher = fetcher
        self._store = store
        self._book = book
        self._clock = clock
        self._metrics = metrics
        self._parsers = parsers
        self._report = report

    async def poll(self, feed: Feed) -> datetime:
        """Poll a feed once and return when to poll it next; what goes wrong with it is recorded, never raised."""
        began_at, started = self._clock.now(), time.monotonic()
        state = self._store.feed(feed.id)
        if state is None or state.url != feed.url:  # another URL's validators and body say nothing
            state = _move(state, feed)
        fetched: Fetched | None = None
        try:
            fetched = await self._fetcher.fetch(feed, state.validators)
            read = await self._read(feed, state, fetched)
        except (FetchError, ParseError) as error:
            return self._record_failure(feed, state, began_at, started, fetched, error)
        return self._record_success(feed, state, began_at, started, fetched, read)

    async def _read(
        self, feed: Feed, state: FeedState, fetched: Fetched
    ) -> tuple[list[Item], Mapping[DropReason, int]] | None:
        """Return the items of an answer; None if it is the same document as last time."""
        if fetched.body is None or _hash(fetched.body) == state.body_hash:
            return None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._parsers, partial(read_items, feed, fetched.body, fetched.url, fetched.content_type, self._clock.now())
        )

    def _record_success(
        self,
        feed: Feed,
        state: FeedState,
        began_at: datetime,
        started: float,
        fetched: Fetched,
        read: tuple[list[Item], Mapping[DropReason, int]] | None,
    ) -> datetime:
        # No `await` in here: between the choice of `first_seen_at` and the outbox no tick may be chosen.
        now = self._clock.now()
        items, dropped = read or ([], {})
        seen = self._store.seen(feed.id, {id_ for item in items for id_ in (item.keys.primary, item.keys.by_url)})
        findings = find_changes(items, seen, last_success=state.last_success_at, newest_at=state.newest_at)
        at = first_seen(now, last=self._store.ticks().get(shard_of(feed.id)))
        lag_s = (now - state.last_success_at).total_seconds() if state.last_success_at else None
        articles = [
            (
                build_article(
                    change.item,
                    feed,
                    article_id=change.article_id,
                    revision=change.seen.revision,
                    first_seen_at=at,
                    fetched_at=now,
                    backfill=change.backfill,
                    replay=change.replay,
                    poll_lag_s=lag_s,
                ),
                change.seen,
            )
            for change in reversed(findings.changes)  # feeds begin with their newest item
        ]
        changed = self._book.note(feed.id, True, now)
        after = replace(
            state,
            validators=fetched.validators,
            body_hash=state.body_hash if fetched.body is None else _hash(fetched.body),
            next_poll_at=began_at + timedelta(seconds=feed.interval_s),
            last_success_at=now,
            errors=0,
            ok=True,
            ok_since=now if changed or state.ok_since is None else state.ok_since,
            newest_at=find_newest(items, state.newest_at),
        )
        self._store.record(after, articles, present=findings.present, shared=findings.shared)
        self._count(findings, now)
        result = PollResult.NEW if articles else PollResult.UNCHANGED
        revised = sum(article.revision > 0 for article, _ in articles)
        return self._finish(
            Poll(
                feed_id=feed.id,
                shard=shard_of(feed.id),
                at=now,
                result=PollResult.NOT_MODIFIED if fetched.body is None else result,
                took_s=time.monotonic() - started,
                status=fetched.status,
                body_bytes=fetched.transferred_bytes,
                items=len(items),
                new=len(articles) - revised,
                revised=revised,
                dropped=self._count_dropped(dropped, findings.dropped),
                next_poll_at=after.next_poll_at,
            )
        )

    def _record_failure(
        self,
        feed: Feed,
        state: FeedState,
        began_at: datetime,
        started: float,
        fetched: Fetched | None,
        error: FetchError | ParseError,
    ) -> datetime:
        now = self._clock.now()
        changed = self._book.note(feed.id, False, now)
        errors = state.errors + 1
        retry_after_s = error.retry_after_s if isinstance(error, FetchError) else None
        after = replace(
            state,  # its validators too: a body that could not be read must come again
            next_poll_at=began_at + timedelta(seconds=back_off(feed.interval_s, errors, retry_after_s)),
            errors=errors,
            ok=False,
            ok_since=now if changed or state.ok_since is None else state.ok_since,
        )
        self._store.record(after)
        if isinstance(error, FetchError):
            self._metrics.fetch_errors.labels(error.reason).inc()
        if changed or errors == 1:
            log.warning("feed.failing", feed=feed.id, error=str(error))
        return self._finish(
            Poll(
                feed_id=feed.id,
                shard=shard_of(feed.id),
                at=now,
                result=PollResult.FETCH_ERROR if isinstance(error, FetchError) else PollResult.PARSE_ERROR,
                took_s=time.monotonic() - started,
                reason=error.reason if isinstance(error, FetchError) else "not_a_feed",
                status=error.status if isinstance(error, FetchError) else fetched.status if fetched else None,
                body_bytes=fetched.transferred_bytes if fetched else 0,
                next_poll_at=after.next_poll_at,
            )
        )

    def _finish(self, poll: Poll) -> datetime:
        self._metrics.polls.labels(poll.result).inc()
        self._metrics.poll_seconds.observe(poll.took_s)
        self._metrics.received.inc(poll.body_bytes)
        self._report(poll)
        for state, ok in (("ok", True), ("failing", False)):
            self._metrics.feeds.labels(state).set(self._book.count(ok=ok))
        if poll.result not in (PollResult.FETCH_ERROR, PollResult.PARSE_ERROR):
            self._metrics.last_success.labels(str(poll.shard)).set(poll.at.timestamp())
        log.debug("feed.polled", feed=poll.feed_id, result=poll.result, new=poll.new, took_s=round(poll.took_s, 3))
        assert poll.next_poll_at is not None  # noqa: S101  # both callers set it
        return poll.next_poll_at

    def _count(self, findings: Findings, now: datetime) -> None:
        for change in findings.changes:
            self._metrics.seen.labels("revision" if change.seen.revision else "new").inc()
            item = change.item
            fresh = not change.seen.old and not change.seen.revision
            if fresh and item.published_at is not None and item.published_quality is DateQuality.EXPLICIT_TZ:
                self._metrics.delay_seconds.observe(max((now - item.published_at).total_seconds(), 0.0))

    def _count_dropped(self, *counts: Mapping[DropReason, int]) -> dict[str, int]:
        total: dict[str, int] = {}
        for count in counts:
            for reason, number in count.items():
                self._metrics.dropped.labels(reason).inc(number)
                total[reason] = total.get(reason, 0) + number
        return total


def read_items(
    feed: Feed, body: bytes, url: str, content_type: str, now: datetime
) -> tuple[list[Item], Mapping[DropReason, int]]:
    """Return a body's items and what was dropped.

    Raises:
        ParseError: it is no feed.
    """
    return normalise(parse_feed(feed.id, body, url=url, content_type=content_type), feed, now)


def back_off(interval_s: float, errors: int, retry_after_s: float | None) -> float:
    """Return the seconds until the next poll after `errors` failed ones; never sooner than the server asks for."""
    wait_s = max(interval_s, min(interval_s * 2.0 ** min(errors, MAX_DOUBLINGS), MAX_BACKOFF_S))
    return max(wait_s, retry_after_s or 0.0)


def _move(state: FeedState | None, feed: Feed) -> FeedState:
    if state is None:
        return FeedState(feed_id=feed.id, url=feed.url)
    return replace(state, url=feed.url, validators=Validators(), body_hash="")


def _hash(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
