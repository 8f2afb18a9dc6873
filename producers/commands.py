"""`deskwatch produce` and `parse`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click
import structlog
from prometheus_client import CollectorRegistry

from deskwatch import codec, telemetry
from deskwatch.cli import load_settings
from deskwatch.clock import SystemClock
from deskwatch.errors import ParseError
from deskwatch.feedrecords import Feed, FeedState
from deskwatch.settings import Settings, load_section
from producers import replaying, service
from producers.feeds import config as feed_config
from producers.identity.novelty import Past, find_changes
from producers.polling.answering import build_articles
from producers.reading.jobs import Job
from producers.reading.workers import Workers
from producers.settings import ProducerSettings
from producers.state.memory import Memory
from producers.state.store import Store
from producers.wiring import open_producer

log = structlog.get_logger()

_READABLE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


class Instant(click.ParamType):
    """An ISO 8601 time; without a zone it is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return an aware time."""
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"'{value}' is no time such as 2022-02-24T00:00:00Z", param, ctx)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


@click.command()
@click.option("--replay-from", type=Instant(), help="Poll through the past in fast time, from here (or the last tick).")
@click.option("--replay-until", type=Instant(), help="End of the past [default: now].")
@click.option("--max-lag", type=click.IntRange(min=1), help="In a replay: records the consumers may leave unread.")
@click.pass_context
def produce(
    ctx: click.Context, replay_from: datetime | None, replay_until: datetime | None, max_lag: int | None
) -> None:
    """Poll the feeds of config/feeds.yaml and publish their articles.

    In a replay every request carries the replayed time in the header X-Deskwatch-Time, for a server that has the past;
    it ends with exit code 0 when all of it is published. SIGTERM and SIGINT end the service once what is in hand is
    published.
    """
    if replay_from is None and (replay_until is not None or max_lag is not None):
        raise click.UsageError("--replay-until and --max-lag need --replay-from")
    settings = load_settings(ctx)
    own = load_section(ProducerSettings, "producers", os.environ, ctx.find_root().obj)
    # who shares feeds takes them from the topic: `deskwatch feeds publish` has read the file
    feeds = () if own.shared else feed_config.load(Path(settings.config_dir))
    telemetry.configure_logging(settings.log_level, as_json=settings.log_json)
    store = Store(Path(settings.state_dir), shared=own.shared)
    try:
        if replay_from is None:
            asyncio.run(_produce(settings, own, feeds, store))
        else:
            until = replay_until or datetime.now(UTC)
            asyncio.run(_replay(settings, own, feeds, store, replay_from, until, max_lag))
    finally:
        store.close()


async def _produce(settings: Settings, own: ProducerSettings, feeds: tuple[Feed, ...], store: Store) -> None:
    clock = SystemClock()
    with _stopping() as stop, _served(settings) as (registry, health):
        async with open_producer(
            settings, own, feeds, clock=clock, store=store, registry=registry, health=health, version=_version()
        ) as producer:
            await service.run(producer, stop)


async def _replay(
    settings: Settings,
    own: ProducerSettings,
    feeds: tuple[Feed, ...],
    store: Store,
    start: datetime,
    until: datetime,
    max_lag: int | None,
) -> None:
    gate = replaying.create_gate(settings, max_lag) if max_lag is not None else None
    clock = replaying.PacedClock(max([start, *store.ticks().values()]), gate)
    with _stopping() as stop, _served(settings) as (registry, health):
        async with open_producer(
            settings,
            own,
            feeds,
            clock=clock,
            store=store,
            registry=registry,
            health=health,
            version=_version(),
            tell_time=True,
        ) as producer:
            closing = asyncio.create_task(_close_at(stop, gate))
            try:
                await replaying.replay(producer, clock, until, stop)
            finally:
                closing.cancel()
                if gate is not None:
                    gate.close()


async def _close_at(stop: asyncio.Event, gate: replaying.Gate | None) -> None:
    await stop.wait()
    if gate is not None:
        await asyncio.to_thread(gate.close)


@contextmanager
def _served(settings: Settings) -> Iterator[tuple[CollectorRegistry, telemetry.Health]]:
    """Yield a registry and a health that are served over HTTP."""
    registry, health = telemetry.build_registry("produce", _version()), telemetry.Health()
    with telemetry.TelemetryServer(registry, health, host=settings.metrics_host, port=settings.metrics_port) as server:
        log.info("telemetry.serving", host=settings.metrics_host, port=server.port)
        yield registry, health


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """Yield an event that SIGTERM and SIGINT set."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--url", default="", help="Where the files came from, for relative links.")
def parse(files: tuple[Path, ...], url: str) -> None:
    """Print the articles of feed FILES as JSON lines.

    Each file is read as `produce` would read it: in a process that ends when it takes more than 2 s of CPU time or too
    much memory. A file that cannot be read or is no feed does not stop the others; the exit code is then 1.
    """
    if not asyncio.run(_parse(files, url)):
        sys.exit(1)


async def _parse(files: tuple[Path, ...], url: str) -> bool:
    """Return whether all of the files could be read."""
    succeeded = True
    async with Workers(processes=1) as workers:
        for file in files:
            feed, now = Feed(id=file.stem or "feed", url=url, source=file.stem or "feed"), datetime.now(UTC)
            try:
                reading = await workers.read(Job(feed_id=feed.id, body=file.read_bytes(), url=url, now=now))
            except (ParseError, OSError) as error:
                click.echo(f"{file}: {error}", err=True)
                succeeded = False
                continue
            findings = find_changes(feed.id, reading, Memory(), Past(is_new=False))
            state = FeedState(feed_id=feed.id, url=url)
            for article in reversed(
                build_articles(findings.changes, reading, feed, state, first_seen_at=now, fetched_at=now)
            ):  # in the order of the file
                click.echo(codec.encode(article))
            for reason, count in (*reading.dropped.items(), *findings.dropped.items()):
                click.echo(f"{file}: {count} items dropped: {reason}", err=True)
    return succeeded


def _version() -> str:
    return version("deskwatch")
