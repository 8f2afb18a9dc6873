"""Alerting services that are killed at random points while providers fail in every way, and what must hold then."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from alerting.ledger.ledger import read_states
from alerting.rendering.mail import message_id
from deskwatch import codec
from deskwatch.records import DeliveryState, Severity, Spike, SpikeState, Turn
from fakes import slack, smtp
from fakes.alert_zygote import SUPERSEDED, read_deliveries
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp
from fakes.spikes import make_spike

ZYGOTE = Path(__file__).parent / "alert_zygote.py"
TARGETS = ("china-desk|mail", "china-desk|slack", "trade-desk|mail")

SLACK_FAULTS = slack.Faults(
    rate_limited=0.03,
    error_before=0.04,
    error_after=0.04,
    drop_after=0.05,
    hang_after=0.03,
    late=0.05,
    page_before=0.02,
    retry_after_s=1,
    late_s=0.2,
    hang_s=2.0,
)
SMTP_FAULTS = smtp.Faults(later_recipient=0.05, later_data=0.03, drop_after=0.06)


class Zygote:
    """Starts services in one directory and kills them."""

    def __init__(self, directory: Path) -> None:
        root = str(ZYGOTE.parent.parent.parent)
        self._process = subprocess.Popen(
            [sys.executable, str(ZYGOTE), str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": root, "FAKE_TOKEN": slack.TOKEN},
        )

    def start(self, state: str = "state", writes: int = 0) -> int:
        return int(self._ask(f"start {state} {writes}"))

    def end(self, child: int, number: int) -> int:
        os.kill(child, number)
        return self.reap(child)

    def reap(self, child: int) -> int:
        return int(self._ask(f"reap {child}"))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to the services of one shard, in this order; `points` are kills between two durable writes."""

    alerts: int
    kills: int = 0
    points: int = 0
    failovers: int = 0
    losses: int = 0  # of the ledger
    seed: int = 0
    with_log: bool = True
    follow_ups: bool = True


class Shard:
    """Alerting services over one directory, two fakes that they send to, and what must be there in the end."""

    def __init__(self, directory: Path, fake_slack: FakeSlack, fake_smtp: FakeSmtp, plan: Plan) -> None:
        self.directory = directory
        self.plan = plan
        self.chance = random.Random(plan.seed)
        self._slack, self._smtp = fake_slack, fake_smtp
        self.spikes = make_courses(plan.alerts, follow_ups=plan.follow_ups)
        self.killed = self.amid_work = 0
        lines = [codec.encode(spike) for spike in self.spikes]
        (directory / "spikes.jsonl").write_bytes(b"\n".join(lines))
        config = {
            "smtp_port": fake_smtp.port,
            "smtp_tls": "none",
            "smtp_timeout_s": 0.5,
            "reconcile_log": str(fake_smtp.log) if plan.with_log else "",
            "slack_base_url": fake_slack.url,
            "slack_token_env": "FAKE_TOKEN",
            "slack_timeout_s": 0.4,
            "slack_gap_s": 0.0,
            "settle_s": 0.5,  # above the latest a fake may still post after the client has given up
            "lease_s": 0.3,
            "retry_base_s": 0.05,
            "retry_max_s": 0.2,
        }
        (directory / "config.json").write_text(json.dumps(config))

    def run(self) -> None:
        """Do all that is planned, then let a service finish."""
        self._zygote = Zygote(self.directory)
        state = "state"
        try:
            for _ in range(self.plan.kills):
                self._kill(state)
            for point in range(1, self.plan.points + 1):
                self._kill_at(state, point)
            for number in range(self.plan.losses):
                self._kill(state)
                state = f"new-{number}"  # as on another machine
            for number in range(self.plan.failovers):
                state = self._fail_over(state, "a" if number % 2 else "b", pause=self.chance.random() < 0.5)
            child = self._zygote.start(state)
            wait_for(lambda: self.is_done(state), within_s=60 + 3 * self.plan.alerts)
            assert self._zygote.end(child, signal.SIGTERM) == 0
        finally:
            self._zygote.close()

    def is_done(self, state: str) -> bool:
        path = self.directory / "offset"
        if not path.exists() or int(path.read_text()) < len(self.spikes):
            return False
        try:
            states = read_states(self.directory / state).values()
        except sqlite3.OperationalError:  # a ledger that is just being made
            return False
        return bool(states) and set(states) <= {DeliveryState.SENT, DeliveryState.FOLDED}

    def check(self) -> None:
        """Assert that every message arrived once, in its thread, and that each opening was edited to its last state."""
        wanted = self.keys()
        posted = Counter(self._slack.keys())
        assert posted == Counter(key for key in wanted if "slack" in key), lost_or_twice(posted, wanted, "slack")
        where = dict(zip(self._slack.keys(), self._slack.messages, strict=True))
        for key, message in where.items():
            spike_id, revision, subscriber, target = key.split("|")
            opening = where[f"{spike_id}|0|{subscriber}|{target}"]
            assert message.get("thread_ts") == (opening["ts"] if revision != "0" else None)
        last: dict[str, str] = {}
        for edit in self._slack.edits:
            last[edit["ts"]] = edit["metadata"]["event_payload"]["delivery_key"]
        final = {spike.spike_id: spike.revision for spike in self.spikes if spike.revision}
        edited = {f"{spike_id}|{revision}|china-desk|slack|edit" for spike_id, revision in final.items()}
        assert set(last.values()) == edited
        assert not self._slack.refused
        self._check_mails([key for key in wanted if "mail" in key])

    def keys(self) -> list[str]:
        """Return the keys of all messages that must arrive, edits aside."""
        turns = {Turn.OPENED, Turn.GRAVER, Turn.ENDED}
        return [
            f"{spike.spike_id}|{spike.revision}|{target}"
            for spike in self.spikes
            if spike.turn in turns
            for target in TARGETS
        ]

    def mirrored(self) -> dict[str, DeliveryState]:
        """Return the last state of each delivery in the mirror."""
        return {one.delivery_key: one.state for one in read_deliveries(self.directory / "deliveries.jsonl")}

    def _check_mails(self, keys: Sequence[str]) -> None:
        wanted = Counter(message_id(key, "localhost") for key in keys)
        by_identity: dict[str, set[bytes]] = {}
        for mail, (_, raw) in zip(self._smtp.mails(), self._smtp.accepted, strict=True):
            by_identity.setdefault(str(mail["Message-ID"]), set()).add(raw)
        assert by_identity.keys() == wanted.keys()
        assert all(len(variants) == 1 for variants in by_identity.values())
        if self.plan.with_log:
            assert len(self._smtp.accepted) == len(by_identity), "a mail came twice"

    def _progress(self) -> int:
        return self._slack.posts + self._smtp.transactions

    def _kill(self, state: str) -> None:
        """Kill after a random number of further sends, at a random point of what follows."""
        child = self._zygote.start(state)
        self._wait_for_work()
        assert self._zygote.end(child, signal.SIGKILL) == -signal.SIGKILL
        self._note(state)

    def _kill_at(self, state: str, point: int) -> None:
        child = self._zygote.start(state, point)
        wait_for(lambda: not is_alive(child) or self.is_done(state), within_s=120)
        os.kill(child, signal.SIGKILL)
        assert self._zygote.reap(child) == -signal.SIGKILL
        self._note(state)

    def _fail_over(self, state: str, successor: str, *, pause: bool) -> str:
        """Let another service take over from one that is killed, or stopped to wake up amid the other's work."""
        child = self._zygote.start(state)
        self._wait_for_work()
        if not pause:
            assert self._zygote.end(child, signal.SIGKILL) == -signal.SIGKILL
            self._note(state)
            return successor
        os.kill(child, signal.SIGSTOP)
        other = self._zygote.start(successor)
        self._wait_for_work(within_s=4.0)
        os.kill(child, signal.SIGCONT)
        wait_for(lambda: not is_alive(child), within_s=1.0, or_go_on=True)
        os.kill(child, signal.SIGKILL)
        assert self._zygote.reap(child) in (SUPERSEDED, -signal.SIGKILL)
        # One that was stopped before it took over takes over when it wakes up.
        assert self._zygote.end(other, signal.SIGKILL) in (SUPERSEDED, -signal.SIGKILL)
        self._note(successor)
        return successor

    def _wait_for_work(self, within_s: float = 2.0) -> None:
        before, wanted = self._progress(), self.chance.randint(0, 3)
        wait_for(lambda: self._progress() >= before + wanted, within_s=within_s, or_go_on=True)
        spin_until = time.perf_counter() + self.chance.uniform(0, 0.03)
        wait_for(lambda: time.perf_counter() >= spin_until)

    def _note(self, state: str) -> None:
        self.killed += 1
        self.amid_work += not self.is_done(state)


def make_courses(alerts: int, *, follow_ups: bool) -> list[Spike]:
    """Return openings, and for many of them a graver revision, an unremarkable one and the end, well mixed."""
    found: list[tuple[float, Spike]] = []
    for n in range(alerts):
        course: list[dict[str, Any]] = [{}]
        if follow_ups and n % 3 == 0:
            course.append({"state": SpikeState.GROWING, "turn": Turn.GRAVER, "severity": Severity.CRITICAL})
        if follow_ups and n % 4 == 0:
            course.append({"state": SpikeState.GROWING, "turn": Turn.SURER})
        if follow_ups and n % 2 == 0:
            course.append({"state": SpikeState.RESOLVED, "turn": Turn.ENDED})
        severity = {"severity": Severity.HIGH}
        for revision, changes in enumerate(course):
            severity = {"severity": changes.get("severity", severity["severity"])}
            at = make_spike().revised_at + timedelta(minutes=revision)
            # No headlines in common: they would be one event.
            spike = make_spike(
                spike_id=f"spike-{n}", revision=revision, revised_at=at, headlines=(), **(changes | severity)
            )
            found.append((n + revision * 7.5, spike))
    return [spike for _, spike in sorted(found, key=lambda one: one[0])]


def lost_or_twice(posted: Counter[str], wanted: Sequence[str], target: str) -> str:
    """Return what is wrong, for people."""
    expected = Counter(key for key in wanted if target in key)
    return f"lost {list(expected - posted)[:5]}, twice {list(posted - expected)[:5]}"


def is_alive(child: int) -> bool:
    """Return whether a process runs, or at least is not dead and waiting to be reaped."""
    try:
        return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], *, within_s: float = 10.0, or_go_on: bool = False) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            assert or_go_on, "the condition did not come true in time"
            return
        time.sleep(0.002)
