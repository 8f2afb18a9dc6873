"""The shared package's own commands: check, topics, export, dead-letters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from kafka.errors import KafkaError

from deskwatch import checking, clients, deadletters
from deskwatch.cli import load_settings
from deskwatch.configfile import nearest
from deskwatch.deadletters import OpenLetter
from deskwatch.errors import PublishError
from deskwatch.exporting import export_line
from deskwatch.running import stop_on_signals
from deskwatch.settings import Settings
from deskwatch.topics import DEAD_LETTERS, TOPICS, Topic


@click.command()
@click.argument("config_dir", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Articles (JSON lines, .gz too) to try the terms of the themes on; may be given again.",
)
@click.pass_context
def check(ctx: click.Context, config_dir: Path | None, corpora: tuple[Path, ...]) -> None:
    """Check every config file below DIR (default: the setting config_dir).

    Prints one line per problem, FILE:LINE:COLUMN first, and runs the examples and tests that the files hold. Lines
    with `warning:` name what is right, but perhaps not meant: languages that a theme lacks and, with --corpus, terms
    that never match, endings that a * caught by mistake, themes that overlap.

    \b
    Exit codes: 0 no problems (there may be warnings), 1 there are problems.
    """
    config_dir = config_dir or Path(load_settings(ctx).config_dir)
    if not config_dir.is_dir():
        raise click.ClickException(f"checking {config_dir}: there is no such directory")
    problems = checking.find_problems(config_dir, checking.load_checks())
    warnings = checking.find_warnings(config_dir, corpora, checking.load_lints())
    for problem in problems:
        click.echo(str(problem))
    for warning in warnings:
        click.echo(warning.told("warning"))
    found = f"{len(problems)} problems" + (f", {len(warnings)} warnings" if warnings else "")
    click.echo(f"{len(checking.find_files(config_dir))} files, {found}", err=True)
    ctx.exit(1 if problems else 0)


@click.command()
@click.option("--dry-run", is_flag=True, help="Create nothing, only say what is missing.")
@click.pass_context
def topics(ctx: click.Context, dry_run: bool) -> None:
    """Create the topics that are missing, then print all of them.

    \b
    Exit codes: 0 every topic is there, 1 one is missing or has a number of partitions that does not work.
    """
    settings = load_settings(ctx)
    with talking_to_broker(settings):
        if not dry_run:
            for name in clients.create_topics(settings):
                click.echo(f"created {name}", err=True)
        found = clients.count_partitions(settings)
    width = max(len(settings.topic(topic.name)) for topic in TOPICS)
    wrong = 0
    for topic in TOPICS:
        count = found.get(settings.topic(topic.name), 0)
        wrong += not topic.fits(count)
        state = _partitions(count) if topic.fits(count) else _complaint(topic, count)
        click.echo(f"{settings.topic(topic.name):<{width}}  {state:<13}  {topic.retention():<9}  {topic.holds}")
    ctx.exit(1 if wrong else 0)


@click.command()
@click.argument("topic")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="From this time (UTC) on.")
@click.option("--follow", is_flag=True, help="Go on with what arrives, until Ctrl-C.")
@click.pass_context
def export(ctx: click.Context, topic: str, since: datetime | None, follow: bool) -> None:
    """Print what TOPIC holds, one JSON object a line: topic, partition, offset, timestamp, schema, key, value.

    `timestamp` is the broker's: when the record was sent. TOPIC is a name without the prefix, such as `articles`.
    """
    names = [known.name for known in TOPICS]
    if topic not in names:
        hint = nearest(topic, names)
        raise click.UsageError(f"no such topic '{topic}'" + (f" (did you mean '{hint}'?)" if hint else ""))
    settings = load_settings(ctx)
    stop = stop_on_signals() if follow else None
    with talking_to_broker(settings):
        messages = clients.read_messages(settings, topic, since=since and since.replace(tzinfo=UTC), follow_until=stop)
        for message in messages:
            sys.stdout.buffer.write(export_line(message) + b"\n")
            if stop:
                sys.stdout.buffer.flush()
                if stop.is_set():
                    break
    sys.stdout.buffer.flush()


@click.group("dead-letters")
def dead_letters() -> None:
    """Records that could not be processed: list them, send them back, or drop them.

    A letter is known by its NUMBER, its offset in the topic `dead-letters`. `deskwatch export dead-letters` shows all
    of it: the bytes, and what was done with it when.
    """


@dead_letters.command("list")
@click.option("--reason", help="Only letters with this reason.")
@click.pass_context
def list_letters(ctx: click.Context, reason: str | None) -> None:
    """Print the open letters: number, time, where the record stood, reason, detail."""
    settings = load_settings(ctx)
    with talking_to_broker(settings):
        found = _open_letters(settings, reason)
    for each in found:
        letter = each.letter
        place = f"{letter.topic}[{letter.partition}]@{letter.offset}"
        line = f"{each.offset:>6}  {each.at:%Y-%m-%dT%H:%M:%SZ}  {place}  {letter.reason}  {letter.detail}"
        click.echo("".join(char if char.isprintable() else "\ufffd" for char in line))
    click.echo(f"{len(found)} open", err=True)


@dead_letters.command("retry")
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=int)
@click.option("--all", "every", is_flag=True, help="Every open letter.")
@click.option("--reason", help="With --all: only letters with this reason.")
@click.pass_context
def retry_letters(ctx: click.Context, numbers: tuple[int, ...], every: bool, reason: str | None) -> None:
    """Send letters back to where they came from, as they were, and close them.

    A record that can still not be processed comes back as a new letter. Retrying what has long been processed does no
    harm: ids are known.
    """
    _handle(ctx, numbers, every, reason, deadletters.retry)


@dead_letters.command("drop")
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=int)
@click.option("--all", "every", is_flag=True, help="Every open letter.")
@click.option("--reason", help="With --all: only letters with this reason.")
@click.pass_context
def drop_letters(ctx: click.Context, numbers: tuple[int, ...], every: bool, reason: str | None) -> None:
    """Close letters for good; `deskwatch export` shows them for as long as the topic is kept."""
    _handle(ctx, numbers, every, reason, deadletters.drop)


def _handle(
    ctx: click.Context,
    numbers: tuple[int, ...],
    every: bool,
    reason: str | None,
    action: Callable[[Any, Settings, OpenLetter, datetime], None],
) -> None:
    if bool(numbers) == every or (reason and not every):
        raise click.UsageError("name the letters by their numbers, or give --all (and --reason)")
    settings = load_settings(ctx)
    failed = 0
    with talking_to_broker(settings):
        found = {each.offset: each for each in _open_letters(settings, reason)}
        unknown = sorted(set(numbers) - found.keys())
        with closing(clients.create_producer(settings)) as producer:
            for number in found if every else [number for number in dict.fromkeys(numbers) if number in found]:
                try:
                    action(producer, settings, found[number], datetime.now(UTC))
                except PublishError as error:
                    failed += 1
                    click.echo(f"letter {number}: {error}", err=True)
                else:
                    click.echo(str(number))
    for number in unknown:
        click.echo(f"letter {number}: there is no open letter of this number", err=True)
    ctx.exit(1 if failed or unknown else 0)


def _open_letters(settings: Settings, reason: str | None) -> list[OpenLetter]:
    found = deadletters.open_letters(clients.read_messages(settings, DEAD_LETTERS.name))
    return [each for each in found if reason is None or each.letter.reason == reason]


def _complaint(topic: Topic, count: int) -> str:
    return f"{_partitions(count)} instead of {topic.partitions}" if count else "missing"


def _partitions(count: int) -> str:
    return f"{count} partition" + ("s" if count != 1 else "")


@contextmanager
def talking_to_broker(settings: Settings) -> Iterator[None]:
    """Turn what a broker does not do into a command's error."""
    try:
        yield
    except KafkaError as error:
        raise click.ClickException(f"talking to Kafka at {settings.kafka_bootstrap}: {error}") from error
