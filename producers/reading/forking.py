"""The event loop's side of parsing processes: one process to fork them, one socket to talk to each; see `worker`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, cast

import structlog

from deskwatch.errors import ServiceError
from producers.reading.worker import ANSWER, ENDED, FORKED, LENGTH, READY, REPORT, WANTED

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024

_START_S: Final = 60.0  # importing takes half a second on an idle machine
_END_S: Final = 2.0  # between the end of a process's socket and the news of how it ended
_NICE: Final = 10
_NAME: Final = "the parsing processes"

log = structlog.get_logger()


class Lost(Exception):
    """A parsing process that ended without an answer."""


class Link(asyncio.Protocol):
    """One parsing process; it gets one job at a time."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.pid: int | None = None  # None until it was forked
        self.ended: asyncio.Future[int | None] = loop.create_future()  # exit code, minus the signal; None: unknown
        self.jobs = 0
        self.is_open = True  # and will answer another job
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._received = bytearray()

    def ask(self, job: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a job; the future brings the kind and body of its answer, or raises Lost."""
        self._answer = asyncio.get_running_loop().create_future()
        self.jobs += 1
        if self._transport is None or self._transport.is_closing():
            self._answer.set_exception(Lost())
        else:
            self._transport.writelines((LENGTH.pack(len(job)), job))
        return self._answer

    def close(self) -> None:
        """Let the process go: it ends when it next reads or writes, and its limits see to it that it will."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def yield_to_others(self) -> None:
        """Lower the process's priority for good."""
        if self.pid is not None and not self.ended.done():
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self.pid, _NICE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit from it

    def data_received(self, data: bytes) -> None:
        """Collect an answer."""
        received = self._received
        received += data
        if len(received) < ANSWER.size:
            return
        length, kind, is_last = ANSWER.unpack_from(received)
        if length > MAX_ANSWER_BYTES:
            self.close()
        elif len(received) >= ANSWER.size + length:
            body = bytes(received[ANSWER.size : ANSWER.size + length])
            received.clear()
            if is_last:
                self.close()
            if self._answer is not None and not self._answer.done():
                self._answer.set_result((kind, body))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - either way it is gone
        """Tell whoever waits."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Lost())


class Forker:
    """The process that forks parsing processes; started when first needed, and again if it ended."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, "-P", "-W", "ignore", "-m", "producers.reading.worker", *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready: asyncio.Future[None] | None = None
        self._links: dict[int, Link] = {}
        self._number = 0
        self._starting = asyncio.Lock()
        self._is_closed = False

    async def start(self) -> None:
        """Return once it can fork.

        Raises:
            ServiceError: it ended instead, or takes longer than a minute.
        """
        async with self._starting:
            if self._is_closed:
                raise ServiceError(_NAME, "closed")
            if self._control is not None:
                return
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            with theirs:
                self._process = _start(self._command, theirs)
            loop = asyncio.get_running_loop()
            self._control, self._ready = ours, loop.create_future()
            loop.add_reader(ours, self._receive)
            try:
                await asyncio.wait_for(self._ready, _START_S)
            except TimeoutError:
                self._end()
                raise ServiceError(_NAME, f"not ready within {_START_S:.0f} s") from None

    async def fork(self) -> Link:
        """Return a new process; jobs may be sent at once."""
        await self.start()
        ours, theirs = socket.socketpair()
        number = self._number = self._number % 0xFFFFFFF0 + 1
        loop = asyncio.get_running_loop()
        with theirs:
            _, link = await loop.create_unix_connection(Link, sock=ours)
            self._links[number] = link
            if not self._ask_for(number, theirs):  # it ended this very moment; the link ends with `theirs`
                self._forget(number, None)
        return link

    async def close(self) -> None:
        """End it and everything it forked, for good."""
        self._is_closed = True
        process, self._process = self._process, None
        self._disconnect(ServiceError(_NAME, "closed"))
        if process is not None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
            await asyncio.to_thread(process.wait)

    def _ask_for(self, number: int, link: socket.socket) -> bool:
        """Ask for a process at the other end of a link; returns whether that was possible."""
        if self._control is None:
            return False
        try:
            socket.send_fds(self._control, [WANTED.pack(number)], [link.fileno()])
        except OSError:
            return False
        return True

    def _receive(self) -> None:
        if self._control is None:
            return
        try:
            data = self._control.recv(REPORT.size * 256)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
        # Reports are far smaller than a socket's buffer, so none arrives in pieces.
        for kind, number, value in REPORT.iter_unpack(data):
            if kind == READY and self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
            elif kind == FORKED and number in self._links:
                self._links[number].pid = value
            elif kind == ENDED:
                self._forget(number, value)

    def _end(self) -> None:
        """Take note that the process has ended, or is about to."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        log.warning("parsers.ended", code=code)
        self._disconnect(ServiceError(_NAME, f"ended with {code}", code=code))

    def _disconnect(self, error: ServiceError) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()  # nobody need be waiting
        for number in tuple(self._links):
            self._forget(number, None)

    def _forget(self, number: int, status: int | None) -> None:
        link = self._links.pop(number, None)
        if link is not None and not link.ended.done():
            link.ended.set_result(status)


async def find_end(link: Link) -> int | None:
    """Return how a lost process ended: its exit code, or minus the signal; None if nobody knows."""
    with suppress(TimeoutError):
        return await asyncio.wait_for(asyncio.shield(link.ended), _END_S)
    return None


def _start(command: Sequence[str], control: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=control.fileno(),
        stdout=subprocess.DEVNULL,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},  # threads cannot be forked
        start_new_session=True,  # Ctrl-C is for us alone, and one signal ends it with all it forked
    )
