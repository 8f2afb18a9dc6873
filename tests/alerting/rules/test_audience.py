from __future__ import annotations

from pathlib import Path

import pytest
from fakes.spikes import make_spike

from alerting.rules.audience import audience_of
from deskwatch.errors import ConfigError
from deskwatch.records import Severity

FILE = """
subscribers:
  - name: asia
    targets: [{name: mail, email: asia@example.org}, {name: chat, slack: "#asia"}]
subscriptions:
  - {name: straits, subscriber: asia, themes: [taiwan], min_severity: high}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "subscriptions").mkdir()
    (tmp_path / "subscriptions" / "asia.yaml").write_text(FILE)
    return tmp_path / "subscriptions"


def test_targets_of_a_spike_are_named(directory: Path) -> None:
    wanted = audience_of(directory)
    assert wanted(make_spike(theme="taiwan", severity=Severity.HIGH)) == ("asia/chat", "asia/mail")
    assert wanted(make_spike(theme="taiwan", severity=Severity.LOW)) == ()
    assert audience_of(directory.parent)(make_spike(theme="taiwan", severity=Severity.HIGH)) == (
        "asia/chat",
        "asia/mail",
    )


def test_wrong_files_are_refused(directory: Path) -> None:
    (directory / "asia.yaml").write_text(FILE.replace("asia, themes", "asai, themes"))
    with pytest.raises(ConfigError, match="asai"):
        audience_of(directory)
