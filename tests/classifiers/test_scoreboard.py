from __future__ import annotations

import json

from classifiers.definition import Figure, Measured
from classifiers.evaluating import Report, evaluate
from classifiers.labelled import Labelled
from classifiers.scoreboard import as_json, dropped, render


def promise(low: float, data: str = "sha256:1") -> Measured:
    figure = Figure(value=low + 0.05, low=low, high=1)
    return Measured(
        precision=figure,
        recall=figure,
        f1=figure,
        articles=200,
        positives=100,
        date="2026-11-01",
        data=data,
        classifier="terms",
    )


def report(*, wrong: int = 10, worse: int = 60) -> Report:
    gold = [Labelled(id=str(i), title="t", themes=frozenset({"taiwan", "new"} if i < 100 else ())) for i in range(200)]
    said = [{"taiwan"} if (i < 100) != (i % 200 < wrong) else set[str]() for i in range(200)]
    poor = [{"taiwan"} if (i < 100) != (i % 200 < worse) else set[str]() for i in range(200)]
    return evaluate(gold, {"combined": said, "terms": poor, "model": said}, ["taiwan", "tariffs"])


def test_table_has_a_row_for_each_theme_and_a_sentence_for_each_rival() -> None:
    lines = render(report()).splitlines()
    assert lines[0].split() == ["theme", "n", "P", "R", "F1", "95%", "F1", "terms", "F1", "model"]
    row = next(line for line in lines if line.startswith("taiwan")).split()
    assert row[:5] == ["taiwan", "100", "1.000", ".900", ".947"]
    assert row[6:] == [".571", ".947"]
    assert next(line for line in lines if line.startswith("tariffs")).split() == ["tariffs", "0", *"-----"]
    assert any(line.startswith("micro     100") for line in lines)
    assert any(line.startswith("combined beats terms: micro F1 +0.376 [+0.") for line in lines)
    assert "combined does not clearly beat model: micro F1 +0.000 [+0.000, +0.000], macro F1 +0.000" in render(report())
    assert "No article carries tariffs: not in micro or macro." in lines
    assert "No theme file for new: these labels are not scored." in lines


def test_a_worse_first_variant_is_called_worse() -> None:
    assert "combined is worse than terms" in render(report(wrong=60, worse=10))


def test_a_difference_within_its_interval_is_no_victory() -> None:
    assert "combined does not clearly beat terms: micro F1 +0.0" in render(report(wrong=10, worse=11))
    assert "combined does not clearly beat terms: micro F1 -0.0" in render(report(wrong=11, worse=10))


def test_a_victory_in_one_mean_alone_is_called_that() -> None:
    gold = [Labelled(id=str(i), title="t", themes=frozenset({"a" if i < 300 else "b"})) for i in range(306)]
    said = [{"a"} if i < 300 else {"b"} for i in range(306)]
    poor = [set[str]() if i < 30 or i == 305 else row for i, row in enumerate(said)]
    mixed = [set[str]() if i in (300, 301) else row for i, row in enumerate(said)]
    text = render(evaluate(gold, {"combined": mixed, "terms": poor}, ["a", "b"]))
    assert "combined beats, in micro F1 alone, terms" in text


def test_report_of_nothing_is_rendered() -> None:
    text = render(evaluate([], {"combined": [], "terms": []}, ["taiwan"]))
    assert "combined and terms cannot be compared: no article carries a theme." in text


def test_json_holds_the_same_figures() -> None:
    data = json.loads(as_json(report()))
    assert data["themes"][0]["scores"]["combined"]["f1"]["value"] == 0.9474
    assert data["themes"][1]["scores"]["combined"]["f1"]["value"] is None
    assert data["differences"]["terms"]["micro"]["value"] == 0.3759


def test_theme_below_its_promised_interval_on_the_same_data_has_dropped() -> None:
    measured = {"taiwan": promise(0.95), "tariffs": promise(0.9), "gone": promise(0.9)}
    (drop,) = dropped(report(), measured, "sha256:1")
    assert str(drop) == "taiwan: F1 is .947, below .950, the low end of the 1.000 measured on 2026-11-01"


def test_theme_within_its_interval_or_measured_on_other_data_has_not() -> None:
    assert dropped(report(), {"taiwan": promise(0.9476)}, "sha256:1") == []  # rounding is no drop
    assert dropped(report(), {"taiwan": promise(0.99)}, "sha256:2") == []
    assert dropped(report(), {}, "sha256:1") == []
