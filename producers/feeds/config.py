"""The feeds to poll: config/feeds.yaml, checked as a whole, every error with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deskwatch import configfile
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.feedrecords import Feed as Feed
from producers.feeds.checking import find_problems
from producers.feeds.entries import MAX_URL as MAX_URL
from producers.feeds.entries import FeedFile, merge
from producers.feeds.entries import is_http as is_http
from producers.feeds.entries import zone_of as zone_of

FILE: Final = "feeds.yaml"


def load(config_dir: Path) -> tuple[Feed, ...]:
    """Return the configured feeds in the order of the file.

    Raises:
        ConfigError: with every problem of the file.
    """
    feeds, problems = read(config_dir / FILE)
    if problems:
        raise ConfigError(problems)
    return feeds


def check(config_dir: Path) -> list[Problem]:
    """Return every problem of the feeds' config: what `deskwatch check` runs."""
    return read(config_dir / FILE)[1]


def read(path: Path) -> tuple[tuple[Feed, ...], list[Problem]]:
    """Return the feeds of a file and all that is wrong with it; with problems there are no feeds."""
    document, problems = configfile.load(path)
    if problems:
        return (), problems
    file, problems = configfile.convert(document, FeedFile)
    if file is None:
        return (), problems
    problems = list(find_problems(document, file))
    return (() if problems else merge(file)), problems
