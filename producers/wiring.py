"""Builds a producer out of its parts: the one place that knows all of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from deskwatch.clients import create_topics
from deskwatch.clock import Clock
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError, ParserKilled
from deskwatch.feedrecords import Feed
from deskwatch.settings import Settings
from deskwatch.telemetry import Health
from deskwatch.topics import SHARDS
from producers.fetching.fetcher import Fetched, Fetcher, create_session
from producers.metrics import Metrics
from producers.polling.politeness import Politeness
from producers.polling.poller import Poller
from producers.polling.rounds import Polling
from producers.reading.workers import Workers
from producers.sending.dispatching import Dispatcher
from producers.sending.publishing import Publisher
from producers.sending.ticking import HealthBook
from producers.service import Producer, is_outbox_full
from producers.settings import ProducerSettings
from producers.sharing.loading import load_feeds, load_shards
from producers.sharing.membership import Membership
from producers.sharing.owning import Owner, SoleOwner
from producers.state.poison import DIRECTORY, Poison, Poisoned
from producers.state.store import Store

log = structlog.get_logger()


@asynccontextmanager
async def open_producer(
    settings: Settings,
    own: ProducerSettings,
    feeds: Sequence[Feed],
    *,
    clock: Clock,
    store: Store,
    registry: CollectorRegistry,
    health: Health,
    version: str,
    tell_time: bool = False,
) -> AsyncIterator[Producer]:
    """Yield a wired producer; at the end its connections are closed.

    Args:
        tell_time: Whether every request carries the clock's time, as in a replay.

    Raises:
        ConfigError: settings that do not go together.
    """
    check(settings, own, replays=tell_time)
    metrics, work = Metrics(registry), asyncio.Event()
    book = HealthBook((), {}, clock.now())
    # A replay asks the same server thousands of times in a minute, and its server is no stranger's.
    politeness = None if tell_time else create_politeness(own, feeds, store, clock)
    async with AsyncExitStack() as stack:
        session = create_session(own, version)
        stack.push_async_callback(session.close)
        workers = await stack.enter_async_context(
            Workers(
                processes=own.parsers,
                cpu_s=own.parse_cpu_s,
                memory_bytes=own.parse_memory_bytes,
                on_kill=lambda reason: metrics.parser_kills.labels(reason).inc(),
            )
        )
        publisher = Publisher(settings, timeout_s=own.publish_timeout_s)
        stack.push_async_callback(publisher.close)
        owner: Owner | None = None
        member: Membership | None = None
        poller = Poller(
            Fetcher(session, own, clock if tell_time else None),
            workers,
            store,
            book,
            clock,
            metrics,
            random=(lambda: 0.5) if tell_time else random.random,  # a replay gives the same answer each time
            report=lambda poll: dispatcher.add_poll(poll),
            hold=politeness.hold if politeness is not None else lambda *_: None,
            keep=partial(keep_killer, Poison(Path(settings.state_dir) / DIRECTORY), clock),
        )
        polling = Polling(
            poller,
            store,
            clock,
            metrics,
            slots=own.concurrency,
            is_paused=lambda: is_outbox_full(own, store) or (owner is not None and owner.is_in_doubt()),
            polled=work.set,
            politeness=politeness,
        )
        if own.shared:
            owner = Owner(
                polling,
                store,
                book,
                clock,
                metrics,
                load=partial(load_shards, settings),
                load_feeds=partial(load_feeds, settings),
                patience_s=own.session_timeout_s / 2,
            )
            member = Membership(settings, session_timeout_s=own.session_timeout_s, sharer=owner)
            stack.push_async_callback(asyncio.to_thread, member.close)
        else:
            book.add(feeds, store.states(), clock.now(), store.ticks())
            metrics.shards.set(SHARDS)
        dispatcher = Dispatcher(settings, store, publisher, book, clock, metrics, health, owner or SoleOwner())
        yield Producer(
            feeds,
            own,
            store,
            clock,
            dispatcher,
            polling,
            metrics,
            health,
            partial(create_topics, settings),
            work,
            owner=owner,
            member=member,
        )


def check(settings: Settings, own: ProducerSettings, *, replays: bool) -> None:
    """Refuse what does not go together.

    Raises:
        ConfigError: with what is wrong.
    """
    reason = ""
    if own.shared and settings.kafka_embedded:
        reason = "the embedded broker serves one producer: `shared` needs a real Kafka"
    elif own.shared and replays:
        reason = "a replay is for one producer: it cannot be `shared`"
    if reason:
        raise ConfigError([Problem("producers.shared", 1, 1, reason)])


def create_politeness(own: ProducerSettings, feeds: Sequence[Feed], store: Store, clock: Clock) -> Politeness:
    """Return what paces polls; domains that asked for silence before a restart are still left alone."""
    politeness = Politeness(time.monotonic, connections=own.connections_per_host, spacing_s=own.spacing_s)
    now = clock.now()
    for feed in feeds:
        state = store.feed(feed.id)
        if state is not None and state.throttled_until is not None and state.last_error.endswith("429"):
            politeness.hold(feed, state.moved_to or feed.url, (state.throttled_until - now).total_seconds())
    return politeness


def keep_killer(poison: Poison, clock: Clock, feed: Feed, fetched: Fetched, error: ParserKilled) -> None:
    """Keep a document that killed the parser, for people to look at."""
    body = fetched.body or b""
    known = Poisoned(
        feed_id=feed.id,
        url=fetched.url,
        at=clock.now(),
        reason=error.reason,
        content_type=fetched.content_type,
        size=len(body),
    )
    try:
        path = poison.add(known, body)
    except OSError as refused:  # a full disk must not keep the feeds from being polled
        log.warning("feed.not_kept", feed=feed.id, error=str(refused))
    else:
        log.warning("feed.killed_parser", feed=feed.id, reason=error.reason, path=str(path))
