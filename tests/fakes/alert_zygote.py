"""A program that forks alerting services on demand, for tests that kill many of them: a fork starts in milliseconds.

Each line on stdin forks one service, whose process id is the answer on stdout; the line `reap` waits for the last one.
A service reads spikes from a file instead of a topic, with a committed offset in another, and is all real otherwise.

    python alert_zygote.py DIRECTORY    (with config.json, spikes.jsonl and the configuration in it)
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry

from alerting.intake import Arrival
from alerting.ledger import Change, Ledger
from alerting.service import Service
from alerting.settings import AlertingSettings
from alerting.subscriptions import load
from alerting.wiring import create_channels
from deskwatch import codec
from deskwatch.clock import SystemClock
from deskwatch.records import DeadLetter, Spike
from deskwatch.telemetry import configure_logging

BATCH = 4


class FileSource:
    """Lines of spikes.jsonl, from the committed one on."""

    def __init__(self, directory: Path) -> None:
        self._lines = (directory / "spikes.jsonl").read_bytes().splitlines()
        self._committed = directory / "offset"
        self._next = int(self._committed.read_text()) if self._committed.exists() else 0

    async def read(self) -> Sequence[Arrival]:
        lines = self._lines[self._next : self._next + BATCH]
        if not lines:
            await asyncio.sleep(0.05)
            return []
        headers = tuple(codec.headers_of(msgspec.json.decode(lines[0], type=Spike)))
        first, self._next = self._next, self._next + len(lines)
        return [
            Arrival(topic="spikes", partition=0, offset=first + i, recorded_at=0.0, value=line, headers=headers)
            for i, line in enumerate(lines)
        ]

    async def commit(self) -> None:
        draft = self._committed.with_suffix(".draft")
        draft.write_text(str(self._next))
        draft.replace(self._committed)

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        raise AssertionError(letters)


class FileMirror:
    """Appends changes to deliveries.jsonl."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "deliveries.jsonl"

    async def publish(self, changes: Sequence[Change]) -> None:
        with self._file.open("ab") as file:
            file.write(b"".join(change.record + b"\n" for change in changes))


async def serve(directory: Path) -> None:
    config = json.loads((directory / "config.json").read_text())
    settings = msgspec.convert(config, AlertingSettings)
    roster = load(directory)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    with Ledger(directory) as ledger:
        await Service(
            ledger,
            roster,
            FileSource(directory),
            FileMirror(directory),
            create_channels(settings, roster, os.environ),
            settings=settings,
            registry=CollectorRegistry(),
            clock=SystemClock(),
        ).run(stop)


def main() -> None:
    directory = Path(sys.argv[1])
    configure_logging("error", as_json=False)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # a service that is not yet up gets it later
    child = 0
    for line in sys.stdin:
        if line.strip() == "reap":
            _, status = os.waitpid(child, 0)
            sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
            sys.stdout.flush()
            continue
        child = os.fork()
        if child == 0:
            asyncio.run(serve(directory))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
