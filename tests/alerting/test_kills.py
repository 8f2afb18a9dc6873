from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from fakes import slack, smtp
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp
from fakes.spikes import make_spike

from alerting.ledger import FILE, read_states
from alerting.mail import message_id
from deskwatch import codec
from deskwatch.records import Delivery, DeliveryState

ZYGOTE = Path(__file__).parent.parent / "fakes" / "alert_zygote.py"
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

    def start(self) -> int:
        return int(self._ask("start"))

    def end(self, child: int, number: int) -> int:
        os.kill(child, number)
        return int(self._ask("reap"))

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


def run_kills(
    directory: Path, fake_slack: FakeSlack, fake_smtp: FakeSmtp, *, spikes: int, kills: int, with_log: bool, seed: int
) -> list[str]:
    """Kill services at random points while they send, let the last one finish, and return all delivery keys."""
    lines = [codec.encode(make_spike(spike_id=f"spike-{n}")) for n in range(spikes)]
    (directory / "spikes.jsonl").write_bytes(b"\n".join(lines))
    config = {
        "smtp_port": fake_smtp.port,
        "smtp_tls": "none",
        "reconcile_log": str(fake_smtp.log) if with_log else "",
        "slack_base_url": fake_slack.url,
        "slack_token_env": "FAKE_TOKEN",
        "slack_timeout_s": 0.4,
        "slack_gap_s": 0.0,
        "settle_s": 0.5,  # above the latest a fake may still post after the client has given up
        "retry_base_s": 0.05,
        "retry_max_s": 0.2,
    }
    (directory / "config.json").write_text(json.dumps(config))
    keys = [f"spike-{n}|0|{target}" for n in range(spikes) for target in TARGETS]
    chance = random.Random(seed)
    zygote = Zygote(directory)
    try:
        amid_work = 0
        for _ in range(kills):
            child = zygote.start()
            # A kill after a random number of further sends, at a random point of what follows.
            progress = lambda: fake_slack.posts + fake_smtp.transactions  # noqa: E731
            before, wanted = progress(), chance.randint(0, 3)
            wait_for(lambda: progress() >= before + wanted, within_s=2.0, or_go_on=True)  # noqa: B023
            spin_until = time.perf_counter() + chance.uniform(0, 0.03)
            wait_for(lambda: time.perf_counter() >= spin_until)  # noqa: B023
            assert zygote.end(child, signal.SIGKILL) == -signal.SIGKILL
            if is_done(directory, len(keys)):
                break
            amid_work += 1
        assert amid_work >= 0.4 * kills, "too little work for so many kills"  # a loaded machine sends more between two
        child = zygote.start()
        wait_for(lambda: is_done(directory, len(keys)), within_s=60)
        assert zygote.end(child, signal.SIGTERM) == 0
    finally:
        zygote.close()
    return keys


def is_done(directory: Path, number: int) -> bool:
    states = read_states(directory) if (directory / FILE).exists() else {}
    return list(states.values()) == [DeliveryState.SENT] * number


def wait_for(condition: Callable[[], bool], *, within_s: float = 10.0, or_go_on: bool = False) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            assert or_go_on, "the condition did not come true in time"
            return
        time.sleep(0.002)


def assert_mirrored(directory: Path, keys: list[str]) -> None:
    """Assert that the last mirrored change of every delivery says that it was sent."""
    lines = (directory / "deliveries.jsonl").read_bytes().splitlines()
    records = [msgspec.json.decode(line, type=Delivery) for line in lines]
    last = {record.delivery_key: record.state for record in records}
    assert last == dict.fromkeys(keys, DeliveryState.SENT)


@pytest.mark.parametrize(
    ("spikes", "kills"),
    [(80, 25), pytest.param(450, 150, marks=pytest.mark.system)],
)
def test_killed_at_any_point_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path, config_dir: Path, spikes: int, kills: int
) -> None:
    log = tmp_path / "mainlog"
    with FakeSlack(SLACK_FAULTS, seed=1) as fake_slack, FakeSmtp(SMTP_FAULTS, seed=2, log=log) as fake_smtp:
        keys = run_kills(config_dir, fake_slack, fake_smtp, spikes=spikes, kills=kills, with_log=True, seed=3)

        assert Counter(fake_slack.keys()) == Counter(key for key in keys if key.endswith("slack"))
        identities = Counter(str(mail["Message-ID"]) for mail in fake_smtp.mails())
        assert identities == Counter(message_id(key, "localhost") for key in keys if key.endswith("mail"))
        assert not fake_slack.refused
        assert_mirrored(config_dir, keys)


@pytest.mark.system
def test_without_the_log_of_the_mta_a_mail_comes_twice_only_with_the_same_bytes(
    tmp_path: Path, config_dir: Path
) -> None:
    with FakeSlack(SLACK_FAULTS, seed=4) as fake_slack, FakeSmtp(SMTP_FAULTS, seed=5) as fake_smtp:
        keys = run_kills(config_dir, fake_slack, fake_smtp, spikes=120, kills=40, with_log=False, seed=6)

        assert Counter(fake_slack.keys()) == Counter(key for key in keys if key.endswith("slack"))
        by_identity: dict[str, set[bytes]] = {}
        for mail, (_, raw) in zip(fake_smtp.mails(), fake_smtp.accepted, strict=True):
            by_identity.setdefault(str(mail["Message-ID"]), set()).add(raw)
        assert by_identity.keys() == {message_id(key, "localhost") for key in keys if key.endswith("mail")}
        assert all(len(variants) == 1 for variants in by_identity.values())
        assert len(fake_smtp.accepted) > len(by_identity), "no duplicate came about: this run shows nothing"
