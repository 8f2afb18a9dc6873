"""Every config file checked at once: what the packages' own checks find, and files that nobody would read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from deskwatch.configfile import Problem

GROUP: Final = "deskwatch.checks"
LINTS: Final = "deskwatch.lints"

Check = Callable[[Path], list[Problem]]
Lint = Callable[[Path, Sequence[Path]], list[Problem]]
"""Config directory and corpora (JSON lines of articles, perhaps none) to what is right, but hardly meant so."""

_READ: Final = (
    "feeds.yaml",
    "owners.yaml",
    "themes/*.yaml",
    "model/groups.yaml",
    "subscriptions/*.yaml",
    "settings.yaml",
)


def load_checks() -> list[Check]:
    """Return the check of every installed package."""
    return [entry.load() for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)]


def load_lints() -> list[Lint]:
    """Return what every installed package has to say about config that is right."""
    return [entry.load() for entry in sorted(entry_points(group=LINTS), key=lambda entry: entry.name)]


def find_files(config_dir: Path) -> list[Path]:
    """Return every YAML file below `config_dir`, sorted."""
    return sorted(path for path in config_dir.rglob("*.y*ml") if path.suffix in (".yaml", ".yml"))


def find_problems(config_dir: Path, checks: Iterable[Check]) -> list[Problem]:
    """Return all that the checks find below `config_dir`, and each file that no service reads, in order of place."""
    found = {problem for check in checks for problem in check(config_dir)}
    return sorted(found | set(_unread(config_dir)))


def find_warnings(config_dir: Path, corpora: Sequence[Path], lints: Iterable[Lint]) -> list[Problem]:
    """Return what the lints say of the config below `config_dir`, in order of place."""
    return sorted({warning for lint in lints for warning in lint(config_dir, corpora)})


def _unread(config_dir: Path) -> Iterable[Problem]:
    read = {path for pattern in _READ for path in config_dir.glob(pattern)}
    for path in find_files(config_dir):
        if path not in read:
            yield Problem(str(path), 1, 1, f"nobody reads this file: what is read is {', '.join(_READ)}")
