"""The `demo` command."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from demo.directing import Plan, run
from demo.showing import Screen
from deskwatch import telemetry
from deskwatch.cli import load_settings
from deskwatch.errors import ConfigError, DeskwatchError
from deskwatch.running import stop_on_signals

INTERRUPTED: Final = 130


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), help="Where alerts go [default: new, in STATE_DIR]."
)
@click.option(
    "--config", "config_dir", type=click.Path(path_type=Path), help="Directory with themes/ [default: CONFIG_DIR]."
)
@click.option(
    "--days", type=click.IntRange(3, 60), default=14, show_default=True, help="Simulated days before it breaks."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another number, another world.")
@click.option("--seconds", type=click.IntRange(1), default=600, show_default=True, help="Give up after so many.")
@click.pass_context
def demo(ctx: click.Context, output: Path | None, config_dir: Path | None, days: int, seed: int, seconds: int) -> None:
    """Watch a simulated world of news in fast time until the desk is alerted. Needs nothing but Python.

    Outlets that do not exist print two weeks of news, served as real RSS. The real services poll, classify, count and
    alert, on the embedded broker. Then something happens. At the end every article is accounted for. Ends with 0 if an
    alert came and the account holds, with 1 if not, with 130 when interrupted.
    """
    settings = load_settings(ctx)
    telemetry.configure_logging("error", as_json=False)
    present = datetime.now(UTC)
    output = output or Path(settings.state_dir) / "demo" / f"{present:%Y%m%dT%H%M%S}"
    output.mkdir(parents=True, exist_ok=True)
    before = _stamps(output)
    directory = Path(tempfile.mkdtemp(prefix="deskwatch-demo-"))
    plan = Plan(
        directory=directory,
        output=output.resolve(),
        config_dir=config_dir or Path(settings.config_dir),
        present=present,
        days=days,
        seed=seed,
        give_up_s=seconds,
    )
    start, _, until = plan.times()
    stop = stop_on_signals()
    try:
        with Screen(Console(), start, until) as screen:
            outcome = run(plan, os.environ, screen, stop)
    except ConfigError:
        directory.rmdir()  # nothing was started yet
        raise
    except DeskwatchError:
        click.echo(f"The logs are in {directory / 'logs'}", err=True)
        raise
    if outcome is None:
        shutil.rmtree(directory, ignore_errors=True)
        sys.exit(INTERRUPTED)
    files = [path for path, written in _stamps(output).items() if before.get(path) != written]
    if outcome.alerted_s is None or not outcome.adds_up or not files:
        click.echo(f"The demo did not do what it should. The logs are in {directory / 'logs'}", err=True)
        sys.exit(1)
    shutil.rmtree(directory, ignore_errors=True)
    click.echo(f"The alert came after {outcome.alerted_s:.0f} s. The messages, as the desks would get them:")
    for path in files:
        click.echo(f"  {path}")
    click.echo("An .eml opens in any mail program. Next: put your feeds into config/feeds.yaml and your desks into")
    click.echo("config/subscriptions/, look at them with `deskwatch check`, and start with `deskwatch up`.")


def _stamps(directory: Path) -> dict[Path, int]:
    """Return when each file was written; the same seed on the same day writes files of the same names."""
    return {path: path.stat().st_mtime_ns for path in sorted(directory.iterdir())}
