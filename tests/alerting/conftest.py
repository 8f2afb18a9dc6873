"""Fixtures of the alerting tests: a fake Slack, a fake MTA, a configuration and a ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp

from alerting.ledger.ledger import Ledger

SUBSCRIPTIONS = """\
subscribers:
  - name: china-desk
    timezone: Asia/Shanghai
    targets:
      - {name: mail, email: china-desk@example.org}
      - {name: slack, slack: "#china-desk"}
  - name: trade-desk
    targets:
      - {name: mail, email: trade-desk@example.org}
subscriptions:
  - {name: strait, subscriber: china-desk, themes: [taiwan], min_severity: medium}
  - {name: trade, subscriber: trade-desk, themes: [taiwan, tariffs], min_severity: medium}
tests:
  - given: {theme: tariffs, severity: high}
    expect: [trade-desk/mail]
"""


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    """Return a configuration with three targets that want taiwan from medium on."""
    directory = tmp_path / "config"
    (directory / "subscriptions").mkdir(parents=True)
    (directory / "subscriptions" / "desks.yaml").write_text(SUBSCRIPTIONS)
    return directory


@pytest.fixture
def fake_slack() -> Iterator[FakeSlack]:
    """Yield a running fake Slack without faults."""
    with FakeSlack() as fake:
        yield fake


@pytest.fixture
def fake_smtp(tmp_path: Path) -> Iterator[FakeSmtp]:
    """Yield a running fake MTA without faults, which writes a log."""
    with FakeSmtp(log=tmp_path / "mainlog") as fake:
        yield fake


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Yield an empty ledger."""
    with Ledger(tmp_path / "state") as one:
        yield one
