"""What the docs tell people to type exists, and what is marked `run` works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

from alerting.rules.subscriptions import run_tests
from deskwatch.cli import GROUP

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]
    if "target" not in page.parts and page.name != "commands.md"
)
COMMANDS = {entry.name: entry for entry in entry_points(group=GROUP)}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def runnable() -> list[tuple[str, str]]:
    """Return page and text of every block that begins with ```sh run."""
    return [
        (name_of(page), block)
        for page in PAGES
        for block in re.findall(r"^```sh run\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    ]


def code(page: Path) -> list[str]:
    """Return what a page shows as code: the lines of its blocks, and its inline spans."""
    text = page.read_text()
    fenced = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    text = re.sub(r"^ *```[^\n]*\n.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^ {4,}(.*)$", text, re.MULTILINE)
    spans = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", text)]
    return [line for block in fenced for line in block.splitlines()] + indented + spans


def calls(page: Path) -> list[list[str]]:
    """Return the words after `deskwatch` of every call that a page shows."""
    found = [re.split(r" #|[;|>]| && ", line)[0] for line in code(page)]
    return [match[1].split() for line in found if (match := re.match(r"(?:[A-Z_]+=\S+ )*deskwatch (.*)", line.strip()))]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_and_option_that_a_page_shows_exists(page: Path) -> None:
    for words in calls(page):
        words = [word for word in words if word not in ("--settings", "FILE")] if words[0] == "--settings" else words
        if not words or words[0] in ("--help", "--version"):
            continue
        assert words[0] in COMMANDS, f"deskwatch {' '.join(words)}"
        command: click.Command = COMMANDS[words[0]].load()
        if isinstance(command, click.Group) and len(words) > 1 and not words[1].startswith("-"):
            assert words[1] in command.commands, f"deskwatch {' '.join(words)}"
            command = command.commands[words[1]]
        options = {option for param in command.params for option in param.opts}
        for word in re.findall(r"(?<![\w-])--[a-z-]+", " ".join(words)):
            assert word in options | {"--help"}, f"deskwatch {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_that_a_page_shows_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in code(page):
        if match := re.match(r"make ([a-z -]+)", line.split(" #")[0].strip()):
            assert set(match[1].split()) <= targets, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file_of_the_repository(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.slow
@pytest.mark.parametrize(("page", "block"), runnable())
def test_block_marked_run_works(page: str, block: str, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "DESKWATCH_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{page}:\n{block}\n{done.stdout}{done.stderr}"


def test_readme_has_a_block_that_runs() -> None:
    assert "README.md" in [page for page, _ in runnable()]


def test_help_of_make_lists_what_people_need() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    listed = {words[1] for line in done.stdout.splitlines() if (words := line.split())[:1] == ["make"]}
    assert listed >= {"help", "setup", "demo", "up", "down", "check", "test-fast", "test", "bench"}


def test_generated_pages_are_not_stale() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_example_on_the_page_of_alerts_is_right_and_passes_its_own_test(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "alerts.md").read_text()
    block = re.search(r"^    subscribers:\n(?:    .*\n|\n)+", page, re.MULTILINE)
    assert block is not None
    (tmp_path / "subscriptions").mkdir()
    (tmp_path / "subscriptions" / "a.yaml").write_text(re.sub(r"^    ", "", block[0], flags=re.MULTILINE))

    assert run_tests(tmp_path) == (1, [])
