"""The command `backtest`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from deskwatch.cli import load_settings
from deskwatch.errors import DeskwatchError

if TYPE_CHECKING:
    from streams.backtesting import Episode, Progress, Report

AUDIENCE = "deskwatch.audience"  # entry points: (subscriptions directory) -> (spike) -> names of targets


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--config",
    "config_dir",
    type=click.Path(path_type=Path),
    help="Directory that holds themes/ and perhaps model/ and owners.yaml [default: the setting config_dir].",
)
@click.option(
    "--subscriptions",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Directory of subscription files: say who would have received what.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Another configuration directory: print only the episodes that it would gain or lose.",
)
@click.option(
    "--by",
    type=click.Choice(["fit", "minutes", "days"]),
    default="fit",
    show_default=True,
    help="Count in buckets of five minutes, as the stream does, or of days; `fit`: what the archive allows.",
)
@click.option(
    "--png",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory for a picture of each theme: seen, normal, episodes, gaps.",
)
@click.option(
    "--learn",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for what each theme has learnt, by minutes: a desk that is new can begin with it (streams.learnt_from).",
)
@click.option("--json/--table", "as_json", default=None, help="JSON lines or a table [default: a table on a terminal].")
@click.pass_context
def backtest(
    ctx: click.Context,
    file: BinaryIO,
    config_dir: Path | None,
    subscriptions: Path | None,
    against: Path | None,
    by: str,
    png: Path | None,
    learn: Path | None,
    as_json: bool | None,
) -> None:
    """Find the episodes that an archive of articles would have given.

    FILE (default: standard input) has one JSON object a line with `id`, `title`, `summary` or `text`, `source` and
    `published`; optional are `first_seen`, `owner`, `url`, `language` and `themes` (stored ones are not judged again).
    It may be gzip and in any order. Lines of `deskwatch export articles` are read, too: so a topic can be backtested.
    What runs is the code of the stream. Where articles only say on which day they appeared, or its themes have few of
    them, days are what is counted by.

    For each episode one line goes to standard output: spike_id, theme, onset, detected, resolved, severity, observed,
    expected, score, stories, owners, articles, origins, headlines; with --subscriptions also `recipients`, with
    --against `change` (gained or lost by the other configuration).

    \b
    Exit codes: 0 every line was an article, 1 some were not (they are named and passed over) or a configuration is
    wrong.
    """
    from streams.backtesting import backtest as run
    from streams.rules import DayRules, Rules

    directory = config_dir or Path(load_settings(ctx).config_dir)
    name = str(getattr(file, "name", "<stdin>"))
    audience = _audience(subscriptions) if subscriptions else None
    rules = {"minutes": Rules(), "days": DayRules()}.get(by)
    if learn is not None:
        rules = _rules_of_stream(ctx, by)
    with _seekable(file) as archive, _progress() as progress:
        report = run(archive, name, directory, progress, rules=rules, tally=png is not None, learn=learn is not None)
        other = run(archive, name, against, progress, rules=rules) if against else None
    rows = [(episode, "") for episode in report.episodes]
    if other is not None:
        rows = [*_alone(report, other, "lost"), *_alone(other, report, "gained")]
        rows.sort(key=lambda row: row[0].detected)
    lines = [_line(episode, change, audience, [report, other]) for episode, change in rows]
    in_json = not sys.stdout.isatty() if as_json is None else as_json
    if in_json:
        _print_json(lines)
    else:
        _print_table(lines)
    if png is not None:
        _draw(report, png)
    if learn is not None:
        _teach(report, learn)
    _say(report)
    sys.exit(1 if report.problems else 0)


def _rules_of_stream(ctx: click.Context, by: str) -> Any:
    from deskwatch.settings import load_section
    from streams.settings import StreamSettings

    if by == "days":
        raise click.UsageError("--learn is for the stream, which counts by minutes: leave out --by days")
    return load_section(StreamSettings, "streams", os.environ, ctx.find_root().obj).rules()


def _teach(report: Report, path: Path) -> None:
    """Write what each theme has learnt."""
    from streams.lessonfile import write

    if report.survey is not None and report.survey.by_days:
        raise DeskwatchError("the articles only say on which day they appeared: nobody can learn hours from them")
    if not any(one.normal for one in report.lessons):
        raise DeskwatchError(
            "the archive is too short to learn from: a bucket tells what is normal when it is streams.settle_s old"
        )
    write(path, report.lessons)
    click.echo(f"learnt: {len(report.lessons)} themes in {path}", err=True)


def _alone(one: Report, other: Report, change: str) -> Iterator[tuple[Episode, str]]:
    """Yield the episodes that the other report has nothing at the same time for."""
    for episode in one.episodes:
        if not any(_meet(episode, another) for another in other.episodes):
            yield episode, change


def _meet(one: Episode, other: Episode) -> bool:
    if one.theme != other.theme:
        return False
    return (other.resolved is None or one.onset <= other.resolved) and (
        one.resolved is None or other.onset <= one.resolved
    )


def _line(episode: Episode, change: str, audience: Any, reports: list[Report | None]) -> dict[str, Any]:
    import msgspec

    line: dict[str, Any] = msgspec.to_builtins(episode)
    if change:
        line["change"] = change
    if audience is not None:
        revisions = [
            spike for report in reports if report for spike in report.spikes if spike.spike_id == episode.spike_id
        ]
        names = [name for spike in revisions for name in audience(spike)]
        line["recipients"] = list(dict.fromkeys(names))
    return line


def _audience(directory: Path) -> Any:
    """Return what says who receives a spike; alerting brings it, which this package must not import."""
    found = list(entry_points(group=AUDIENCE))
    if not found:
        raise DeskwatchError("no package says who receives alerts: install the project anew (pip install -e .)")
    return found[0].load()(directory)


def _print_json(lines: list[dict[str, Any]]) -> None:
    from classifiers.jsonlines import encode_line

    out = click.get_binary_stream("stdout")
    for line in lines:
        out.write(encode_line(line))
    out.flush()


def _print_table(lines: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not lines:
        console.print("no episode")
        return
    changes = any("change" in line for line in lines)
    table = Table(box=None, header_style="bold", pad_edge=False)
    themes = max(len(line["theme"]) for line in lines)
    widths = {"onset": 16, "theme": themes, "severity": 8, "observed": 11, "owners": 6}
    if all(line["onset"].endswith("T00:00:00Z") for line in lines):
        widths["onset"] = 10
    for title, width in (({"change": 6} if changes else {}) | widths).items():
        right = title in ("observed", "owners")
        table.add_column(title, no_wrap=True, min_width=width, justify="right" if right else "left")
    table.add_column("what", no_wrap=True, overflow="ellipsis", ratio=1)
    for line in lines:
        table.add_row(
            *([line["change"]] if changes else []),
            line["onset"].removesuffix("T00:00:00Z").replace("T", " ").removesuffix(":00Z"),
            escape(line["theme"]),
            line["severity"],
            f"{line['observed']} v {line['expected']:.1f}",
            str(line["owners"]),
            escape(_shown((line["headlines"] or [""])[0])),
        )
    console.print(table)
    if any("recipients" in line for line in lines):
        console.print()
        console.print(_received(lines))


def _received(lines: list[dict[str, Any]]) -> Any:
    """Return the table of who would have received what."""
    from rich.markup import escape
    from rich.table import Table

    alerts: dict[str, Counter[str]] = {}
    for line in lines:
        for name in line["recipients"]:
            alerts.setdefault(name, Counter())[line["theme"]] += 1
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("who would have received", no_wrap=True)
    table.add_column("alerts", justify="right")
    table.add_column("on")
    for name, themes in sorted(alerts.items()):
        on = ", ".join(f"{theme} {number}" for theme, number in themes.most_common())
        table.add_row(escape(name), str(themes.total()), escape(on))
    return table if alerts else "nobody would have received any of them"


def _draw(report: Report, directory: Path) -> None:
    """Write a picture of each theme that had any evidence."""
    from deskwatch.charting import Span, draw

    if report.tally is None or report.survey is None:
        return
    directory.mkdir(parents=True, exist_ok=True)
    width = report.tally.width
    for theme in report.tally.themes:
        spans = [
            Span(one.onset, max(one.resolved or report.survey.last, one.onset + width))
            for one in report.episodes
            if one.theme == theme
        ]
        (directory / f"{theme}.png").write_bytes(draw(theme, report.tally.cells(theme), width, spans))
    click.echo(f"pictures: {len(report.tally.themes)} in {directory}", err=True)


def _shown(title: str) -> str:
    return "".join(char if char.isprintable() else " " for char in title)


def _say(report: Report) -> None:
    """Say on standard error what the archive was, and what became of each line."""
    from streams.pace import PACE

    if (found := report.survey) is not None and report.rules is not None:
        reason = "too few of its articles say more" if found.by_days else "its themes have too few articles for less"
        unit = "buckets of five minutes" if report.rules.pace is PACE else f"days: {reason}"
        span = f"{found.first:%Y-%m-%d} to {found.last:%Y-%m-%d}"
        click.echo(f"counted by {unit}; {span}, {len(found.gaps)} gaps without any article", err=True)
    said = ", ".join(f"{number:,} {outcome.replace('_', ' ')}" for outcome, number in report.outcomes.most_common())
    click.echo(f"articles: {said or 'none'}", err=True)
    counts = Counter(episode.theme for episode in report.episodes)
    click.echo(f"episodes: {', '.join(f'{n} {theme}' for theme, n in counts.most_common()) or 'none'}", err=True)
    for problem in sorted(report.problems):
        click.echo(str(problem), err=True)


@contextmanager
def _seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    """Yield the file itself, or a copy of a stream that can be read only once."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield cast(BinaryIO, copy)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Yield what shows progress on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, Any] = {}

        def show(doing: str, share: float) -> None:
            if doing not in tasks:
                tasks[doing] = bar.add_task(doing, total=1.0)
            bar.update(tasks[doing], completed=min(share, 1.0))

        yield show
