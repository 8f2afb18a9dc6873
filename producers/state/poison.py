"""Documents that killed their parser, kept for whoever has to find out why."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from deskwatch.errors import KillReason

DIRECTORY: Final = "poison"  # below the setting state_dir

_MAX_NAME: Final = 80
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]|^\.")


class Poisoned(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a kept document."""

    feed_id: str
    url: str
    at: datetime
    reason: KillReason
    content_type: str = ""
    size: int  # bytes of the document; more than the file's if it was cut


class Poison:
    """A directory of documents, the latest of each feed: `<feed id>.body`, and what is known of it in `<feed id>.json`.

    Args:
        directory: Made when the first document comes.
        keep: Documents at most; the oldest go.
        max_bytes: Of one document; what is longer is cut.
    """

    def __init__(self, directory: Path, *, keep: int = 20, max_bytes: int = 15 * 1024 * 1024) -> None:
        self._directory = directory
        self._keep = keep
        self._max_bytes = max_bytes

    def path_of(self, feed_id: str) -> Path:
        """Return where a feed's document is, or would be."""
        return self._directory / f"{_name(feed_id)}.body"

    def add(self, known: Poisoned, body: bytes) -> Path:
        """Keep a document, and return where.

        Raises:
            OSError: the disk is full, or not ours.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self.path_of(known.feed_id)
        _replace(path, body[: self._max_bytes])
        _replace(path.with_suffix(".json"), msgspec.json.format(msgspec.json.encode(known)) + b"\n")
        self._forget_oldest()
        return path

    def find(self, feed_id: str) -> Poisoned | None:
        """Return what is known of a feed's document, None if there is none."""
        try:
            return msgspec.json.decode(self.path_of(feed_id).with_suffix(".json").read_bytes(), type=Poisoned)
        except (OSError, msgspec.MsgspecError):
            return None

    def remove(self, feed_id: str) -> None:
        """Forget a feed's document, if there is one."""
        path = self.path_of(feed_id)
        for file in (path.with_suffix(".json"), path):
            file.unlink(missing_ok=True)

    def _forget_oldest(self) -> None:
        aged = []
        for path in self._directory.glob("*.body"):
            with suppress(FileNotFoundError):  # another producer on the same directory was faster
                aged.append((path.stat().st_mtime_ns, path))
        for _, path in sorted(aged, reverse=True)[self._keep :]:
            for file in (path.with_suffix(".json"), path):
                file.unlink(missing_ok=True)


def _name(feed_id: str) -> str:
    """Return a file name for a feed: its id, unless that could mean something else to a file system."""
    if _UNSAFE.search(feed_id) or not 0 < len(feed_id) <= _MAX_NAME:
        return f"{_UNSAFE.sub('_', feed_id)[:_MAX_NAME]}.{hashlib.blake2b(feed_id.encode(), digest_size=8).hexdigest()}"
    return feed_id


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that whoever reads it finds all of the old one or all of the new one."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
