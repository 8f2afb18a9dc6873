"""Who wants to know what, and where: the YAML files of `config/subscriptions/`, read strictly.

All files of the directory are one configuration; a subscription may name a subscriber of another file. Every matching
subscription applies: there is no order, no inheritance and no fall-through.

Not honoured yet, though read and checked: `quiet_hours` of a target and `language` of a subscriber (all alerts are in
English).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alerting.checking import check_files, failing_tests
from alerting.roster import Placed, Roster, SubscriptionFile
from deskwatch import configfile
from deskwatch.configfile import Document, Key, Problem
from deskwatch.errors import ConfigError

DIRECTORY: Final = "subscriptions"
THEMES: Final = "themes"


def load(config_dir: Path) -> Roster:
    """Return the subscriptions of `config_dir`.

    Raises:
        ConfigError: with every problem of every file, failing in-file tests included.
    """
    if not (config_dir / DIRECTORY).is_dir():
        raise ConfigError([Problem(str(config_dir / DIRECTORY), 1, 1, "no such directory: nobody could be alerted")])
    roster, problems = _read(config_dir)
    if problems:
        raise ConfigError(problems)
    return roster


def check(config_dir: Path) -> list[Problem]:
    """Return every problem of the subscription files; none if there is no such directory."""
    return _read(config_dir)[1] if (config_dir / DIRECTORY).is_dir() else []


def run_tests(config_dir: Path) -> tuple[int, list[Problem]]:
    """Return how many in-file tests there are, and all problems of the files, failing tests among them."""
    files, _ = _parse(config_dir)
    return sum(len(file.tests) for _, file in files), check(config_dir)


def _read(config_dir: Path) -> tuple[Roster, list[Problem]]:
    files, problems = _parse(config_dir)
    titles = _read_titles(config_dir / THEMES)
    problems += check_files(files, titles)
    roster = Roster(
        subscribers={subscriber.name: subscriber for _, file in files for subscriber in file.subscribers},
        subscriptions=tuple(
            Placed(subscription=subscription, place=_place(document, ("subscriptions", i, "name"), config_dir))
            for document, file in files
            for i, subscription in enumerate(file.subscriptions)
        ),
        titles=titles or {},
    )
    if not problems:  # a test of rules that do not hold together says nothing
        problems = list(failing_tests(files, roster))
    return roster, sorted(problems)


def _parse(config_dir: Path) -> tuple[list[tuple[Document, SubscriptionFile]], list[Problem]]:
    files: list[tuple[Document, SubscriptionFile]] = []
    problems: list[Problem] = []
    for path in sorted((config_dir / DIRECTORY).glob("*.y*ml")):
        document, found = configfile.load(path)
        problems += found
        if found:
            continue
        file, found = configfile.convert(document, SubscriptionFile)
        problems += found
        if file is not None:
            files.append((document, file))
    return files, problems


def _place(document: Document, key: Key, config_dir: Path) -> str:
    path = Path(document.file)
    name = path.relative_to(config_dir).as_posix() if path.is_relative_to(config_dir) else path.name
    return f"{name}:{document.position(key)[0]}"


def _read_titles(themes: Path) -> dict[str, str] | None:
    """Return what each theme's file calls it, or None where there are no themes to compare with.

    The theme files are another package's: only their names and titles matter here.
    """
    titles = {}
    for path in sorted(themes.glob("*.y*ml")):
        data = configfile.load(path)[0].data
        title = data.get("title") if isinstance(data, dict) else None
        titles[path.stem] = title if isinstance(title, str) else ""
    return titles or None
