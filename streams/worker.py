"""Runs the app in this process, through Faust's own command line, with our logs and with an end to its shutdown."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

import faust
import structlog

REPEAT_S: Final = 30.0
MAX_KINDS: Final = 1_000

log = structlog.get_logger()


class StreamWorker(faust.Worker):  # type: ignore[misc]  # Faust is untyped here
    """Faust's worker without its logging setup, and one that ends."""

    def __init__(self, *args: Any, stop_within_s: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stop_within_s = stop_within_s
        self.spinner = None  # it writes to stdout, and hides the cursor

    def _setup_logging(self) -> None:
        """Pass on the libraries' warnings as events of ours; Faust would print its own format and take over stdout."""
        root = logging.getLogger()
        root.handlers[:] = [LibraryLogs()]
        root.setLevel(logging.WARNING)

    def _on_sigterm(self) -> None:
        self._end_in_time(0)
        super()._on_sigterm()

    def _on_sigint(self) -> None:
        self._end_in_time(0)
        self._schedule_shutdown(2)  # Faust's own prints to the terminal

    def _crash(self, reason: BaseException) -> None:
        self._end_in_time(1)
        super()._crash(reason)

    def _end_in_time(self, code: int) -> None:
        # Faust's shutdown hangs now and then (4 of 100). What is not acknowledged is read again by the next worker, so
        # ending it hard loses nothing.
        timer = threading.Timer(self._stop_within_s, _end, (code,))
        timer.daemon = True
        timer.start()


class LibraryLogs(logging.Handler):
    """Turns the records of the standard library's logging into structlog events.

    One that comes again within REPEAT_S is only counted: clients that have lost their broker would write a hundred
    lines a second.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._said: dict[tuple[str, str], tuple[float, int]] = {}  # logger and template: when, how often since

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, unless its like was written a moment ago."""
        now, like = self._monotonic(), (record.name, str(record.msg)[:200])
        said_at, since = self._said.get(like, (-REPEAT_S, 0))
        if now - said_at < REPEAT_S:
            self._said[like] = said_at, since + 1
            return
        if len(self._said) >= MAX_KINDS:
            self._said.clear()
        self._said[like] = now, 0
        level = min(record.levelno, logging.ERROR)
        more = {"repeated": since} if since else {}
        log.log(level, "library.logged", logger=record.name, text=record.getMessage(), exc_info=record.exc_info, **more)


def run_worker(app: faust.App) -> NoReturn:
    """Run the app until SIGTERM or SIGINT (exit code 0) or until it fails (1)."""
    from faust.cli.faust import cli  # importing it changes how the process prints

    # `loop="uvloop"` as a setting of the app crashes; on the command line it works, and gives a third more throughput.
    cli(app=app, args=["--quiet", "--loop", "uvloop", "worker", "--without-web"], prog_name="deskwatch stream")
    raise SystemExit(1)  # for mypy: the line above ends by SystemExit


def _end(code: int) -> None:
    log.warning("worker.ended_hard", code=code)
    os._exit(code)
