"""The whole demo as a person runs it: Python alone, no Kafka."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 60  # to the alert, on a machine that is set up

pytestmark = pytest.mark.system


@contextmanager
def demo(tmp_path: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-P", "-m", "deskwatch.cli", "demo", "--output", str(tmp_path / "alerts"), *options]
    environ = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def children_of(pid: int) -> list[int]:
    """Return the running processes that `pid` has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z" and int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def wait_for(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)


def test_alert_comes_within_a_minute_and_every_article_is_counted(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert "Every article was counted" in output
    assert "CRITICAL · Taiwan" in output
    assert re.search(r"taiwan: began .* over ", output), "the episode has no end"
    took = re.search(r"The alert came after (\d+) s", output)
    assert took is not None
    assert int(took[1]) < LIMIT_S
    mails = [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in (tmp_path / "alerts").glob("*.eml")
    ]
    assert {mail["X-Deskwatch-Episode"] for mail in mails} == {mails[0]["X-Deskwatch-Episode"]}, "one episode"
    assert sum(str(mail["Subject"]).startswith("[CRITICAL] Taiwan: ") for mail in mails) == 1, "one opening"
    assert not any("late" in str(mail.get_body(("plain",))) for mail in mails), "the world's time is not ours"
    (slack,) = (tmp_path / "alerts").glob("*.json")
    assert "Taiwan" in json.dumps(json.loads(slack.read_text()))
    assert list(tmp_path.glob("deskwatch-demo-*")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_demo_ends_everything_it_started(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        assert next(line for line in process.stdout if "in the simulated world" in line)
        children = children_of(process.pid)
        assert len(children) == 4
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 130
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert list(tmp_path.glob("deskwatch-demo-*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_killed_demo_takes_its_services_along(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        wait_for(lambda: len(children_of(process.pid)) == 4)
        children = children_of(process.pid)
        process.kill()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


def test_dead_service_ends_the_demo_with_its_name_and_the_logs(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        assert next(line for line in process.stdout if "in the simulated world" in line)
        for pid in children_of(process.pid):
            if b"\0stream\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "running stream: ended with signal SIGKILL" in output
    assert re.search(r"The logs are in (.*)", output)


def test_demo_without_themes_says_where_it_looked(tmp_path: Path) -> None:
    with demo(tmp_path, "--config", str(tmp_path / "nowhere")) as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"{tmp_path / 'nowhere' / 'themes'}:1:1: error: no theme files" in output
    assert "logs" not in output
    assert list(tmp_path.glob("deskwatch-demo-*")) == []
