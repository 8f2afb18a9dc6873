"""`deskwatch stream` as processes that come, go, die and stop."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

MOST_WORKERS: Final = 4
CAUGHT_UP_S: Final = 120.0
STOPPED_S: Final = 15.0


class Worker:
    """`deskwatch stream`, started again after each kill."""

    def __init__(self, name: str, directory: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.directory = directory
        self.environment = environment
        self.starts = 0
        self.resume_at: float | None = None
        self.start()

    def start(self) -> None:
        self.starts += 1
        self.log = self.directory / f"{self.name}-{self.starts}.log"
        with self.log.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deskwatch.cli", "stream"], stderr=stderr, env=self.environment
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.resume_at = None
        self.start()

    def leave(self) -> None:
        self.was_ready = self.get("/readyz") is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.send_signal(signal.SIGCONT)  # one that is stopped hears nothing

    def stop_for(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        self.resume_at = time.monotonic() + seconds

    def tend(self) -> None:
        """Do as a supervisor does, and let a stopped one go on when its time has come."""
        if self.process.poll() is not None:
            self.start()
        if self.resume_at is not None and time.monotonic() >= self.resume_at:
            self.process.send_signal(signal.SIGCONT)
            self.resume_at = None

    def get(self, path: str) -> str | None:
        found = re.search(r'"port": (\d+)', self.log.read_text())
        if not found:
            return None
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    def metrics(self) -> dict[str, float]:
        lines = (self.get("/metrics") or "").splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


class Crew:
    """From 1 to MOST_WORKERS workers."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._directory = directory
        self._environment = environment
        self.at_work: list[Worker] = []
        self.leaving: list[Worker] = []

    def join(self, **environment: str) -> None:
        name = f"worker-{len(self.at_work) + len(self.leaving)}"
        self.at_work.append(Worker(name, self._directory, self._environment | environment))

    def leave(self, worker: Worker) -> None:
        worker.leave()
        self.at_work.remove(worker)
        self.leaving.append(worker)

    def leave_all(self) -> None:
        """Have all workers leave, and assert that each one that ever did ended well."""
        for worker in list(self.at_work):
            self.leave(worker)
        for worker in self.leaving:
            early = -signal.SIGTERM  # the end of a process that hears it before it has begun to listen
            code = worker.process.wait(STOPPED_S)
            assert code == 0 or (code == early and not worker.was_ready), worker.log.read_text()[-2000:]

    def suffer(self, kind: str, chance: random.Random) -> str:
        """Let one of the faults happen; return which it was: the last worker does not leave."""
        if kind in ("join", "leave"):
            kind = "join" if len(self.at_work) == 1 else "leave" if len(self.at_work) == MOST_WORKERS else kind
        victim = chance.choice(self.at_work)
        if kind == "join":
            self.join()
        elif kind == "leave":
            self.leave(victim)
        elif kind == "kill":
            victim.kill()
        else:
            victim.stop_for(chance.choice([1.0, 4.0, 8.0]))
        return kind

    def tend(self) -> None:
        for worker in self.at_work:
            worker.tend()

    def metric(self, name: str) -> list[float]:
        """Return what each worker at work that serves metrics says."""
        return [worker.metrics().get(name, 0.0) for worker in self.at_work]

    def tend_for(self, seconds: float) -> None:
        """Let some time pass: a fault comes at a random moment."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            threading.Event().wait(min(left, 0.1))
            self.tend()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; meanwhile the workers are tended."""
        deadline = time.monotonic() + CAUGHT_UP_S
        while not condition():
            logs = "\n".join(line for worker in self.at_work for line in worker.log.read_text().splitlines()[-20:])
            assert time.monotonic() < deadline, logs
            threading.Event().wait(0.2)
            self.tend()

    def wait_until_decided(self, until: datetime) -> None:
        self.wait_until(lambda: max(self.metric("deskwatch_detect_watermark_timestamp_seconds")) >= until.timestamp())

    def end(self) -> None:
        for worker in self.at_work + self.leaving:
            worker.process.kill()
            worker.process.wait()
