"""`deskwatch feeds publish`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from kafka.errors import KafkaError

from deskwatch.cli import load_settings
from deskwatch.clients import create_topics
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError, PublishError
from deskwatch.settings import Settings, load_section
from deskwatch.topics import FEEDS
from producers.feeds import config
from producers.sending.publishing import Outgoing, Publisher
from producers.settings import ProducerSettings
from producers.sharing.cataloguing import compare, to_records
from producers.sharing.loading import load_feeds

BATCH: Final = 1_000


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.pass_context
def publish(ctx: click.Context, dry_run: bool) -> None:
    """Give the feeds of config/feeds.yaml to the producers that share them.

    The topic `feeds` then holds these and no others; running producers follow at once. Prints one line per feed that is
    added, changed or removed.
    """
    settings = load_settings(ctx)
    if settings.kafka_embedded:
        raise ConfigError([Problem("kafka_embedded", 1, 1, "feeds are shared through a real Kafka only")])
    own = load_section(ProducerSettings, "producers", os.environ, ctx.find_root().obj)
    feeds = config.load(Path(settings.config_dir))
    topic = settings.topic(FEEDS.name)
    try:
        create_topics(settings)
    except KafkaError as error:
        raise PublishError(topic, f"{type(error).__name__}: {error}") from error
    changes = compare(feeds, load_feeds(settings))
    if not dry_run:
        asyncio.run(_send(settings, list(to_records(changes, settings)), own.publish_timeout_s))
    for word, ids in (
        ("added", [feed.id for feed in changes.added]),
        ("changed", [feed.id for feed in changes.changed]),
        ("removed", changes.removed),
    ):
        for feed_id in ids:
            click.echo(f"{word}\t{feed_id}")
    click.echo(f"{len(feeds)} feeds, {len(changes)} changes{', not sent' if dry_run else ''}", err=True)


async def _send(settings: Settings, records: Sequence[Outgoing], timeout_s: float) -> None:
    publisher = Publisher(settings, timeout_s=timeout_s)
    try:
        for start in range(0, len(records), BATCH):
            await publisher.publish(records[start : start + BATCH])
    finally:
        await publisher.close()
