"""Feeds into config/feeds.yaml: which of them are new, under which ids, and all of them or none."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.feedrecords import Feed
from producers.feeds import config
from producers.feeds.editing import append, fields_of
from producers.identity.urls import canonical_url

_MAX_ID: Final = 64


def add_feeds(path: Path, feeds: Sequence[Feed]) -> None:
    """Append feeds to the file, which is made if it is missing; it changes as a whole or not at all.

    Raises:
        ConfigError: the file is wrong as it stands, would be wrong afterwards, or cannot be written.
    """
    path = path.resolve()  # a link stays a link
    try:
        with _locked(path.parent):
            before, problems = config.read(path) if path.exists() else ((), [])
            if problems:
                raise ConfigError(problems)
            text = path.read_bytes().decode() if path.exists() else ""
            draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
            try:
                draft.write_bytes(append(text, feeds, str(path)).encode())
                _check(draft, path, before, feeds)
                if path.exists():
                    shutil.copymode(path, draft)
                with draft.open("rb") as file:
                    os.fsync(file.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError([Problem(str(path), 1, 1, f"cannot be written: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(str(path), 1, 1, "cannot be added to: it is not UTF-8")]) from error


def make_feed(
    url: str, typed: str, title: str, known: Sequence[Feed], *, id_: str = "", source: str = "", category: str = ""
) -> Feed:
    """Return a found feed as it will be configured, under an id that is free unless one is given.

    Args:
        url: Where it was found.
        typed: What somebody typed to find it; whoever types a port wants it.
        title: The feed's own.
    """
    parts = urlsplit(url)
    outlet = (source or title or parts.hostname or url).strip()
    named = {urlsplit(typed).port} - {None, 80, 443}
    ports = (parts.port,) if parts.port is not None and parts.port in named else ()
    id_ = id_ or fresh_id(outlet, url, {feed.id for feed in known})
    return Feed(id=id_, url=url, source=outlet, category=category.strip(), ports=ports)


def fresh_id(source: str, url: str, taken: set[str]) -> str:
    """Return an id made of the outlet's name, or of the host where the name has no Latin letters, and take it."""
    stem = _slug(source) or _slug((urlsplit(url).hostname or "").removeprefix("www.")) or "feed"
    number, candidate = 1, stem
    while candidate in taken:
        number += 1
        candidate = f"{stem[: _MAX_ID - 8]}-{number}"
    taken.add(candidate)
    return candidate


def address(url: str) -> str:
    """Return what two URLs of one feed have in common: the canonical URL without scheme and closing slash."""
    return (canonical_url(url) or url).partition("://")[2].rstrip("/")


def find_same(feeds: Sequence[Feed], url: str) -> Feed | None:
    """Return the feed that has this address already."""
    wanted = address(url)
    return next((feed for feed in feeds if address(feed.url) == wanted), None)


def sort_out(found: Sequence[Feed], known: Sequence[Feed]) -> tuple[list[Feed], list[str]]:
    """Return the feeds that are not there yet, with ids that are free, and what is said of the others."""
    taken = {feed.id for feed in known}
    there = {address(feed.url): feed.id for feed in known}
    new: list[Feed] = []
    skipped: list[str] = []
    for feed in found:
        where = address(feed.url)
        if where in there:
            skipped.append(f"'{feed.source}': '{feed.url[:100]}' is there already, as '{there[where]}'")
            continue
        id_ = feed.id if feed.id not in taken else fresh_id(feed.source, feed.url, taken)
        taken.add(id_)
        there[where] = id_
        new.append(msgspec.structs.replace(feed, id=id_))
    return new, skipped


def _check(draft: Path, path: Path, before: Sequence[Feed], added: Sequence[Feed]) -> None:
    after, problems = config.read(draft)
    if problems:
        raise ConfigError([msgspec.structs.replace(problem, file=str(path)) for problem in problems])
    kept, new = after[: len(before)], after[len(before) :]
    is_same = all(
        name == "ports" or getattr(found, name) == value  # a domain may add ports of its own
        for found, feed in zip(new, added, strict=False)
        for name, value in fields_of(feed)
    )
    if list(kept) != list(before) or len(new) != len(added) or not is_same:
        raise ConfigError([Problem(str(path), 1, 1, "is written in a way that cannot be added to: add by hand")])


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: _MAX_ID - 8].strip("-")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let one command at a time change the files of a directory."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
