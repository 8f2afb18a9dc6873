"""Fixtures that start real parts, and the guard that lets nothing be skipped silently in CI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
KAFKA_MISSING = "needs a JDK 17+ and Maven: apt-get install openjdk-17-jdk-headless maven"
DATA_MISSING = "needs the reference data: set DESKWATCH_DATA"
EXIT_MISSING = 3  # of deploy/kafka/run.py

StartKafka = Callable[..., AbstractContextManager[dict[str, Any]]]


class SkipGuard:
    """Turns skips for other reasons than the allowed ones into a failed run."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self.allowed = allowed
        self.refused: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.refused and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.refused:
            terminalreporter.section("skips that fail this run (CI=true, not in tests/allowed_skips.txt)", red=True)
            for line in self.refused:
                terminalreporter.write_line(line)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if reason not in self.allowed:
            self.refused.append(f"{report.nodeid}: {reason}")


def pytest_configure(config: pytest.Config) -> None:
    # kafka-python 3.0.12 reads its schemas with importlib.resources.read_text; goes when it no longer does.
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")
    if os.environ.get("CI") == "true":
        lines = Path(__file__).with_name("allowed_skips.txt").read_text().splitlines()
        allowed = frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
        config.pluginmanager.register(SkipGuard(allowed), "skip-guard")


@pytest.fixture(scope="session")
def start_kafka() -> StartKafka:
    """Return a context manager that runs deploy/kafka/run.py with the given options and yields what it announced.

    Beside `bootstrap`, `pids` and `dir` that is `process`, the running program. It ends with this process, whatever
    happens to it, because its standard input does.
    """

    @contextmanager
    def start(*options: str) -> Iterator[dict[str, Any]]:
        command = [sys.executable, str(ROOT / "deploy" / "kafka" / "run.py"), "--until-eof", *options]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line and process.wait() == EXIT_MISSING:
                pytest.skip(KAFKA_MISSING)
            assert line, f"{command} ended with {process.returncode}"
            try:
                yield {**json.loads(line), "process": process}
            finally:
                process.stdin.close()
                process.wait(30)

    return start


@pytest.fixture(scope="session")
def kafka(start_kafka: StartKafka) -> Iterator[str]:
    """Yield the bootstrap address of one real Kafka node, shared by the whole session: use fresh topics and groups."""
    with start_kafka() as cluster:
        yield cluster["bootstrap"]


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Return the directory of the reference data, which is not part of the repository."""
    path = Path(os.environ.get("DESKWATCH_DATA") or ROOT.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip(DATA_MISSING)
    return path
