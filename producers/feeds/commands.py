"""`deskwatch feeds`: add, import, export, status."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from deskwatch.cli import load_settings
from deskwatch.errors import ConfigError, FetchError, FetchReason, ParseError
from deskwatch.feedrecords import Feed
from deskwatch.settings import load_section
from producers.feeds import config
from producers.feeds.adding import add_feeds, find_same, fresh_id, make_feed, sort_out
from producers.feeds.discovery import Candidate, Discovered, discover
from producers.feeds.editing import append, render
from producers.feeds.kinds import MEANINGS, Kind, say_duration
from producers.feeds.opml import MAX_BYTES, read_opml, to_opml
from producers.feeds.showing import print_table, record_of, row_of, stamp
from producers.feeds.status import assess, summarise
from producers.feeds.visiting import Summary, open_visitor, read_manner, summarise_feed
from producers.settings import ProducerSettings
from producers.sharing.commands import publish

_KIND: Final = click.Choice([kind.value for kind in Kind])
_MAX_SHOWN: Final = 10
_READABLE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def feeds() -> None:
    """Add, import and export feeds, and see how they are doing."""


feeds.add_command(publish)


@feeds.command()
@click.argument("url")
@click.option("--id", "id_", default="", help="What articles will be known by [default: from the outlet's name].")
@click.option("--source", default="", help="Name of the outlet [default: the feed's title].")
@click.option("--category", default="", help="For people.")
@click.option("--dry-run", is_flag=True, help="Change nothing, only say what was found.")
@click.pass_context
def add(ctx: click.Context, url: str, id_: str, source: str, category: str, dry_run: bool) -> None:
    """Find the feed at URL and append it to config/feeds.yaml; the rest of the file stays as it is.

    URL is that of a feed, of a page that names one, or of a site that keeps one where most do. Prints what was found,
    then the lines that were added. A feed that is there already changes nothing.

    \b
    Exit codes: 0 it was added or is there already, 1 no feed was found or the file cannot take it, 2 wrong use.
    """
    url = _complete(url)
    path = Path(load_settings(ctx).config_dir) / config.FILE
    own = load_section(ProducerSettings, "producers", os.environ, ctx.find_root().obj)
    known = _read_known(path)
    if (same := find_same(known, url)) is not None:
        click.echo(f"{same.url} is there already: feed '{same.id}' of {same.source}")
        return
    if id_ in (taken := {feed.id for feed in known}):
        raise click.UsageError(f"the id '{id_}' is taken (did you mean '{fresh_id(id_, url, taken)}'?)")
    now = datetime.now(UTC)
    try:
        found = asyncio.run(_discover(url, own, read_manner(path, url), now))
    except FetchError as error:
        raise click.ClickException(f"{error}{_advise(error)}") from error
    except ParseError as error:
        raise click.ClickException(str(error)) from error
    summary = summarise_feed(found.feed, now)
    feed = make_feed(found.feed.url, url, summary.title, known, id_=id_, source=source, category=category)
    _show(feed, summary, now)
    _show_others(found.others)
    if (same := find_same(known, feed.url)) is not None:
        click.echo(f"{feed.url} is there already: feed '{same.id}' of {same.source}")
        return
    click.echo(append("feeds:", [feed], str(path)).partition("\n")[2], nl=False)
    if not dry_run:
        add_feeds(path, [feed])
        click.echo(f"added to {path}", err=True)


@feeds.command("import")
@click.argument("file", type=_READABLE)
@click.option("--write", is_flag=True, help="Append those that are not there yet to config/feeds.yaml: all or none.")
@click.pass_context
def import_opml(ctx: click.Context, file: Path, write: bool) -> None:
    """Print the feeds of an OPML FILE as the YAML of config/feeds.yaml.

    What is left out is said on stderr, with the reason.

    \b
    Exit codes: 0 done, 1 FILE is no OPML or the feeds file cannot take its feeds, 2 wrong use.
    """
    with file.open("rb") as opened:
        found, skipped = read_opml(opened.read(MAX_BYTES + 1), str(file))
    if write:
        path = Path(load_settings(ctx).config_dir) / config.FILE
        found, there = sort_out(found, _read_known(path))
        skipped += there
        if found:
            add_feeds(path, found)
        click.echo("".join(f"{feed.id}\t{feed.url}\n" for feed in found), nl=False)
    else:
        click.echo(render(found), nl=False)
    for line in skipped:
        click.echo(f"skipped {line}", err=True)
    click.echo(f"{len(found)} feeds", err=True)


@feeds.command()
@click.pass_context
def export(ctx: click.Context) -> None:
    """Print the configured feeds as an OPML 2.0 list, for other readers and for `deskwatch feeds import`.

    \b
    Exit codes: 0 done, 1 config/feeds.yaml is wrong.
    """
    configured = config.load(Path(load_settings(ctx).config_dir))
    click.echo(to_opml(configured, "Feeds of Deskwatch"), nl=False)


@feeds.command()
@click.option("--state", "kinds", multiple=True, type=_KIND, help="Only feeds in this state; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with all that is known.")
@click.pass_context
def status(ctx: click.Context, kinds: tuple[str, ...], as_json: bool) -> None:
    """Print how each configured feed is doing: a table on a terminal, else tab-separated without a header.

    The columns: id, state, since when, last success, last new article, new articles a day, usual delay from
    publication to sight, next poll, reason. The states and how many feeds are in each come on stderr.

    \b
    Exit codes: 0 whatever the feeds are in, 1 config/feeds.yaml is wrong.
    """
    from producers.state.poison import DIRECTORY, Poison
    from producers.state.store import FILE, read_states  # only this command needs the database

    settings = load_settings(ctx)
    configured = config.load(Path(settings.config_dir))
    states = read_states(Path(settings.state_dir) / FILE)
    now = datetime.now(UTC)
    poison = Poison(Path(settings.state_dir) / DIRECTORY)
    assessed = []
    for feed in configured:
        found = assess(feed, states.get(feed.id), now)
        if found.kind is Kind.QUARANTINED and (body := poison.path_of(feed.id)).exists():
            found = msgspec.structs.replace(found, detail=f"{found.detail}; its document is kept in {body}")
        assessed.append((feed, states.get(feed.id), found))
    shown = [entry for entry in assessed if not kinds or entry[2].kind in kinds]
    if as_json:
        for entry in shown:
            click.echo(msgspec.json.encode(record_of(*entry)))
    elif sys.stdout.isatty():
        print_table(shown, now)
    else:
        for entry in shown:
            click.echo("\t".join(row_of(*entry, show=stamp)))
    for kind, count in summarise(status.kind for _, _, status in assessed).items():
        if count:
            meaning = MEANINGS[kind]
            click.echo(f"{count:>5} {kind:<11} {meaning.sentence} {meaning.advice}", err=True)


def _complete(url: str) -> str:
    url = url.strip()
    url = url.removeprefix("feed:") if url.startswith(("feed:http:", "feed:https:")) else url
    url = "https://" + url.removeprefix("feed://") if "://" not in url or url.startswith("feed://") else url
    if not config.is_http(url):
        raise click.UsageError(f"'{url}' is no http or https URL")
    return url


def _read_known(path: Path) -> tuple[Feed, ...]:
    if not path.exists():
        return ()
    known, problems = config.read(path)
    if problems:
        raise ConfigError(problems)
    return known


async def _discover(url: str, own: ProducerSettings, manner: Callable[[str], Feed], now: datetime) -> Discovered:
    async with open_visitor(own, manner, now) as visitor:
        return await discover(url, visitor.visit)


def _advise(error: FetchError) -> str:
    if error.reason is FetchReason.FORBIDDEN_ADDRESS:
        return "; only public addresses are asked, unless the setting allow_private_addresses says otherwise"
    if error.status in (401, 403, 451):
        return "; the server refuses us: set `contact` in the settings, or add the feed by hand with its own user_agent"
    if error.status == 429:
        return "; the server is asked too often, try again later"
    if error.status in (404, 410):
        return "; try the address of the site's front page"
    return ""


def _show(feed: Feed, summary: Summary, now: datetime) -> None:
    newest = (
        f"{stamp(summary.newest)}, {say_duration((now - summary.newest).total_seconds())} ago"
        if summary.newest
        else "no date"
    )
    undated = f", {summary.undated} without a date" if summary.undated else ""
    click.echo(f"# found     {feed.url}")
    click.echo(f"# title     {summary.title or '-'}")
    click.echo(f"# items     {summary.items}{undated}")
    click.echo(f"# newest    {newest}")
    click.echo(f"# language  {summary.language or '-'}")


def _show_others(others: Iterable[Candidate]) -> None:
    for other in list(others)[:_MAX_SHOWN]:
        click.echo(f"also there: {other.url}  {other.title}".rstrip(), err=True)
