"""The feeds to poll: config/feeds.yaml, checked as a whole, every error with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from deskwatch import configfile
from deskwatch.configfile import Document, Key, Problem
from deskwatch.errors import ConfigError

FILE: Final = "feeds.yaml"
MIN_INTERVAL_S: Final = 60
MAX_INTERVAL_S: Final = 86_400
MAX_URL: Final = 2_048

_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """One feed as configured."""

    id: str
    url: str
    source: str  # the outlet's name
    language: str = ""  # BCP 47; what the feed says itself counts when this is empty
    timezone: str = ""  # IANA name, for dates without a zone
    interval_s: int = 300
    category: str = ""

    def zone(self) -> tzinfo | None:
        """Return the zone that the feed's dates mean when they do not say, if it is known."""
        return ZoneInfo(self.timezone) if self.timezone else None


class FeedFile(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of config/feeds.yaml."""

    feeds: list[Feed]


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
    problems = list(_find_problems(document, file.feeds))
    return (() if problems else tuple(file.feeds)), problems


def is_http(url: str) -> bool:
    """Return whether this is an absolute http or https URL with a host, of bearable length."""
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _find_problems(document: Document, feeds: list[Feed]) -> Iterator[Problem]:
    ids: dict[str, int] = {}
    urls: dict[str, str] = {}
    for i, feed in enumerate(feeds):
        at: Key = ("feeds", i)
        if not _ID.fullmatch(feed.id):
            yield document.problem((*at, "id"), f"id '{feed.id}' must be lower-case letters, digits, '.', '_' or '-'")
        if feed.id in ids:
            line, _ = document.position(("feeds", ids[feed.id], "id"))
            yield document.problem((*at, "id"), f"id '{feed.id}' is taken by the feed in line {line}")
        ids.setdefault(feed.id, i)
        if not is_http(feed.url):
            yield document.problem((*at, "url"), f"'{feed.url}' is no http or https URL")
        elif feed.url in urls:
            yield document.problem((*at, "url"), f"the same URL as feed '{urls[feed.url]}'")
        urls.setdefault(feed.url, feed.id)
        if not feed.source.strip():
            yield document.problem((*at, "source"), "source must name the outlet")
        if feed.language and not _LANGUAGE.fullmatch(feed.language):
            yield document.problem((*at, "language"), f"'{feed.language}' is no language tag such as 'en' or 'zh-Hant'")
        if not MIN_INTERVAL_S <= feed.interval_s <= MAX_INTERVAL_S:
            what = f"interval_s must be between {MIN_INTERVAL_S} and {MAX_INTERVAL_S}, not {feed.interval_s}"
            yield document.problem((*at, "interval_s"), what)
        if feed.timezone and not _is_zone(feed.timezone):
            yield document.problem((*at, "timezone"), f"'{feed.timezone}' is no time zone such as 'Asia/Shanghai'")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name that is a directory of the database
        return False
    return True
