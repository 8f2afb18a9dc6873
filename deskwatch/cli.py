"""The `deskwatch` command: a group whose commands live in the packages and are loaded only when they run.

Exit codes: 0 done, 1 what was checked is wrong or the service failed, 2 wrong use of the command line.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import click

from deskwatch import settings
from deskwatch.errors import ConfigError, DeskwatchError
from deskwatch.settings import Settings

GROUP = "deskwatch.commands"


class LazyGroup(click.Group):
    """A click group over the entry points of `deskwatch.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names of all commands, sorted."""
        return sorted(_entries())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, importing its package."""
        entry = _entries().get(cmd_name)
        command = entry.load() if entry else None
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name, or say which one was probably meant."""
        from deskwatch.configfile import nearest

        if args and args[0] not in _entries() and not args[0].startswith("-"):
            hint = nearest(args[0], _entries())
            ctx.fail(f"no such command '{args[0]}'" + (f" (did you mean '{hint}'?)" if hint else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup)
@click.version_option(package_name="deskwatch")
@click.option(
    "--settings", "file", type=click.Path(path_type=Path), help="YAML file of settings [env: DESKWATCH_SETTINGS]."
)
@click.pass_context
def group(ctx: click.Context, file: Path | None) -> None:
    """Deskwatch watches the news and tells desk officers, once and with the evidence, when a theme spikes."""
    ctx.obj = file


def main() -> None:
    """Run the command line; an error of ours is one clear message and exit code 1."""
    try:
        group()
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except DeskwatchError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def load_settings(ctx: click.Context) -> Settings:
    """Return the shared settings for a running command."""
    return settings.load(os.environ, ctx.find_root().obj)


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


if __name__ == "__main__":
    main()
