"""Scores are handed up to the themes above."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from classifiers.parents import ancestors, with_parents
from deskwatch.records import Evidence, ThemeScore

PARENTS = {"reef": ("sea",), "sea": ("asia", "navy"), "port": ("sea",)}


def score(theme: str, value: float) -> ThemeScore:
    evidence = Evidence(term=theme, field="title", start=0, end=1, weight=value)
    return ThemeScore(theme=theme, score=value, evidence=(evidence,))


def found(*scores: ThemeScore) -> dict[str, tuple[float, str]]:
    return {one.theme: (one.score, one.evidence[0].term) for one in with_parents(scores, PARENTS)}


def test_all_ancestors_get_score_and_evidence() -> None:
    assert found(score("reef", 2.0)) == dict.fromkeys(("reef", "sea", "asia", "navy"), (2.0, "reef"))


def test_own_higher_score_stays_and_is_handed_on() -> None:
    assert found(score("reef", 1.2), score("sea", 1.5)) == {
        "reef": (1.2, "reef"),
        "sea": (1.5, "sea"),
        "asia": (1.5, "sea"),
        "navy": (1.5, "sea"),
    }


def test_best_child_counts() -> None:
    assert found(score("reef", 1.2), score("port", 1.4))["sea"] == (1.4, "port")


def test_nothing_is_handed_down_or_aside() -> None:
    assert set(found(score("navy", 3.0), score("hill", 1.0))) == {"navy", "hill"}


def test_cycle_ends() -> None:
    assert set(ancestors("a", {"a": ("b",), "b": ("c",), "c": ("a",)})) == {"a", "b", "c"}


@given(st.dictionaries(st.sampled_from("abcde"), st.lists(st.sampled_from("abcde"), max_size=3).map(tuple)), st.data())
def test_result_is_sorted_and_no_theme_scores_less_than_its_child(
    parents: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    values = data.draw(st.dictionaries(st.sampled_from("abcde"), st.floats(0, 5)))
    result = with_parents([score(theme, value) for theme, value in values.items()], parents)
    assert list(result) == sorted(result, key=lambda one: (-one.score, one.theme))
    by_theme = {one.theme: one.score for one in result}
    assert len(by_theme) == len(result)
    for theme, value in by_theme.items():
        assert all(by_theme[parent] >= value for parent in parents.get(theme, ()))
