"""The classifier that a configuration directory describes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from classifiers.combined import CombinedClassifier
from classifiers.keywords import KeywordClassifier
from classifiers.loading import GROUPS, MODEL, check, load_classifier, load_groups
from deskwatch.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "config"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED / "themes", tmp_path / "themes")
    (tmp_path / "model").mkdir()
    return tmp_path


def test_without_a_model_the_terms_judge_and_nothing_is_wrong(config: Path) -> None:
    loaded = load_classifier(config)
    assert isinstance(loaded.classifier, KeywordClassifier)
    assert loaded.trouble == ""
    assert check(config) == []


def test_shipped_model_is_used() -> None:
    loaded = load_classifier(SHIPPED)
    assert isinstance(loaded.classifier, CombinedClassifier)
    assert set(loaded.classifier.model.themes) == set(loaded.classifier.themes)


@pytest.mark.parametrize("damage", ["truncated", "foreign", "directory", "empty"])
def test_damaged_model_is_refused_aloud_and_terms_still_work(config: Path, damage: str) -> None:
    path = config / MODEL
    if damage == "directory":
        path.mkdir()
    else:
        good = (SHIPPED / MODEL).read_bytes()
        path.write_bytes({"truncated": good[:-100], "foreign": b"PK\x03\x04" * 50, "empty": b""}[damage])
    loaded = load_classifier(config)
    assert isinstance(loaded.classifier, KeywordClassifier)
    assert str(path) in loaded.trouble
    assert [one.theme for one in loaded.classifier.judge("Trade war drags on")] == ["tariffs"]
    (problem,) = check(config)
    assert problem.file == str(path)


def test_correction_that_is_not_obeyed_is_a_problem_of_its_line(config: Path) -> None:
    line = '{"id":"a","title":"Trade war drags on","not":["tariffs"],"at":"2026-11-25T08:00:00Z"}\n'
    (config / "corrections.jsonl").write_text(line)
    (problem,) = check(config)
    assert (problem.file, problem.line) == (str(config / "corrections.jsonl"), 1)
    assert "tariffs" in problem.message


def test_group_with_a_word_that_cannot_be_found_is_named_with_its_place(config: Path) -> None:
    (config / GROUPS).write_text("US: [washington]\nChina: [beijing, '*']\n")
    with pytest.raises(ConfigError) as caught:
        load_groups(config)
    assert [problem.line for problem in caught.value.problems] == [2]
    assert check(config) != []
