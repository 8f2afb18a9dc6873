"""The process in which documents are parsed, so that one of them can be killed and nothing else notices.

One process imports everything and then only forks: a child is there within milliseconds and shares the memory of
what was imported. Each child reads jobs from a socket of its own, within limits that hold inside C code too, because
nothing in Python has to run for them:

- CPU time: SIGPROF of an interval timer, started anew for each job; its default action ends the process;
- wall time: SIGALRM, likewise;
- memory: the address space, over which malloc fails.

Standard input is the control socket. It receives one number and one socket for each child wanted, and answers when a
child was forked and when it ended. All of this ends with the other end of that socket.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Final

import msgspec

from deskwatch.errors import ParseError
from producers.reading.jobs import Job, Reading

DEFAULT_READ: Final = "producers.reading.reading:read"

WANTED: Final = struct.Struct("<I")  # the number of a child; its socket travels beside it
REPORT: Final = struct.Struct("<BIi")  # kind, number, pid or exit status
READY, FORKED, ENDED = range(3)

LENGTH: Final = struct.Struct("<I")  # before a job
ANSWER: Final = struct.Struct("<IBB")  # length, kind, whether the process ends after it
READ, REFUSED, OUT_OF_MEMORY = range(3)

_MAX_FILES: Final = 64  # codecs and models are opened when first needed
_MAX_DETAIL: Final = 500

Read = Callable[[Job], Reading]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one job may take."""

    cpu_s: float
    wall_s: float
    memory_bytes: int  # resident, with everything that was imported


def main() -> None:
    """Serve the control socket on standard input until it closes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--read", default=DEFAULT_READ, help="module:function from a Job to a Reading")
    parser.add_argument("--cpu-s", type=float, required=True)
    parser.add_argument("--wall-s", type=float, required=True)
    parser.add_argument("--memory-bytes", type=int, required=True)
    options = parser.parse_args()
    module, _, name = options.read.partition(":")
    read: Read = getattr(import_module(module), name)
    if options.read == DEFAULT_READ:
        warm_up(read)
    with suppress(OSError):  # if memory runs out on this machine, a parser is what to lose
        Path("/proc/self/oom_score_adj").write_text("1000")
    gc.collect()
    gc.freeze()  # else the children's collections would copy every page they share
    limits = Limits(cpu_s=options.cpu_s, wall_s=options.wall_s, memory_bytes=options.memory_bytes)
    serve(socket.socket(fileno=os.dup(0)), read, limits)


def serve(control: socket.socket, read: Read, limits: Limits) -> None:
    """Fork a child for each socket that `control` brings, and report how each of them ends."""
    children: dict[int, int] = {}  # pid -> number
    woken, waker = socket.socketpair()
    for end in (woken, waker):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    control.sendall(REPORT.pack(READY, 0, os.getpid()))
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                with suppress(BlockingIOError):
                    woken.recv(4096)
                for pid, status in _reap():
                    control.sendall(REPORT.pack(ENDED, children.pop(pid, 0), status))
            if control in ready:
                message, descriptors, _, _ = socket.recv_fds(control, WANTED.size, 1)
                if not message:
                    return
                link = socket.socket(fileno=descriptors[0])
                pid = os.fork()
                if pid == 0:
                    for inherited in (control, woken, waker, selector):
                        inherited.close()
                    os.close(0)
                    _live(link, read, limits)
                link.close()
                (children[pid],) = WANTED.unpack(message)
                control.sendall(REPORT.pack(FORKED, children[pid], pid))


def work(link: socket.socket, read: Read, limits: Limits) -> None:
    """Answer jobs until the other end closes, or until this process had better not go on."""
    decoder = msgspec.msgpack.Decoder(Job)
    memory = _resident_bytes() + limits.memory_bytes // 4
    while (frame := _receive(link)) is not None:
        signal.setitimer(signal.ITIMER_PROF, limits.cpu_s)
        signal.setitimer(signal.ITIMER_REAL, limits.wall_s)
        kind, body = _answer(decoder, read, frame)
        signal.setitimer(signal.ITIMER_REAL, 0)
        is_last = kind == OUT_OF_MEMORY or _resident_bytes() > memory  # which Python rarely gives back
        del frame
        link.sendall(ANSWER.pack(len(body), kind, is_last))
        link.sendall(body)
        if is_last:
            return


def _live(link: socket.socket, read: Read, limits: Limits) -> None:
    """Be a child; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _confine(limits)
        work(link, read, limits)
        code = 0
    except OSError:  # nobody waits for the answer any more
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def _answer(decoder: msgspec.msgpack.Decoder[Job], read: Read, frame: bytearray) -> tuple[int, bytes]:
    try:
        return READ, msgspec.msgpack.encode(read(decoder.decode(frame)))
    except ParseError as error:
        return REFUSED, str(error).encode(errors="replace")
    except MemoryError:
        return OUT_OF_MEMORY, b"out of memory"
    except Exception as error:  # noqa: BLE001 - hostile input finds errors in every library; the answer names them
        return REFUSED, f"{type(error).__name__}: {error}".encode(errors="replace")[:_MAX_DETAIL]


def _receive(link: socket.socket) -> bytearray | None:
    """Return the next job, None at the end."""
    head = link.recv(LENGTH.size, socket.MSG_WAITALL)
    if len(head) < LENGTH.size:
        return None
    frame = bytearray(LENGTH.unpack(head)[0])
    view = memoryview(frame)
    while view:
        count = link.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return frame


def _confine(limits: Limits) -> None:
    """Give up what parsing does not need."""
    sys.dont_write_bytecode = True
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, _MAX_FILES),
    ):
        resource.setrlimit(kind, (most, most))
    try:
        pages, resident = map(int, Path("/proc/self/statm").read_text().split()[:2])
    except OSError:  # not Linux: no bound
        return
    page = resource.getpagesize()
    most = pages * page + max(limits.memory_bytes - resident * page, 0)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _resident_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _reap() -> list[tuple[int, int]]:
    """Return the pid and exit code (minus the signal) of each child that ended."""
    ended = []
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append((found[0], os.waitstatus_to_exitcode(found[1])))
    return ended


def warm_up(read: Read) -> None:
    """Read a small feed, so that what is loaded when first needed is there before the first fork."""
    title = "The council of ministers said on Monday that the new harbour would open next week"
    item = f"<item><guid>1</guid><title>{title}</title><description>&lt;p&gt;{title}&lt;/p&gt;</description></item>"
    body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>{item}</channel></rss>'
    for encoded in (body.encode(), body.encode("utf-16"), b"no feed"):
        with suppress(ParseError):
            read(Job(feed_id="", body=encoded, url="http://localhost/", now=datetime.now(UTC)))


if __name__ == "__main__":
    main()
