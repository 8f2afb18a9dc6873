from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.evaluating import Estimate, Report, evaluate
from classifiers.labelled import Labelled

THEMES = ["a", "b", "c"]
Sets = list[frozenset[str]]
some_themes = st.frozensets(st.sampled_from(THEMES))
rows = st.lists(st.tuples(some_themes, some_themes, some_themes), max_size=30)


def labelled(*themes: str, unsure: str = "") -> Labelled:
    return Labelled(id="x", title="t", themes=frozenset(themes), unsure=frozenset(unsure))


def many(count: int, themes: int, wrong: float, seed: int = 1) -> tuple[list[Labelled], Sets, list[str]]:
    rng = random.Random(seed)
    names = [f"t{i}" for i in range(themes)]
    real = [frozenset(name for name in names if rng.random() < 0.15) for _ in range(count)]
    said = [frozenset(name for name in names if (name in row) != (rng.random() < wrong)) for row in real]
    return [Labelled(id=str(i), title="t", themes=row) for i, row in enumerate(real)], said, names


def test_figures_are_those_counted_by_hand() -> None:
    gold = [labelled("a"), labelled("a", "b"), labelled("b"), labelled(), labelled("a")]
    said = [{"a"}, {"a"}, {"a", "b"}, {"b"}, set[str]()]
    report = evaluate(gold, {"it": said}, ["a", "b"], samples=10)
    a, b = (result.scores["it"] for result in report.themes)
    assert (a.precision.value, a.recall.value, a.f1.value) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (b.precision.value, b.recall.value, b.f1.value) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert [result.positives for result in report.themes] == [3, 2]
    assert report.micro["it"].f1.value == pytest.approx(6 / 10)
    assert report.macro["it"].f1.value == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_unsure_pairs_count_neither_as_hit_nor_as_mistake() -> None:
    gold = [labelled("a"), labelled(unsure="a"), labelled("b", unsure="a")]
    alone = evaluate(gold, {"it": [{"a"}, set(), {"b"}]}, THEMES)
    found = evaluate(gold, {"it": [{"a"}, {"a"}, {"a", "b"}]}, THEMES)
    both = evaluate([*gold[:2], labelled("a", "b", unsure="a")], {"it": [{"a"}, set(), {"b"}]}, THEMES)
    assert alone == found == both
    assert found.micro["it"].f1.value == 1


def test_theme_nobody_labelled_has_no_figures_and_is_in_no_mean() -> None:
    gold = [labelled("a"), labelled()]
    report = evaluate(gold, {"it": [{"a"}, {"c"}]}, THEMES)
    assert report.themes[2].scores["it"].f1 == Estimate(value=None, low=None, high=None)
    assert report.themes[1].scores["it"].precision.value is None
    assert report.micro["it"].f1.value == report.macro["it"].f1.value == 1


def test_label_without_a_theme_is_named_and_not_scored() -> None:
    report = evaluate([labelled("a", "new")], {"it": [{"a"}]}, THEMES)
    assert report.unknown == ("new",)
    assert report.micro["it"].f1.value == 1


@pytest.mark.parametrize("gold", [[], [labelled()]])
def test_nothing_to_score_gives_undefined_figures(gold: list[Labelled]) -> None:
    report = evaluate(gold, {"it": [set() for _ in gold], "other": [set() for _ in gold]}, THEMES)
    assert report.micro["it"].f1.value is None
    assert report.differences["other"].macro.value is None


def test_variant_that_judged_other_articles_is_refused() -> None:
    with pytest.raises(ValueError, match="variant it judged 0 articles of 1"):
        evaluate([labelled("a")], {"it": []}, THEMES)


def test_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    # A theme on every article, found at random in 70 % of them: recall is a share with a known truth.
    held = 0
    for seed in range(120):
        rng = random.Random(seed)
        gold = [labelled("a") for _ in range(100)]
        said = [{"a"} if rng.random() < 0.7 else set[str]() for _ in gold]
        recall = evaluate(gold, {"it": said}, ["a"], samples=400, seed=seed).themes[0].scores["it"].recall
        assert recall.low is not None
        assert recall.high is not None
        held += recall.low <= 0.7 <= recall.high
    assert 0.88 <= held / 120 <= 0.99


def test_interval_is_as_wide_as_theory_says() -> None:
    gold = [labelled("a") for _ in range(1_000)]
    said = [{"a"} if i % 10 < 7 else set[str]() for i in range(1_000)]
    recall = evaluate(gold, {"it": said}, ["a"], samples=4_000).themes[0].scores["it"].recall
    assert recall.value == 0.7
    assert (recall.low, recall.high) == pytest.approx((0.7 - 0.0284, 0.7 + 0.0284), abs=0.003)  # 1.96 sigma


def test_paired_difference_is_narrower_than_the_intervals_of_both() -> None:
    gold, said, names = many(400, 4, wrong=0.1)
    slightly_worse = [row - {"t0"} if i % 40 == 0 else row for i, row in enumerate(said)]
    report = evaluate(gold, {"it": said, "other": slightly_worse}, names)
    f1, difference = report.micro["it"].f1, report.differences["other"].micro
    assert width(difference) < width(f1) / 3
    assert difference.value == pytest.approx(value(f1) - value(report.micro["other"].f1))


def test_equal_seeds_give_equal_reports_and_others_other_intervals() -> None:
    gold, said, names = many(100, 3, wrong=0.1)
    first, again, other = (evaluate(gold, {"it": said}, names, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.micro != other.micro


def test_eight_hundred_articles_and_twelve_themes_take_less_than_a_second() -> None:
    gold, said, names = many(800, 12, wrong=0.03)
    started = time.process_time()
    evaluate(gold, {"one": said, "two": said, "three": said}, names)
    assert time.process_time() - started < 1


@given(rows)
def test_intervals_hold_their_values_in_order_and_between_nought_and_one(
    data: list[tuple[frozenset[str], ...]],
) -> None:
    report = report_on(data)
    for scores in (report.micro, report.macro, *(result.scores for result in report.themes)):
        for score in scores.values():
            for one in (score.precision, score.recall, score.f1):
                if one.value is not None:
                    assert one.low is not None
                    assert one.high is not None
                    assert 0 <= one.low <= one.high <= 1
                    assert 0 <= one.value <= 1


@given(rows, st.randoms(use_true_random=False))
def test_order_of_the_articles_changes_no_value(data: list[tuple[frozenset[str], ...]], rng: random.Random) -> None:
    shuffled = data.copy()
    rng.shuffle(shuffled)
    before, after = report_on(data), report_on(shuffled)
    assert before.micro["it"].f1.value == pytest.approx(after.micro["it"].f1.value)
    assert before.macro["it"].f1.value == pytest.approx(after.macro["it"].f1.value)


@given(st.lists(some_themes, min_size=1, max_size=20))
def test_perfect_variant_scores_one_with_a_shut_interval(real: Sets) -> None:
    report = evaluate([labelled(*row) for row in real], {"it": real}, THEMES, samples=20)
    if any(real):
        assert report.micro["it"].f1 == report.macro["it"].f1 == Estimate(value=1, low=1, high=1)


def report_on(data: list[tuple[frozenset[str], ...]]) -> Report:
    gold = [Labelled(id="x", title="t", themes=real - unsure, unsure=unsure) for real, unsure, _ in data]
    return evaluate(gold, {"it": [said for _, _, said in data]}, THEMES, samples=30)


def value(estimate: Estimate) -> float:
    assert estimate.value is not None
    return estimate.value


def width(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low
