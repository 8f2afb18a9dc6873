"""Changed subscription files taken over while the service runs: whole, or not at all and loudly.

It looks at what the directories hold, twice a second, instead of listening for events: an editor's rename, a symbolic
link that is swapped under all files at once, and a network file system look alike to it, and miss nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

import structlog

from alerting.deciding.refusing import Refusal, Tell
from alerting.metrics import Metrics
from alerting.rules.roster import Roster
from alerting.rules.subscriptions import DIRECTORY, THEMES, load
from deskwatch.clock import Clock
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError

EVERY_S: Final = 0.5

Signature = tuple[tuple[str, int, int, int], ...]

_log = structlog.get_logger()


class Reloader:
    """Watches one configuration; `run` until `stop`.

    Args:
        roster: What holds at the start.
        accept: Called with each roster that is to hold from now on.
        tell: Called for each owner who is to hear of a refused change; the same content may come twice.
    """

    def __init__(
        self,
        config_dir: Path,
        roster: Roster,
        accept: Callable[[Roster], None],
        metrics: Metrics,
        clock: Clock,
        tell: Tell = lambda owner, refusal: None,  # noqa: ARG005
    ) -> None:
        self._dir = config_dir
        self._roster = roster
        self._accept = accept
        self._metrics = metrics
        self._clock = clock
        self._tell = tell
        self._seen = self._held = signature(config_dir)
        self._held_since = clock.now()
        self._report(is_good=True)

    async def run(self, stop: asyncio.Event) -> None:
        """Take over every change that is in order."""
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), EVERY_S)
            except TimeoutError:
                await self.look()

    async def look(self) -> None:
        """Take over what has changed since the last time, if anything has."""
        found = await asyncio.to_thread(signature, self._dir)
        if found == self._seen:
            return
        try:
            roster = await asyncio.to_thread(load, self._dir)
        except ConfigError as error:
            for problem in error.problems:
                _log.error("config.rejected", problem=str(problem))
            self._report(is_good=False)
            await self._refuse(error.problems, found)
        else:
            gained, lost = difference(self._roster, roster)
            _log.info("config.reloaded", gained=gained, lost=lost)
            self._roster = roster
            self._accept(roster)
            self._held, self._held_since = found, self._clock.now()
            self._report(is_good=True)
        self._seen = found  # what was changed while it was read is seen the next time

    async def _refuse(self, problems: Sequence[Problem], found: Signature) -> None:
        """Tell the owners of what was changed or is wrong; where none of it has an owner, all there are."""
        changed = {path for path, *_ in set(found) ^ set(self._held)} | {problem.file for problem in problems}
        owners = self._roster.owners
        concerned = {owner for path, owner in owners.items() if path in changed} or set(owners.values())
        digest = await asyncio.to_thread(content_digest, self._dir, f"{self._held_since.timestamp()}")
        refusal = Refusal(digest=digest, problems=tuple(problems), config_dir=self._dir, held_since=self._held_since)
        for owner in sorted(concerned):
            self._tell(owner, refusal)

    def _report(self, *, is_good: bool) -> None:
        self._metrics.reload_successful.set(is_good)
        if is_good:
            self._metrics.reloaded_at.set(self._clock.now().timestamp())


def signature(config_dir: Path) -> Signature:
    """Return what changes whenever a file of the configuration does: of each its inode, its size and its time."""
    found = []
    for path in _files(config_dir):
        try:
            stat = path.stat()
        except OSError:  # gone between two looks
            continue
        found.append((str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def content_digest(config_dir: Path, salt: str) -> str:
    """Return what is the same for the same content; a file that cannot be read counts by its name."""
    digest = blake2b(salt.encode(), digest_size=12)
    for path in _files(config_dir):
        digest.update(b"\0" + str(path).encode("utf-8", "surrogateescape") + b"\0")
        try:
            digest.update(path.read_bytes())
        except OSError:  # which is one of the problems
            continue
    return digest.hexdigest()


def difference(old: Roster, new: Roster) -> tuple[list[str], list[str]]:
    """Return which subscriber hears of which theme since a change, and no longer, as `subscriber/theme`."""
    before, after = _pairs(old), _pairs(new)
    return sorted(after - before), sorted(before - after)


def _files(config_dir: Path) -> list[Path]:
    return [
        path for directory in (config_dir / DIRECTORY, config_dir / THEMES) for path in sorted(directory.glob("*.y*ml"))
    ]


def _pairs(roster: Roster) -> set[str]:
    return {
        f"{placed.subscription.subscriber}/{theme}"
        for placed in roster.subscriptions
        for theme in placed.subscription.themes
    }
