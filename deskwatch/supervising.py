"""Child processes of one run: started, restarted when they die, ended with us.

Each child has its own session (a terminal's Ctrl-C is for us, we end the children) and its own log file, and on Linux
it is killed when we are. Start them from the main thread: Linux takes the end of the starting thread for our own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

import msgspec
import structlog

from deskwatch.errors import ServiceError

DESKWATCH: Final = (sys.executable, "-P", "-m", "deskwatch.cli")  # -P: a directory we are run in shadows no package
END_S: Final = 10.0  # between SIGTERM and SIGKILL; a Faust worker may hang on the first
POLL_S: Final = 0.1
BACKOFF_S: Final = 0.5
BACKOFF_MAX_S: Final = 30.0
STEADY_S: Final = 60.0  # who lived so long starts afresh with short backoffs
TAIL_LINES: Final = 12

_PR_SET_PDEATHSIG: Final = 1

log = structlog.get_logger()


class AtEnd(StrEnum):
    """What it means when a program ends by itself."""

    RESTART = "restart"  # start it again, after a while
    FAIL = "fail"  # the whole run is over
    FINISH = "finish"  # with exit code 0 it has done its work; anything else is FAIL


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: arguments after the supervisor's command, variables on top of our own environment.

    Attributes:
        captured: Whether stdout goes to a file of its own instead of to ours.
        foundation: The others need it: it is ended after all of them.
    """

    name: str
    arguments: tuple[str, ...]
    environ: Mapping[str, str] = {}
    at_end: AtEnd = AtEnd.RESTART
    captured: bool = False
    foundation: bool = False


class Child:
    """One supervised program.

    Attributes:
        log: The file that gets its stderr, appended to over restarts.
        output: The file that gets its stdout, if captured.
        finished: Whether it ended with exit code 0, as a program that may do so.
    """

    def __init__(self, program: Program, directory: Path) -> None:
        self.program = program
        self.log = directory / f"{program.name}.log"
        self.output = directory / f"{program.name}.out"
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.restart_at: float | None = None
        self.failures = 0
        self.finished = False

    def tail(self) -> str:
        """Return the last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])


class Supervisor:
    """Runs programs until it is closed; a context manager, and not for use by several threads.

    Args:
        directory: Where the logs go.
        environ: What every child gets, before its program's own variables.
        command: What comes before every program's arguments.
        end_s: Seconds that children get between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        directory: Path,
        environ: Mapping[str, str],
        *,
        command: Sequence[str] = DESKWATCH,
        end_s: float = END_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._environ = dict(environ)
        self._command = tuple(command)
        self._end_s = end_s
        self._monotonic = monotonic
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, program: Program) -> Child:
        """Start a program and watch over it from now on."""
        child = Child(program, self._directory)
        child.output.unlink(missing_ok=True)  # whoever reads it must not find an earlier run's words
        self._children.append(child)
        self._spawn(child)
        return child

    def check(self) -> None:
        """Look after the children once: note who ended, start again who shall.

        Raises:
            ServiceError: a program ended that must not.
        """
        now = self._monotonic()
        for child in self._children:
            if child.restart_at is not None and now >= child.restart_at:
                self._spawn(child)
            elif child.process is not None and (code := child.process.poll()) is not None:
                child.process = None
                self._ended(child, code, now)

    def run(self, stop: threading.Event) -> None:
        """Look after the children until `stop` is set.

        Raises:
            ServiceError: as `check`.
        """
        while not stop.wait(POLL_S):
            self.check()

    def wait(self, condition: Callable[[], bool], what: str, child: Child, timeout_s: float) -> None:
        """Look after the children until `condition` holds.

        Raises:
            ServiceError: as `check`, or naming `child` and `what` was waited for after `timeout_s` seconds.
        """
        deadline = self._monotonic() + timeout_s
        while not condition():
            self.check()
            if self._monotonic() > deadline:
                raise ServiceError(child.program.name, f"{what} not seen in {timeout_s:.0f} s\n{child.tail()}")
            time.sleep(POLL_S / 2)

    def close(self) -> None:
        """End all children: SIGTERM, then SIGKILL for those that still live; the foundations after the others."""
        for foundation in (False, True):
            running = [
                (child, child.process)
                for child in self._children
                if child.process is not None and child.program.foundation is foundation
            ]
            for _, process in running:
                process.terminate()
            deadline = self._monotonic() + self._end_s
            for child, process in running:
                try:
                    process.wait(max(0.0, deadline - self._monotonic()))
                except subprocess.TimeoutExpired:
                    log.warning("service.killed", service=child.program.name, waited_s=self._end_s)
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                child.process = None
        self._children.clear()

    def _spawn(self, child: Child) -> None:
        program = child.program
        child.restart_at = None
        child.started_at = self._monotonic()
        with ExitStack() as files:
            child.process = subprocess.Popen(
                [*self._command, *program.arguments],
                env={**self._environ, **program.environ},
                stdin=subprocess.DEVNULL,
                stdout=files.enter_context(child.output.open("ab")) if program.captured else None,
                stderr=files.enter_context(child.log.open("ab")),
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
        log.info("service.started", service=program.name, pid=child.process.pid, log=str(child.log))

    def _ended(self, child: Child, code: int, now: float) -> None:
        program = child.program
        if program.at_end is AtEnd.FINISH and code == 0:
            child.finished = True
            log.info("service.finished", service=program.name)
            return
        if program.at_end is not AtEnd.RESTART:
            raise ServiceError(program.name, f"ended with {_say(code)}, see {child.log}\n{child.tail()}", code=code)
        child.failures = 0 if now - child.started_at >= STEADY_S else child.failures + 1
        wait_s = min(BACKOFF_S * 2**child.failures, BACKOFF_MAX_S)
        child.restart_at = now + wait_s
        last = child.tail().rpartition("\n")[2]  # mostly what was wrong with its config
        log.warning(
            "service.ended", service=program.name, code=code, restart_in_s=wait_s, said=last, log=str(child.log)
        )


def _say(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _die_with_parent() -> Callable[[], None] | None:
    """Return what a child runs so that Linux kills it when we are killed; elsewhere nothing does."""
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was killed before we could ask
            os._exit(1)

    return ask
