"""A program that forks alerting services on demand, for tests that kill many of them: a fork starts in milliseconds.

A line `start STATE [WRITES]` on stdin forks a service with the ledger in the directory STATE, whose process id is the
answer on stdout; it kills itself after so many durable writes if WRITES is given. The line `reap PID` waits for one.
Services read spikes from a file instead of a topic, and mirror their ledger to another; all else is real.

    python alert_zygote.py DIRECTORY    (with config.json, spikes.jsonl and the configuration in it)
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry

from alerting.channels.wiring import create_channels
from alerting.deciding.intake import Arrival
from alerting.ledger.ledger import Change, Ledger
from alerting.rules.subscriptions import load
from alerting.service import Service
from alerting.settings import AlertingSettings
from deskwatch import codec
from deskwatch.clock import SystemClock
from deskwatch.errors import SupersededError
from deskwatch.records import DeadLetter, Delivery, Spike
from deskwatch.telemetry import configure_logging

BATCH = 4
SUPERSEDED = 3  # exit code of a service that finds another one in its place

Wrote = Callable[[], None]


class CountedLedger(Ledger):
    """Tells of every change that is on the disk."""

    def __init__(self, directory: Path, owner: str, wrote: Wrote) -> None:
        self._wrote = wrote
        super().__init__(directory, owner)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with super().transaction():
            yield
        if not self._db.in_transaction:
            self._wrote()


class FileSource:
    """Lines of spikes.jsonl, from the committed one on."""

    def __init__(self, directory: Path, wrote: Wrote) -> None:
        self._lines = (directory / "spikes.jsonl").read_bytes().splitlines()
        self._committed = directory / "offset"
        self._next = int(self._committed.read_text()) if self._committed.exists() else 0
        self._wrote = wrote

    async def read(self) -> Sequence[Arrival]:
        first, self._next = self._next, min(self._next + BATCH, len(self._lines))
        if first == self._next:
            await asyncio.sleep(0.05)
        return self._arrivals(first, self._next)

    async def commit(self) -> None:
        draft = self._committed.with_suffix(f".{os.getpid()}")
        draft.write_text(str(self._next))
        draft.replace(self._committed)
        self._wrote()

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        raise AssertionError(letters)

    async def earlier(self) -> Sequence[Arrival]:
        return self._arrivals(0, self._next)

    def is_assigned(self) -> bool:
        return True

    def _arrivals(self, first: int, end: int) -> list[Arrival]:
        headers = ((codec.HEADER, codec.schema_name(Spike).encode()),)
        return [
            Arrival(topic="spikes", partition=0, offset=first + i, recorded_at=0.0, value=line, headers=headers)
            for i, line in enumerate(self._lines[first:end])
        ]


class FileMirror:
    """Appends changes to deliveries.jsonl, behind the number of its term; what a later term finds behind its own
    beginning with another number is void, as what a fenced producer writes."""

    def __init__(self, directory: Path, wrote: Wrote) -> None:
        self._path = directory / "deliveries.jsonl"
        self._wrote = wrote
        self._term = b""
        self._checked = 0

    async def take_over(self) -> None:
        self._term = f"{os.getpid()}".encode()
        self._append(b"term " + self._term + b"\n")
        self._checked = self._path.read_bytes().rindex(b"term " + self._term + b"\n")

    async def deliveries(self) -> Sequence[Delivery]:
        return read_deliveries(self._path)

    async def publish(self, changes: Sequence[Change]) -> None:
        self._append(b"".join(self._term + b" " + change.record + b"\n" for change in changes))
        self._wrote()
        with self._path.open("rb") as file:
            file.seek(self._checked)
            lines = file.read().splitlines(keepends=True)
        mine = True
        for line in lines:
            if line.startswith(b"term "):
                mine = line == b"term " + self._term + b"\n"
            elif line.startswith(self._term + b" ") and not mine:
                raise SupersededError("deliveries")
            if mine:
                self._checked += len(line)

    def _append(self, lines: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, b"\n" + lines)  # a kill may have torn the line before
        finally:
            os.close(descriptor)


def read_deliveries(path: Path) -> list[Delivery]:
    """Return what the mirror holds, without what is void."""
    found, term = [], b""
    for line in path.read_bytes().splitlines() if path.exists() else ():
        head, _, rest = line.partition(b" ")
        if head == b"term":
            term = rest
        elif head == term:
            with suppress(msgspec.DecodeError):  # torn by a kill, so never acknowledged: nothing followed from it
                found.append(msgspec.json.decode(rest, type=Delivery))
    return found


async def serve(directory: Path, state: str, wrote: Wrote) -> None:
    config = json.loads((directory / "config.json").read_text())
    settings = msgspec.convert(config, AlertingSettings)
    roster = load(directory)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    with CountedLedger(directory / state, state, wrote) as ledger:
        await Service(
            ledger,
            roster,
            FileSource(directory, wrote),
            FileMirror(directory, wrote),
            create_channels(settings, roster, os.environ),
            settings=settings,
            registry=CollectorRegistry(),
            clock=SystemClock(),
        ).run(stop)


def counting(writes: int) -> Wrote:
    """Return what kills this process after so many writes; never if that is 0."""
    left = writes

    def wrote() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return wrote


def run(directory: Path, state: str, writes: int) -> None:
    try:
        asyncio.run(serve(directory, state, counting(writes)))
    except* SupersededError:
        os._exit(SUPERSEDED)
    os._exit(0)


def main() -> None:
    directory = Path(sys.argv[1])
    configure_logging("error", as_json=False)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # a service that is not yet up gets it later
    for line in sys.stdin:
        verb, what, *more = line.split()
        if verb == "reap":
            _, status = os.waitpid(int(what), 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                run(directory, what, int(more[0]) if more else 0)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
