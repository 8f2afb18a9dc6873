"""`deskwatch produce`, `parse` and `feeds`."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
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
from deskwatch.settings import Settings, load_section
from producers import replaying, service
from producers.feeds import config as feed_config
from producers.feeds.config import Feed
from producers.feeds.opml import read_opml, to_yaml
from producers.identity.novelty import find_changes
from producers.polling.poller import read_items
from producers.reading.normalising import build_article
from producers.settings import ProducerSettings
from producers.state.feedstate import read_feeds
from producers.state.store import FILE, Store

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
    feeds = feed_config.load(Path(settings.config_dir))
    telemetry.configure_logging(settings.log_level, as_json=settings.log_json)
    store = Store(Path(settings.state_dir))
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
        async with service.open_producer(
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
        async with service.open_producer(
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

    A file that cannot be read or is no feed does not stop the others; the exit code is then 1.
    """
    failed = False
    for file in files:
        feed = Feed(id=file.stem, url=url, source=file.stem)
        now = datetime.now(UTC)
        try:
            items, dropped = read_items(feed, file.read_bytes(), url, "", now)
        except (ParseError, OSError) as error:
            click.echo(f"{file}: {error}", err=True)
            failed = True
            continue
        findings = find_changes(items, {}, last_success=now)
        for change in findings.changes:
            article = build_article(
                change.item, feed, article_id=change.article_id, revision=0, first_seen_at=now, fetched_at=now
            )
            click.echo(codec.encode(article))
        for reason, count in (*dropped.items(), *findings.dropped.items()):
            click.echo(f"{file}: {count} items dropped: {reason}", err=True)
    if failed:
        sys.exit(1)


@click.group()
def feeds() -> None:
    """Import feeds, and see how they are doing."""


@feeds.command("import")
@click.argument("file", type=_READABLE)
def import_opml(file: Path) -> None:
    """Print the feeds of an OPML FILE as the YAML of config/feeds.yaml."""
    found, skipped = read_opml(file.read_bytes(), str(file))
    click.echo(to_yaml(found), nl=False)
    for line in skipped:
        click.echo(f"skipped {line}", err=True)
    click.echo(f"{len(found)} feeds", err=True)


@feeds.command()
@click.pass_context
def status(ctx: click.Context) -> None:
    """Print one line per configured feed: its state, last success and next poll."""
    settings = load_settings(ctx)
    configured = feed_config.load(Path(settings.config_dir))
    path = Path(settings.state_dir) / FILE
    states = {}
    if path.exists():
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            states = read_feeds(db)
        finally:
            db.close()
    for feed in configured:
        state = states.get(feed.id)
        if state is None:
            click.echo(f"{feed.id}\tnew")
            continue
        success = state.last_success_at.isoformat(timespec="seconds") if state.last_success_at else "never"
        planned = state.next_poll_at.isoformat(timespec="seconds") if state.next_poll_at else "-"
        how = "ok" if state.ok else f"failing ({state.errors} polls)"
        click.echo(f"{feed.id}\t{how}\tlast success {success}\tnext poll {planned}")


def _version() -> str:
    return version("deskwatch")
