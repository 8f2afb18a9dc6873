from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deskwatch.cli import GROUP, group, load_settings

COMMANDS = sorted(entry.name for entry in entry_points(group=GROUP))


def deskwatch(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("deskwatch")), *args]
    return subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=60
    )


def test_unknown_command_is_refused_with_the_nearest_one() -> None:
    result = CliRunner().invoke(group, ["exprot"])
    assert result.exit_code == 2
    assert "no such command 'exprot' (did you mean 'export'?)" in result.output
    result = CliRunner().invoke(group, ["zzzzzz"])
    assert result.exit_code == 2
    assert "did you mean" not in result.output


def test_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(group, ["--version"])
    assert result.exit_code == 0
    assert "version 0." in result.output


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(group, ["--help"])
    assert result.exit_code == 0
    listed = {line.split()[0] for line in result.output.split("Commands:")[1].splitlines() if line.strip()}
    assert listed >= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_and_each_option_does(name: str) -> None:
    (entry,) = entry_points(group=GROUP, name=name)
    waiting = [entry.load()]
    while waiting:
        command = waiting.pop()
        assert isinstance(command, click.Command)
        assert command.help, command.name
        waiting += command.commands.values() if isinstance(command, click.Group) else []
        options = [param for param in command.params if isinstance(param, click.Option)]
        assert [option.name for option in options if not option.help] == []


def test_settings_come_from_the_file_of_the_root_command(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("kafka_prefix: desk-\n")
    found: list[str] = []

    @click.command()
    @click.pass_context
    def inner(ctx: click.Context) -> None:
        found.append(load_settings(ctx).kafka_prefix)

    with click.Context(group, obj=file) as root:
        inner.invoke(click.Context(inner, parent=root))
    assert found == ["desk-"]


def test_wrong_settings_are_one_clear_message_and_exit_code_1(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("kafka_prefx: desk-\n")
    for done in (deskwatch("--settings", str(file), "check"), deskwatch("check", DESKWATCH_SETTINGS=str(file))):
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr == f"{file}:1:1: error: unknown key 'kafka_prefx' (did you mean 'kafka_prefix'?)\n"


def test_one_command_does_not_import_the_others() -> None:
    code = (
        "import sys; from deskwatch.cli import group; group(['check', '--help'], standalone_mode=False);"
        "sys.exit(any(name in sys.modules for name in ('faust', 'sklearn', 'feedparser', 'slack_sdk')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60).returncode == 0
