"""A real Kafka that keeps its data over a stop and a start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Broker:
    """One node of `deploy/kafka`, on the same port each time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = 0
        self.bootstrap = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        command = [
            sys.executable,
            str(ROOT / "deploy" / "kafka" / "run.py"),
            "--until-eof",
            "--dir",
            str(self._directory),
        ]
        if self._port:
            command += ["--port", str(self._port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit("no Kafka: a JDK 17+ and Maven are needed")
        self.bootstrap = json.loads(line)["bootstrap"]
        self._port = int(self.bootstrap.rpartition(":")[2])

    def stop(self) -> None:
        """Stop it; what it has stays on disk."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(60)
            self._process = None
