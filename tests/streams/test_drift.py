from __future__ import annotations

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from classifiers.combined import CombinedClassifier
from classifiers.definition import Terms, Theme
from classifiers.keywords import KeywordClassifier
from classifiers.model.groups import Groups
from classifiers.model.weights import BENDS, Model
from classifiers.observing import Seen
from deskwatch.records import Evidence, ThemeScore
from streams.drift import Drift
from streams.metrics import ClassifierMetrics


class Counted:
    """A registry with what an observer counted on it."""

    def __init__(self, *, term_hits: bool = True) -> None:
        self.registry = CollectorRegistry()
        self.drift = Drift(ClassifierMetrics(self.registry), term_hits=term_hits)

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"deskwatch_{name}", labels)

    def disagreements(self, theme: str) -> tuple[float | None, float | None]:
        name = "theme_disagreements_total"
        return self(name, theme=theme, kind="vetoed"), self(name, theme=theme, kind="added")


def score(theme: str, *terms: str, by: str = "terms") -> ThemeScore:
    evidence = tuple(Evidence(term=term, field="title", start=0, end=1, weight=1.0, by=by) for term in terms)
    return ThemeScore(theme=theme, score=1.5, evidence=evidence)


def theme(*strong: str) -> Theme:
    terms = {"en": Terms(strong=strong)}
    return Theme(title="t", definition="d", terms=terms, must_match=("x",), must_not_match=("y",))


def model() -> Model:
    """Return a model that knows the theme `sea`: `storm` is it, `lion` is not; other words it has seen say nothing."""
    names = ("storm", "lion", "the", "hits")
    weights = np.array([[9.0], [-9.0], [0.0], [0.0]], np.float32)
    stack = np.zeros((1, 2 + BENDS), np.float32)
    stack[0, 1:3] = 1.0  # words, and the terms' score up to 1
    ones = np.ones(len(names), np.float32)
    zero = np.zeros(1, np.float32)
    return Model(
        themes=("sea",),
        names=names,
        groups=Groups({}),
        units=ones,
        weights=weights,
        bias=zero,
        stack=stack,
        thresholds=zero + 2,
    )


def test_series_of_all_themes_are_there_before_the_first_article() -> None:
    counted = Counted()
    assert counted("theme_terms_found_total", theme="sea") is None
    counted.drift.begin(["sea"], configured=True, loaded=False)
    assert counted("theme_terms_found_total", theme="sea") == 0
    assert counted("theme_score_ratio_count", theme="sea") == 0
    assert counted.disagreements("sea") == (0, 0)
    assert (counted("classifier_model_configured_ratio"), counted("classifier_model_loaded_ratio")) == (1, 0)


@pytest.mark.parametrize(
    ("by_terms", "combined", "vetoed", "added"),
    [(1.0, 1.0, 0, 0), (1.0, 0.9, 1, 0), (0.9, 1.0, 0, 1), (None, 1.0, 0, 1), (1.2, None, 1, 0), (0.9, 0.9, 0, 0)],
)
def test_disagreement_is_counted_by_who_gave_the_theme(
    by_terms: float | None, combined: float | None, vetoed: int, added: int
) -> None:
    counted = Counted()
    counted.drift.begin(["sea"], configured=True, loaded=True)
    terms = {} if by_terms is None else {"sea": by_terms}
    counted.drift(Seen(terms, {} if combined is None else {"sea": combined}, [], by_model=True))
    assert counted.disagreements("sea") == (vetoed, added)
    assert counted("theme_terms_found_total", theme="sea") == len(terms)


def test_scores_above_0_fall_into_few_classes() -> None:
    counted = Counted()
    for value in (-3.0, 0.0, 0.2, 0.9, 1.7, 2.4, 9.0):
        counted.drift(Seen({}, {"sea": value}, [], by_model=True))
    found = {le: counted("theme_score_ratio_bucket", theme="sea", le=le) for le in ("0.5", "1.0", "2.0", "3.0", "+Inf")}
    assert found == {"0.5": 1, "1.0": 2, "2.0": 3, "3.0": 4, "+Inf": 5}


def test_terms_of_articles_with_the_theme_are_counted_once_an_article() -> None:
    counted = Counted()
    given = score("sea", "reef*", "reef*", "coral")
    fainter = ThemeScore(theme="sea", score=0.9, evidence=given.evidence)
    for judged in ([given], [given, score("sea", "storm", by="model")], [fainter]):
        counted.drift(Seen({"sea": 1.5}, {"sea": 1.5}, judged, by_model=True))
    assert counted("theme_term_hits_total", theme="sea", term="reef*") == 2
    assert counted("theme_term_hits_total", theme="sea", term="coral") == 2
    assert counted("theme_term_hits_total", theme="sea", term="storm") is None


def test_terms_are_not_counted_if_nobody_wants_it() -> None:
    counted = Counted(term_hits=False)
    counted.drift(Seen({"sea": 1.5}, {"sea": 1.5}, [score("sea", "reef*")], by_model=True))
    assert counted("theme_term_hits_total", theme="sea", term="reef*") is None
    assert counted("theme_terms_found_total", theme="sea") == 1


def test_terms_alone_never_disagree_with_themselves() -> None:
    counted = Counted()
    classifier = KeywordClassifier({"sea": theme("reef"), "hut": theme("hut")}, observer=counted.drift)
    counted.drift.begin(classifier.themes, configured=False, loaded=False)
    for title in ("A reef", "A reef and a hut", "Nothing", ""):
        classifier.judge(title)
    classifier.judge("Nothing", text="A reef")
    assert counted("theme_terms_found_total", theme="sea") == 3
    assert counted("theme_terms_found_total", theme="hut") == 1
    assert counted("theme_term_hits_total", theme="sea", term="reef") == 2
    assert counted("classifier_judged_total", by="terms") == 5
    assert counted("classifier_judged_total", by="model") == 0
    assert counted.disagreements("sea") == (0, 0)


def test_veto_addition_and_abstention_of_a_model_are_counted() -> None:
    counted = Counted()
    classifier = CombinedClassifier({"sea": theme("reef"), "hut": theme("hut")}, model(), observer=counted.drift)
    counted.drift.begin(classifier.themes, configured=True, loaded=True)
    assert [one.theme for one in classifier.judge("the storm hits")] == ["sea"]
    assert [one.theme for one in classifier.judge("the lion hits the reef")] == []
    assert [one.theme for one in classifier.judge("the hut hits the storm the hits")] == ["sea", "hut"]
    assert counted.disagreements("sea") == (1, 2)
    assert counted.disagreements("hut") == (0, 0)  # the model has not learnt it
    assert counted("classifier_judged_total", by="model") == 3
    assert [one.theme for one in classifier.judge("Ein Haus mit reef")] == ["sea"]  # in words it does not know
    assert counted("classifier_judged_total", by="terms") == 1
    assert counted("theme_terms_found_total", theme="sea") == 2
