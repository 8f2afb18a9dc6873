"""`make up` and `make down`: a real Kafka and every service come, and go without a trace."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UP = ROOT / "deploy" / "up"
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
WITHIN_S = 90.0

pytestmark = pytest.mark.system


def wait_for(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {WITHIN_S:.0f} s"
        time.sleep(0.1)  # between two looks, not instead of one


def free_port(count: int) -> int:
    """Return the first of `count` ports in a row that nobody listens on."""
    return next(
        first for first in range(21_000, 31_000, 97) if not any(is_taken(port) for port in range(first, first + count))
    )


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def environ(tmp_path: Path, kafka: str) -> dict[str, str]:  # skips where there is no Kafka
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config" / "themes", config / "themes")
    shutil.copytree(ROOT / "config" / "subscriptions", config / "subscriptions")
    # Nothing listens there: a feed that fails is no reason for a service not to be ready.
    (config / "feeds.yaml").write_text("feeds:\n  - {id: none, url: 'http://127.0.0.1:9/', source: None}\n")
    port = free_port(4)
    return {
        **os.environ,
        "KAFKA_PORT": str(port),
        "DESKWATCH_METRICS_PORT": str(port + 1),
        "DESKWATCH_CONFIG_DIR": str(config),
        "DESKWATCH_STATE_DIR": str(tmp_path / "state"),
        "DESKWATCH_ALERTING_OUTBOX_DIR": str(tmp_path / "outbox"),
    }


def stop_or_start(environ: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([UP, *options], env=environ, capture_output=True, text=True, check=False, timeout=60)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def descendants(pid: int) -> set[int]:
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, table.splitlines())}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_all_services_become_ready_and_end_without_a_trace(environ: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    with log.open("w") as output, subprocess.Popen([UP], env=environ, stdout=output, stderr=output) as process:
        try:
            first = int(environ["DESKWATCH_METRICS_PORT"])
            wait_for(lambda: process.poll() is not None or all(is_ready(first + i) for i in range(3)), "ready services")
            assert process.poll() is None, log.read_text()
            pids = descendants(process.pid)
            assert len(pids) >= 7  # the script, Kafka's program, Kafka, the supervisor, three services

            exposed = "".join(scrape(first + i) for i in range(3))
            named = r'deskwatch_build_info\{service="(\w+)"'
            assert set(re.findall(named, exposed)) == set(re.findall(named, RULES.read_text()))

            again = stop_or_start(environ)
            assert again.returncode == 1
            assert f"already running (process {process.pid})" in again.stderr

            down = stop_or_start(environ, "--stop")
            assert down.returncode == 0, down.stderr
            assert process.wait(30) == 0, log.read_text()
            assert [pid for pid in pids if is_alive(pid)] == []
        finally:
            process.terminate()
    assert (tmp_path / "state" / "kafka" / "cluster.json").exists()  # the data stays


def test_down_without_anything_running_is_no_error(environ: dict[str, str]) -> None:
    done = stop_or_start(environ, "--stop")
    assert (done.returncode, done.stdout) == (0, "nothing of ours is running\n")
