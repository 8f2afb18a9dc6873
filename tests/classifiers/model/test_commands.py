"""`deskwatch model ...` as people call it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from classifiers.themes import load as load_themes
from deskwatch.cli import group

THEME = """\
title: Sea
definition: Quarrels at sea.
terms:
  en:
    strong: [reef, shoal]
must_match: [Boats at the reef]
must_not_match: [A hill]
"""
PLACES = ["Beijing", "Manila", "Hanoi", "Tokyo", "Taipei", "Seoul"]
ABOUT = ["Frigate shadows {} boats near the reef", "{} sends destroyer to the shoal", "Fishermen of {} meet a frigate"]
NOT_ABOUT = ["Divers of {} love the reef", "Mayor of {} opens a school", "Hotel opens near the station of {}"]


def articles(first: int, count: int) -> list[dict[str, object]]:
    rng = random.Random(first)
    made = []
    for i in range(first, first + count):
        about = i % 2 == 0
        title = rng.choice(ABOUT if about else NOT_ABOUT).format(rng.choice(PLACES)) + f" again, says report {i}"
        made.append({"id": f"a{i}", "title": title, "themes": ["sea"] if about else []})
    return made


def write(path: Path, lines: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config" / "themes").mkdir(parents=True)
    (tmp_path / "config" / "themes" / "sea.yaml").write_text(THEME)
    return tmp_path / "config"


@pytest.fixture
def trained(config: Path) -> Path:
    gold = write(config.parent / "gold.jsonl", articles(0, 120))
    result = run(config, "train", str(gold))
    assert result.exit_code == 0, result.output
    return config


def run(config: Path, command: str, *arguments: str) -> Result:
    return CliRunner().invoke(group, ["model", command, *arguments, "--config", str(config)])


def test_training_writes_a_model_and_its_card_and_classify_uses_it(trained: Path) -> None:
    card = json.loads((trained / "model" / "themes.json").read_text())
    assert (card["articles"], card["positives"]) == (120, {"sea": 60})
    assert card["libraries"].keys() >= {"numpy", "scikit-learn", "python"}
    line = json.dumps({"id": 1, "title": "Divers of Manila love the reef"})
    result = CliRunner().invoke(group, ["classify", "--config", str(trained)], input=line)
    assert json.loads(result.stdout) == {"id": 1, "themes": []}


def test_unseen_articles_are_judged_by_the_model_as_it_is(trained: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", articles(500, 60))
    result = run(trained, "evaluate", "--gold", str(other), "--samples", "100", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["micro"]["combined"]["f1"]["value"] > report["micro"]["terms"]["f1"]["value"]
    assert "fold" not in result.stderr


def test_articles_of_the_training_are_cross_validated_instead(trained: Path) -> None:
    result = run(trained, "evaluate", "--gold", str(trained.parent / "gold.jsonl"), "--samples", "100")
    assert result.exit_code == 0, result.output
    assert "120 of 120 articles took part in the training" in result.stderr
    assert "fold 5" in result.stderr
    assert "micro" in result.stdout


def test_write_puts_the_figures_into_the_theme_file_and_a_later_drop_fails(trained: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", articles(500, 60))
    assert run(trained, "evaluate", "--gold", str(other), "--samples", "100", "--write").exit_code == 0
    measured = load_themes(trained)["sea"].measured
    assert measured is not None
    assert (measured.articles, measured.positives) == (60, 30)
    assert run(trained, "evaluate", "--gold", str(other), "--samples", "100").exit_code == 0
    (trained / "model" / "themes.safetensors").unlink()
    path = trained / "themes" / "sea.yaml"
    path.write_text(path.read_text().replace("strong: [reef, shoal]", "strong: [hill]"))
    dropped = run(trained, "evaluate", "--gold", str(other), "--samples", "100")
    assert dropped.exit_code == 1
    assert "sea: F1 is" in dropped.stderr


def test_correction_is_noted_tested_and_learnt(trained: Path) -> None:
    wrong = ("a-1", "--title", "Gardeners of Manila plant a frigate of flowers by the reef", "--not", "sea")
    assert run(trained, "correct", *wrong, "--by", "desk").exit_code == 0
    check = CliRunner().invoke(group, ["check", str(trained)])
    assert "corrections.jsonl:1" in check.output
    assert run(trained, "train", str(trained.parent / "gold.jsonl")).exit_code == 0
    assert "corrections.jsonl" not in CliRunner().invoke(group, ["check", str(trained)]).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", "--title", "T", "--is", "seaa"), "no theme 'seaa'"),
        (("a", "--title", "T"), "say at least one"),
        (("a", "--is", "sea"), "--from FILE"),
    ],
)
def test_correction_that_says_nothing_is_refused(config: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run(config, "correct", *arguments)
    assert result.exit_code == 1
    assert message in str(result.exception)
    assert not (config / "corrections.jsonl").exists()


def test_review_lists_what_terms_and_model_disagree_on(trained: Path, tmp_path: Path) -> None:
    lines: list[dict[str, object]] = [
        {"id": "dull", "title": "Mayor of Tokyo opens a school"},
        {"topic": "articles", "value": {"article_id": "split", "title": "Divers of Seoul love the reef"}},
        {"topic": "articles", "value": {"shard": 1}},
    ]
    result = run(trained, "review", str(write(tmp_path / "some.jsonl", lines)))
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["article"]["id"] for line in result.stdout.splitlines()] == ["split"]


def test_nothing_to_learn_from_is_said(config: Path, tmp_path: Path) -> None:
    none = write(tmp_path / "none.jsonl", [{"id": "a", "title": "T", "themes": []}])
    result = run(config, "train", str(none))
    assert result.exit_code == 1
    assert "nothing to learn" in str(result.exception)
