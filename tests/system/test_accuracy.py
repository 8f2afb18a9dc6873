"""How good the shipped themes and the shipped model are on labelled and on dated news. Needs the reference data."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from classifiers.combined import CombinedClassifier
from classifiers.loading import load_classifier
from deskwatch.cli import group

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

CONFIG = Path(__file__).parents[2] / "config"
FLOOR = {"micro": 0.86, "macro": 0.83}
Daily = Mapping[str, Mapping[date, int]]


def test_no_theme_has_dropped_below_what_its_file_says(reference_data: Path) -> None:
    gold = str(reference_data / "gold" / "dev.jsonl")
    arguments = ["model", "evaluate", "--config", str(CONFIG), "--gold", gold, "--texts", str(reference_data), "--json"]
    result = CliRunner().invoke(group, arguments)
    assert "cross-validating" in result.stderr
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    for mean, floor in FLOOR.items():
        assert report[mean]["combined"]["f1"]["value"] >= floor


@pytest.fixture(scope="module")
def daily(reference_data: Path) -> Daily:
    """Return how many Chinese articles of a year and a half have each theme, by day."""
    classifier = load_classifier(CONFIG).classifier
    assert isinstance(classifier, CombinedClassifier)
    counts: dict[str, Counter[date]] = defaultdict(Counter)
    with gzip.open(reference_data / "replay" / "zaobao-zh-2023-24.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            item = json.loads(line)
            for score in classifier.judge(item["title"], item["summary"]):
                counts[score.theme][date.fromisoformat(item["published"][:10])] += 1
    return counts


@pytest.mark.parametrize(
    ("theme", "day", "times"),
    [
        ("taiwan", date(2024, 1, 13), 5),  # Taiwan votes
        ("us-china-diplomacy", date(2023, 6, 19), 5),  # Blinken in Beijing
        ("us-china-diplomacy", date(2023, 11, 16), 5),  # Biden meets Xi
        ("us-china-diplomacy", date(2024, 4, 26), 3),  # Blinken in China
        ("tariffs", date(2023, 12, 21), 5),  # China ends the lower duties of its agreement with Taiwan
    ],
)
def test_what_happened_stands_out_of_the_weeks_before(daily: Daily, theme: str, day: date, times: int) -> None:
    assert daily[theme][day] >= times * _usual(daily, theme, day)


def test_earthquake_is_no_news_about_taiwan_as_a_political_matter(daily: Daily) -> None:
    for day in (date(2024, 4, 3), date(2024, 4, 4), date(2024, 4, 5)):
        assert daily["taiwan"][day] <= 1.5 * _usual(daily, "taiwan", day)


def _usual(daily: Daily, theme: str, day: date) -> float:
    """Return the mean of the four weeks that end two days before."""
    return sum(daily[theme][day - timedelta(days=back)] for back in range(2, 30)) / 28
