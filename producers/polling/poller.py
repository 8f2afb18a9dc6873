"""One poll of one feed: fetch, read what is new, write it down, decide when to come again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import structlog
from msgspec.structs import replace

from deskwatch.clock import Clock
from deskwatch.errors import FetchError, ParseError, ParserKilled
from deskwatch.feedrecords import Feed, FeedState
from deskwatch.records import Article, DateQuality, Poll, PollResult
from deskwatch.topics import shard_of
from producers.fetching.fetcher import Fetched, Fetcher, Validators
from producers.identity.novelty import find_changes, find_newest
from producers.metrics import Metrics
from producers.polling.answering import build_articles, describe, judge_guids, past_of
from producers.polling.planning import Planned, address, is_unconditional, plan_answer, plan_failure
from producers.reading.jobs import Job, Reading
from producers.sending.ticking import HealthBook, first_seen
from producers.state.memory import Memory
from producers.state.store import Store

WHOLE_EVERY: Final = 50  # of so many changed documents one is parsed whole, and compared

log = structlog.get_logger()


class Reader(Protocol):
    """What reads documents: `Workers`, or a function in the tests."""

    async def read(self, job: Job, *, suspect: bool = False) -> Reading:
        """Return what a document holds; raises ParseError."""


class Poller:
    """Polls feeds; what it finds is in the store, with the feed's new state, when a poll returns.

    Args:
        random: Gives numbers in [0, 1), for jitter.
        report: Gets the record of each poll.
        hold: Gets a URL whose whole domain must be left alone, and for how many seconds.
        keep: Gets an answer whose document killed the parser.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        reader: Reader,
        store: Store,
        book: HealthBook,
        clock: Clock,
        metrics: Metrics,
        *,
        random: Callable[[], float],
        report: Callable[[Poll], None],
        hold: Callable[[Feed, str, float], None] = lambda *_: None,
        keep: Callable[[Feed, Fetched, ParserKilled], None] = lambda *_: None,
    ) -> None:
        self._fetcher = fetcher
        self._reader = reader
        self._store = store
        self._book = book
        self._clock = clock
        self._metrics = metrics
        self._random = random
        self._report = report
        self._hold = hold
        self._keep = keep

    def url_of(self, feed: Feed) -> str:
        """Return where a feed is asked for: its configured URL, or where that has moved to for good."""
        return address(self._state_of(feed), feed)

    async def poll(self, feed: Feed) -> datetime:
        """Poll a feed once and return when to poll it next; what goes wrong with it is recorded, never raised."""
        attempt = _Attempt(feed, self._state_of(feed), self._clock.now(), self._random())
        attempt.conditional = not is_unconditional(attempt.state, feed, attempt.began_at, attempt.jitter)
        state = attempt.state
        validators = Validators(state.etag, state.last_modified) if attempt.conditional else Validators()
        try:
            attempt.fetched = await self._fetcher.fetch(feed, url=address(state, feed), validators=validators)
            attempt.fetched_at = self._clock.now()
            await self._read(attempt, attempt.fetched)
        except (FetchError, ParseError) as error:
            return self._record_failure(attempt, error)
        return self._record_answer(attempt, attempt.fetched)

    def _state_of(self, feed: Feed) -> FeedState:
        state = self._store.feed(feed.id) or FeedState(feed_id=feed.id, url=feed.url)
        if state.url == feed.url:
            return state
        # another URL's validators and body say nothing; what its items were does
        return replace(
            state, url=feed.url, moved_to="", moving_to="", moving_polls=0, moving_since=None, etag="",
            last_modified="", body_hash="", untrusted=False, kills=0, gone_polls=0, gone_since=None, errors=0,
        )  # fmt: skip

    async def _read(self, attempt: _Attempt, fetched: Fetched) -> None:
        """Read an answer's document, unless it is the same as last time."""
        if fetched.body is None:
            return
        attempt.body_hash = hashlib.blake2b(fetched.body, digest_size=8).hexdigest()
        if attempt.body_hash == attempt.state.body_hash:
            return
        feed, state = attempt.feed, attempt.state
        attempt.memory = self._store.memory(feed.id)
        known = attempt.memory.digests()
        job = Job(
            feed_id=feed.id,
            body=fetched.body,
            url=fetched.url,
            content_type=fetched.content_type,
            language=feed.language,
            timezone=feed.timezone,
            identity=feed.identity or state.identity,
            known=known,
            whole=bool(known) and int(attempt.body_hash, 16) % WHOLE_EVERY == 0,
            now=self._clock.now(),
        )
        attempt.reading = await self._reader.read(job, suspect=state.kills > 0)
        if job.whole:
            self._metrics.whole_parses.inc()
        if attempt.reading.difference:
            self._metrics.parse_differences.inc()
            log.error("feed.parse_differs", feed=feed.id, difference=attempt.reading.difference)

    def _record_answer(self, attempt: _Attempt, fetched: Fetched) -> datetime:
        # No `await` in here: between the choice of `first_seen_at` and the outbox no tick may be chosen.
        now = self._clock.now()
        feed, state, reading = attempt.feed, attempt.state, attempt.reading
        findings = None
        if reading is not None:
            findings = find_changes(feed.id, reading, attempt.memory, past_of(feed, state, now))
        articles: list[Article] = []
        if reading is not None and findings is not None and findings.changes:
            at = first_seen(now, last=self._store.ticks().get(shard_of(feed.id)))
            articles = build_articles(
                findings.changes, reading, feed, state, first_seen_at=at, fetched_at=attempt.fetched_at or now
            )
        answer = describe(fetched, reading, findings, state, conditional=attempt.conditional)
        planned = plan_answer(state, feed, answer, began_at=attempt.began_at, now=now, jitter=attempt.jitter)
        changed = self._book.note(feed.id, True, now)
        after = replace(
            planned.state,
            etag=fetched.validators.etag,
            last_modified=fetched.validators.last_modified,
            body_hash=attempt.body_hash or state.body_hash,
            last_success_at=now,
            ok=True,
            ok_since=now if changed or state.ok_since is None else state.ok_since,
            newest_at=find_newest(reading.items, state.newest_at) if reading is not None else state.newest_at,
        )
        if findings is not None:
            after = judge_guids(after, findings)
        self._store.record(after, findings.memory if findings is not None else None, articles)
        self._count(articles, now)
        result = PollResult.NEW if articles else PollResult.UNCHANGED
        revised = sum(article.revision > 0 for article in articles)
        dropped: dict[str, int] = {}
        for part in (reading.dropped, findings.dropped) if reading is not None and findings is not None else ():
            for reason, number in part.items():
                dropped[reason] = dropped.get(reason, 0) + number
                self._metrics.dropped.labels(reason).inc(number)
        return self._finish(
            attempt,
            planned,
            Poll(
                feed_id=feed.id,
                shard=shard_of(feed.id),
                at=now,
                result=PollResult.NOT_MODIFIED if fetched.body is None else result,
                took_s=time.monotonic() - attempt.started,
                status=fetched.status,
                body_bytes=fetched.transferred_bytes,
                items=reading.total if reading is not None else 0,
                new=len(articles) - revised,
                revised=revised,
                dropped=dropped,
                next_poll_at=planned.state.next_poll_at,
            ),
        )

    def _record_failure(self, attempt: _Attempt, error: FetchError | ParseError) -> datetime:
        now = self._clock.now()
        feed, state, fetched = attempt.feed, attempt.state, attempt.fetched
        changed = self._book.note(feed.id, False, now)
        # The validators stay as they are: a body that could not be read must come again.
        after = replace(state, ok=False, ok_since=now if changed or state.ok_since is None else state.ok_since)
        planned = plan_failure(after, feed, error, began_at=attempt.began_at, now=now, jitter=attempt.jitter)
        self._store.record(planned.state)
        is_fetch = isinstance(error, FetchError)
        if isinstance(error, FetchError):
            self._metrics.fetch_errors.labels(error.reason).inc()
        elif isinstance(error, ParserKilled) and fetched is not None:
            self._keep(feed, fetched, error)
        if changed or planned.state.errors == 1:
            log.warning("feed.failing", feed=feed.id, error=str(error))
        return self._finish(
            attempt,
            planned,
            Poll(
                feed_id=feed.id,
                shard=shard_of(feed.id),
                at=now,
                result=PollResult.FETCH_ERROR if is_fetch else PollResult.PARSE_ERROR,
                took_s=time.monotonic() - attempt.started,
                reason=_reason_of(error),
                status=error.status if isinstance(error, FetchError) else fetched.status if fetched else None,
                body_bytes=fetched.transferred_bytes if fetched else 0,
                next_poll_at=planned.state.next_poll_at,
            ),
        )

    def _finish(self, attempt: _Attempt, planned: Planned, poll: Poll) -> datetime:
        for event in planned.events:
            self._metrics.events.labels(event).inc()
            log.warning("feed.event", feed=poll.feed_id, what=event, state=planned.state.condition)
        if planned.hold_domain_s:
            self._hold(attempt.feed, address(attempt.state, attempt.feed), planned.hold_domain_s)
        self._metrics.polls.labels(poll.result).inc()
        self._metrics.poll_seconds.observe(poll.took_s)
        self._metrics.received.inc(poll.body_bytes)
        self._report(poll)
        if poll.result not in (PollResult.FETCH_ERROR, PollResult.PARSE_ERROR):
            self._metrics.last_success.labels(str(poll.shard)).set(poll.at.timestamp())
        assert poll.next_poll_at is not None  # noqa: S101  # planning always sets it
        return poll.next_poll_at

    def _count(self, articles: list[Article], now: datetime) -> None:
        for article in articles:
            self._metrics.seen.labels("revision" if article.revision else "new").inc()
            fresh = not (article.revision or article.backfill or article.replay)
            if fresh and article.published_at and article.published_quality is DateQuality.EXPLICIT_TZ:
                self._metrics.delay_seconds.observe(max((now - article.published_at).total_seconds(), 0.0))


def _reason_of(error: FetchError | ParseError) -> str:
    if isinstance(error, FetchError):
        return error.reason
    return "parser_killed" if isinstance(error, ParserKilled) else "not_a_feed"


class _Attempt:
    """What one poll learns on its way."""

    def __init__(self, feed: Feed, state: FeedState, began_at: datetime, jitter: float) -> None:
        self.feed = feed
        self.state = state
        self.began_at = began_at
        self.jitter = jitter
        self.started = time.monotonic()
        self.conditional = True
        self.fetched: Fetched | None = None
        self.fetched_at: datetime | None = None
        self.body_hash = ""
        self.memory = Memory()
        self.reading: Reading | None = None
