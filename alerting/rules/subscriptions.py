"""Who wants to know what, and where: the YAML files of `config/subscriptions/`, read strictly.

All files of the directory are one configuration; a subscription may name a subscriber of another file. Every matching
subscription applies: there is no order, no inheritance and no fall-through.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from alerting.rules.checking import check_files, failing_tests
from alerting.rules.roster import Placed, Roster, SubscriptionFile
from deskwatch import configfile
from deskwatch.configfile import Document, Problem
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
    # A file that cannot be read may hold the very subscriber that another one names.
    problems += check_files(files, titles, is_whole=not problems)
    roster = Roster(
        subscribers={subscriber.name: subscriber for _, file in files for subscriber in file.subscribers},
        subscriptions=tuple(
            Placed(subscription=subscription, place=f"{name}:{document.position(('subscriptions', i, 'name'))[0]}")
            for document, file in files
            for name in [_name(document, config_dir)]
            for i, subscription in enumerate(file.subscriptions)
        ),
        titles=titles or {},
        owners={document.file: file.owner for document, file in files if file.owner},
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


def _name(document: Document, config_dir: Path) -> str:
    path = Path(document.file)
    return path.relative_to(config_dir).as_posix() if path.is_relative_to(config_dir) else path.name


def _read_titles(themes: Path) -> dict[str, str] | None:
    """Return what each theme's file calls it, or None where there are no themes to compare with.

    The theme files are another package's: only their names and titles matter here.
    """
    titles = {}
    for path in sorted(themes.glob("*.y*ml")):
        try:
            titles[path.stem] = _title(path.read_bytes())
        except OSError:
            titles[path.stem] = ""
    return titles or None


@lru_cache(maxsize=512)  # most of the time that a change of subscriptions takes would go into them
def _title(raw: bytes) -> str:
    data = configfile.parse(raw, "")[0].data if len(raw) <= configfile.MAX_BYTES else None
    title = data.get("title") if isinstance(data, dict) else None
    return title if isinstance(title, str) else ""
