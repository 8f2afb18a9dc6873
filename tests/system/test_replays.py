"""Whether `deskwatch backtest` finds in archives of real news what happened then. Needs the reference data."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deskwatch.cli import group

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

CONFIG = Path(__file__).parents[2] / "config"
TARIFFS = """
2018-03-22 2018-04-03 2018-05-31 2018-06-15 2018-07-06 2019-05-10 2019-05-31 2019-08-01 2019-08-23 2019-12-02
"""
EVENTS = {
    "reuters-guardian-cnbc-2018-20": [
        *(("tariffs", day) for day in TARIFFS.split()),
        ("technology-controls", "2018-12-06"),
        ("technology-controls", "2019-05-16"),
        ("technology-controls", "2020-07-14"),
        ("sanctions", "2018-11-05"),
    ],
    "china-state-media-2022": [("taiwan", "2022-08-02")],
    "zaobao-zh-2023-24": [
        ("taiwan", "2024-01-13"),
        ("us-china-diplomacy", "2023-06-18"),
        ("us-china-diplomacy", "2024-04-24"),
    ],
}
# The week of 10 May 2019 is one episode that opened on the 6th, when the tariffs were announced.
MISSED = 1
THEMES, DAYS_A_MONTH = 12, 30.4


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_events_open_episodes_and_little_else_does(reference_data: Path, name: str) -> None:
    result = CliRunner().invoke(
        group, ["backtest", str(reference_data / "replay" / f"{name}.jsonl.gz"), "--config", str(CONFIG)]
    )
    assert result.exit_code == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    missed = [event for event in EVENTS[name] if not any(is_at(episode, *event) for episode in found)]
    assert len(missed) <= (MISSED if name.startswith("reuters") else 0), missed
    days = [date.fromisoformat(episode["onset"][:10]) for episode in found]
    months = (max(days) - min(days)).days / DAYS_A_MONTH
    each = Counter(episode["theme"] for episode in found)
    assert max(each.values()) <= 1.5 * months  # of the theme that was in the news most; true ones among them
    assert len(found) <= 0.5 * THEMES * months


def test_earthquake_of_hualien_is_no_news_of_taiwan(reference_data: Path) -> None:
    archive = reference_data / "replay" / "zaobao-zh-2023-24.jsonl.gz"
    result = CliRunner().invoke(group, ["backtest", str(archive), "--config", str(CONFIG)])
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert not any(is_at(episode, "taiwan", "2024-04-03", days=4) for episode in found)


def is_at(episode: dict[str, Any], theme: str, day: str, days: int = 2) -> bool:
    """Return whether an episode of the theme opens then: news of an evening stands in the next day's paper."""
    apart = datetime.fromisoformat(episode["onset"]).date() - date.fromisoformat(day)
    return bool(episode["theme"] == theme and abs(apart) <= timedelta(days=days))
