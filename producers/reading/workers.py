"""Documents read in processes that may be killed, so that a hostile one costs two seconds and delays nobody else.

Three things keep the others going. A document that is large, or whose feed killed a process before, waits for a lane
where one is read at a time. A job that turns out slow leaves its lane to the next one and goes on at low priority, in
a process that ends with it. And a process that was killed is replaced by a fork, which takes milliseconds.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from deskwatch.errors import KillReason, ParseError, ParserKilled, ServiceError
from producers.reading.forking import Forker, Link, Lost, find_end
from producers.reading.jobs import Job, Reading
from producers.reading.worker import DEFAULT_READ, OUT_OF_MEMORY, REFUSED

LARGE_BYTES: Final = 2 * 1024 * 1024  # in the lane of the large ones from here on
SLOW_S: Final = 0.25  # a job that takes longer leaves its lane
MAX_SLOW: Final = 4  # jobs outside their lanes at one time

_ATTEMPTS: Final = 3  # when all processes end at once
_REASONS: Final = {
    -signal.SIGPROF: KillReason.CPU,
    -signal.SIGALRM: KillReason.TIME,
    -signal.SIGKILL: KillReason.MEMORY,  # we send none to a single process; the kernel does when memory runs out
    OUT_OF_MEMORY: KillReason.MEMORY,
    0: KillReason.MEMORY,  # it ended because we hung up: its answer would have been too large
}


class Workers:
    """Reads documents in processes of their own; use it as `async with`, or call `start` and `close`.

    Args:
        processes: Jobs at one time, slow, large and suspect ones not counted.
        cpu_s: CPU time for one job.
        memory_bytes: For one process, with everything it has imported.
        wall_s: Time for one job.
        recycle: Jobs after which a process is replaced.
        on_kill: Hears of each job that ended its process.
        read: `module:function`, from a Job to a Reading, as the processes import it.
    """

    def __init__(
        self,
        *,
        processes: int,
        cpu_s: float = 2.0,
        memory_bytes: int = 512 * 1024 * 1024,
        wall_s: float = 10.0,
        recycle: int = 5_000,
        on_kill: Callable[[KillReason], object] = lambda _reason: None,
        read: str = DEFAULT_READ,
    ) -> None:
        limits = [f"--cpu-s={cpu_s}", f"--wall-s={wall_s}", f"--memory-bytes={memory_bytes}"]
        self._forker = Forker([f"--read={read}", *limits])
        self._lane = _Lane(self._forker, processes, recycle)
        self._slow_lane = _Lane(self._forker, 1, recycle)
        self._slow = 0
        self._on_kill = on_kill
        self._feeds: dict[str, asyncio.Future[None]] = {}
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Reading).decode

    async def __aenter__(self) -> Workers:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Return once documents can be read.

        Raises:
            ServiceError: the processes cannot be started.
        """
        await self._forker.start()

    async def close(self) -> None:
        """End all processes; jobs in them are lost."""
        self._lane.close()
        self._slow_lane.close()
        await self._forker.close()

    async def read(self, job: Job, *, suspect: bool = False) -> Reading:
        """Return what a document holds.

        Args:
            job: One feed has one job at a time; others wait.
            suspect: It may well kill its process, because its feed's last document did.

        Raises:
            ParseError: this is no feed.
            ParserKilled: reading it took more than it may, and ended the process.
            ServiceError: there are no processes to be had.
        """
        lane = self._slow_lane if suspect or len(job.body) > LARGE_BYTES else self._lane
        async with self._alone(job.feed_id):
            for _ in range(_ATTEMPTS):
                async with lane.take() as ticket:
                    try:
                        kind, body = await self._ask(ticket, self._encode(job))
                    except Lost:
                        status = await find_end(ticket.link)
                        if status is not None:
                            raise self._kill(job, _REASONS.get(status, KillReason.CRASH)) from None
                        await self._forker.start()  # no fault of the document: what forks them is gone too
                    else:
                        return self._open(job, kind, body)
            raise ServiceError("the parsing processes", f"ended {_ATTEMPTS} times while reading {job.feed_id}")

    async def _ask(self, ticket: _Ticket, frame: bytes) -> tuple[int, bytes]:
        answer = ticket.link.ask(frame)
        timer = asyncio.get_running_loop().call_later(SLOW_S, self._let_pass, ticket)
        try:
            return await answer
        finally:
            timer.cancel()
            if ticket.is_outside:
                self._slow -= 1
            if not answer.done() or answer.cancelled():
                ticket.link.close()

    def _let_pass(self, ticket: _Ticket) -> None:
        """Take a slow job out of its lane."""
        ticket.link.yield_to_others()
        if self._slow < MAX_SLOW and ticket.lane is not self._slow_lane:
            self._slow += 1
            ticket.leave()

    def _open(self, job: Job, kind: int, body: bytes) -> Reading:
        if kind == OUT_OF_MEMORY:
            raise self._kill(job, KillReason.MEMORY)
        if kind == REFUSED:
            raise ParseError(job.feed_id, body.decode(errors="replace").removeprefix(str(ParseError(job.feed_id, ""))))
        return self._decode(body)

    def _kill(self, job: Job, reason: KillReason) -> ParserKilled:
        self._on_kill(reason)
        return ParserKilled(job.feed_id, reason, f"{len(job.body):,} bytes ended their process ({reason})")

    @asynccontextmanager
    async def _alone(self, feed_id: str) -> AsyncIterator[None]:
        while (other := self._feeds.get(feed_id)) is not None:
            await asyncio.wait([other])
        done = self._feeds[feed_id] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._feeds[feed_id]
            done.set_result(None)


class _Lane:
    """Room for some jobs at one time, first come first served, and processes for them."""

    def __init__(self, forker: Forker, width: int, recycle: int) -> None:
        self._forker = forker
        self._room = asyncio.Semaphore(width)
        self._recycle = recycle
        self._idle: list[Link] = []

    @asynccontextmanager
    async def take(self) -> AsyncIterator[_Ticket]:
        """Wait for room and yield a process."""
        await self._room.acquire()
        ticket = None
        try:
            while self._idle and not self._idle[-1].is_open:
                self._idle.pop()
            ticket = _Ticket(self, self._idle.pop() if self._idle else await self._forker.fork())
            yield ticket
        finally:
            if ticket is None or not ticket.is_outside:
                self._room.release()
            if ticket is not None:
                self._take_back(ticket)

    def give_room(self) -> None:
        """Let one more job in."""
        self._room.release()

    def close(self) -> None:
        """End the idle processes."""
        for link in self._idle:
            link.close()
        self._idle.clear()

    def _take_back(self, ticket: _Ticket) -> None:
        link = ticket.link
        if ticket.is_outside or link.jobs >= self._recycle:
            link.close()
        elif link.is_open:
            self._idle.append(link)


class _Ticket:
    """One job's place in a lane, and its process."""

    def __init__(self, lane: _Lane, link: Link) -> None:
        self.lane = lane
        self.link = link
        self.is_outside = False  # no longer in the lane

    def leave(self) -> None:
        """Go on outside the lane."""
        self.is_outside = True
        self.lane.give_room()
