"""Addresses that are dead: two of our messages to them came back for good within thirty days.

What is known of them follows from the files alone into which the MTA delivers what comes back, which are only read: it
outlives a restart, another machine with the same files knows as much, and who removes the files revives the address.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from alerting.answers.bounces import MAX_BYTES, Bounce, Kind, read_bounce
from alerting.delivery import Channel, Frozen, Lookup, Outcome, Reason
from alerting.ledger.ledger import Ledger
from alerting.metrics import AnsweringMetrics
from deskwatch.clock import Clock
from deskwatch.records import DeliveryState

EVERY_S: Final = 30.0
WITHIN: Final = timedelta(days=30)
ENOUGH: Final = 2  # different messages
MAX_FILES: Final = 10_000

_log = structlog.get_logger()

Name = tuple[str, int]  # path and inode


class Bounces:
    """Watches a maildir, or a directory of mails; `is_dead` says what follows."""

    def __init__(self, directory: Path, ledger: Ledger, metrics: AnsweringMetrics, clock: Clock) -> None:
        self._dir = directory
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self._read: dict[Name, Bounce | None] = {}
        self._keys: dict[Name, tuple[str, str]] = {}  # of hard ones: address and delivery key
        self._dead: frozenset[str] = frozenset()

    def is_dead(self, address: str) -> bool:
        """Return whether nothing is to be sent to an address any more."""
        return address in self._dead

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set."""
        while not stop.is_set():
            await self.look()
            try:
                await asyncio.wait_for(stop.wait(), EVERY_S)
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Take in what has come since the last time, and forget what is gone or old."""
        try:
            found = await asyncio.to_thread(self._scan)
        except OSError as error:
            _log.error("bounces.not_read", directory=str(self._dir), detail=error.strerror)
            return
        self._read = found
        kinds = Counter(dict.fromkeys(Kind, 0))
        for name, bounce in found.items():
            kinds[self._judge(name, bounce)] += 1
        self._keys = {name: key for name, key in self._keys.items() if name in found}
        self._conclude()
        for kind, number in kinds.items():
            self._metrics.bounces.labels(kind).set(number)

    def _judge(self, name: Name, bounce: Bounce | None) -> Kind:
        if bounce is None:
            return Kind.UNREADABLE
        if name in self._keys:
            return Kind.HARD
        rows = self._ledger.by_reference(bounce.message_id)
        mail = next((row for row in rows if row.channel == "mail" and row.address), None)
        if mail is None:
            return Kind.UNMATCHED
        if not bounce.is_hard:
            return Kind.SOFT
        self._keys[name] = (mail.address, mail.key)
        _log.warning("mail.bounced", target=mail.name, spike_id=mail.spike_id)
        return Kind.HARD

    def _conclude(self) -> None:
        messages = Counter(address for address, _ in set(self._keys.values()))
        dead = frozenset(address for address, number in messages.items() if number >= ENOUGH)
        if new := len(dead - self._dead):
            _log.error("mail.addresses_dead", new=new, dead=len(dead))
        self._dead = dead
        self._metrics.dead_addresses.set(len(dead))

    def _scan(self) -> dict[Name, Bounce | None]:
        """Return what there is, newest files first; each is read once."""
        since = (self._clock.now() - WITHIN).timestamp()
        files = sorted((entry for entry in _files(self._dir) if entry[1] >= since), key=lambda entry: -entry[1])
        return {name: self._read[name] if name in self._read else _read(name[0]) for name, _ in files[:MAX_FILES]}


class BarredChannel:
    """A mail channel that sends nothing to dead addresses, so that a fallback is told instead."""

    def __init__(self, channel: Channel, bounces: Bounces) -> None:
        self._channel = channel
        self._bounces = bounces

    async def send(self, frozen: Frozen) -> Outcome:
        """Send, or say that there is nobody."""
        if self._bounces.is_dead(frozen.address):
            detail = f"{ENOUGH} messages to it came back for good within {WITHIN.days} days"
            return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_TARGET, detail=detail)
        return await self._channel.send(frozen)

    async def look_up(self, frozen: Frozen) -> Lookup:
        """Look up as ever."""
        return await self._channel.look_up(frozen)

    async def close(self) -> None:
        """Close what is behind."""
        await self._channel.close()


def bar(channels: Mapping[str, Channel], bounces: Bounces) -> dict[str, Channel]:
    """Return channels of which that for mail knows dead addresses."""
    return {name: BarredChannel(one, bounces) if name == "mail" else one for name, one in channels.items()}


def _files(directory: Path) -> Iterator[tuple[Name, float]]:
    """Yield the mails of a maildir (`new`, `cur`) and those right in the directory, with their times."""
    if not directory.is_dir():
        raise NotADirectoryError(20, "is no directory", str(directory))
    for place in (directory, directory / "new", directory / "cur"):
        if not place.is_dir():
            continue
        with os.scandir(place) as entries:
            for entry in entries:
                try:
                    facts = entry.stat(follow_symlinks=False)
                except OSError:  # gone between two looks
                    continue
                if stat.S_ISREG(facts.st_mode) and not entry.name.startswith("."):
                    yield (entry.path, facts.st_ino), facts.st_mtime


def _read(path: str) -> Bounce | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # a path that the scan gave
            return read_bounce(file.read(MAX_BYTES))
    except OSError:  # moved from `new` to `cur`: it is found there the next time
        return None
