"""A `deskwatch produce` of its own for a benchmark, and its metrics."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

_SERVING = re.compile(r'^.*"telemetry\.serving".*$', re.MULTILINE)


def write_config(directory: Path, url: str, feeds: int, *, interval_s: int = 300) -> None:
    """Write feeds.yaml for the first feeds of a fleet."""
    directory.mkdir(parents=True)
    rows = [f"  - {{id: f{n}, url: '{url}{n}', source: F{n}, interval_s: {interval_s}}}\n" for n in range(feeds)]
    (directory / "feeds.yaml").write_text(f"feeds:\n{''.join(rows)}")


def start_producer(directory: Path, bootstrap: str) -> subprocess.Popen[bytes]:
    """Start a producer with the configuration, state and log of a directory."""
    environ = os.environ | {
        "DESKWATCH_KAFKA_BOOTSTRAP": bootstrap,
        "DESKWATCH_CONFIG_DIR": str(directory / "config"),
        "DESKWATCH_STATE_DIR": str(directory / "var"),
        "DESKWATCH_PRODUCERS_ALLOW_PRIVATE_ADDRESSES": "true",
        "DESKWATCH_LOG_JSON": "true",
    }
    with (directory / "log").open("wb") as log:
        command = [sys.executable, "-c", "from deskwatch.cli import main; main()", "produce"]
        return subprocess.Popen(command, env=environ, stdout=log, stderr=log)


def find_metrics(log: Path) -> str:
    """Return the URL of the metrics, once the producer says it."""
    while not (found := _SERVING.search(log.read_text())):
        time.sleep(0.1)
    return f"http://127.0.0.1:{json.loads(found[0])['port']}/metrics"


def read_metrics(url: str) -> Callable[[str], float]:
    """Return a function from a sample, with its labels, to its value."""
    with urllib.request.urlopen(url) as response:
        text = response.read().decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return lambda sample: float(values.get(sample, 0.0))
