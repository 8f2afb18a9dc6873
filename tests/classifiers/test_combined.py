"""Terms and model together."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.combined import BY_MODEL, CombinedClassifier
from classifiers.definition import Terms, Theme
from classifiers.keywords import KeywordClassifier
from classifiers.labelled import Labelled
from classifiers.model.examples import Shelf
from classifiers.model.groups import Groups
from classifiers.model.training import train

GROUPS = Groups({"ship": ["frigate*", "destroyer*"], "state": ["beijing", "manila"]})
THEMES = {
    "sea": Theme(
        title="Sea",
        definition="Quarrels at sea.",
        terms={"en": Terms(strong=("reef", "shoal"))},
        must_match=("reef",),
        must_not_match=("hill",),
    ),
    "hills": Theme(
        title="Hills",
        definition="Nobody has labelled these.",
        terms={"en": Terms(strong=("hill",))},
        must_match=("hill",),
        must_not_match=("reef",),
        parents=("land",),
    ),
    "land": Theme(
        title="Land",
        definition="All of it.",
        terms={"en": Terms(strong=("meadow",))},
        must_match=("meadow",),
        must_not_match=("reef",),
    ),
}
ABOUT = [
    "Frigate shadows {0} near the reef",
    "{0} sends a destroyer to the shoal",
    "Fishermen of {0} met by a frigate",
    "Water cannon used on boats of {0} at the reef",
]
NOT_ABOUT = [
    "Divers of {0} love the reef",
    "Hotel by the reef opens in {0}",
    "Mayor of {0} opens a school by the river",
    "New bridge for {0} is late and over budget",
]
SAMPLE = "Frigate shadows Manila near the reef"


def labelled(rounds: int = 12) -> list[Labelled]:
    places = ["Beijing", "Manila", "Hanoi", "Tokyo"]
    return [
        Labelled(id=f"{i}-{j}-{yes}", title=text.format(places[(i + j) % 4]), themes=frozenset({"sea"} if yes else ()))
        for i in range(rounds)
        for yes, texts in ((True, ABOUT), (False, NOT_ABOUT))
        for j, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def classifier() -> CombinedClassifier:
    terms = KeywordClassifier(THEMES)
    examples = Shelf(as_they_come=labelled()).examples(terms, GROUPS)
    return CombinedClassifier(THEMES, train(examples, ["sea"], GROUPS))


def test_words_show_what_the_terms_miss(classifier: CombinedClassifier) -> None:
    title = "Fishermen of Manila met by a frigate"
    assert not classifier.terms.judge(title)
    assert [one.theme for one in classifier.judge(title)] == ["sea"]


def test_words_veto_what_the_terms_catch_wrongly(classifier: CombinedClassifier) -> None:
    title = "Divers of Manila love the reef"
    assert [one.theme for one in classifier.terms.judge(title)] == ["sea"]
    assert not classifier.judge(title)


def test_score_is_base_and_evidence_and_rest(classifier: CombinedClassifier) -> None:
    (sea,) = classifier.judge(SAMPLE)
    assert sea.score == pytest.approx(sea.base + sum(one.weight for one in sea.evidence) + sea.rest, abs=1e-3)
    assert sea.probability is not None
    assert 0.4 <= sea.probability <= 1
    assert abs(sea.rest) < abs(sea.score)


def test_evidence_of_both_points_into_the_text(classifier: CombinedClassifier) -> None:
    (sea,) = classifier.judge(SAMPLE)
    by_terms = [SAMPLE[one.start : one.end] for one in sea.evidence if one.by != BY_MODEL]
    by_model = {one.term: SAMPLE[one.start : one.end] for one in sea.evidence if one.by == BY_MODEL}
    assert by_terms == ["reef"]
    assert by_model
    assert all(where.casefold() in SAMPLE.casefold() and where for where in by_model.values())


def test_theme_without_labels_is_judged_by_its_terms_and_hands_its_score_to_its_parent(
    classifier: CombinedClassifier,
) -> None:
    judged = {one.theme: one for one in classifier.judge("Mayor of Manila opens a school by the hill")}
    assert judged["hills"].score == judged["land"].score == pytest.approx(0.6 * 1.7)
    assert judged["hills"].probability is None


def test_article_in_a_language_the_model_has_not_learnt_is_judged_by_terms(classifier: CombinedClassifier) -> None:
    title = "Рыбаки спорят о рифе reef"
    assert classifier.judge(title) == classifier.terms.judge(title)
    assert classifier.opinions(title).model == {}


def test_opinions_are_those_of_each_alone(classifier: CombinedClassifier) -> None:
    opinions = classifier.opinions("Divers of Manila love the reef")
    assert opinions.terms["sea"] >= 1
    assert opinions.model["sea"] < 0.3
    assert opinions.combined["sea"] < 1


def test_name_changes_with_themes_and_with_model(classifier: CombinedClassifier) -> None:
    other = CombinedClassifier({"sea": THEMES["sea"]}, classifier.model)
    assert other.name != classifier.name
    assert CombinedClassifier(THEMES, classifier.model).name == classifier.name


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_judged_and_every_place_lies_within_it(
    classifier: CombinedClassifier, title: str, summary: str, text: str
) -> None:
    fields = {"title": title, "summary": summary, "text": text}
    for score in classifier.judge(title, summary, text, at_least=float("-inf")):
        for one in score.evidence:
            assert 0 <= one.start <= one.end <= len(fields[one.field])


@pytest.mark.parametrize("text", ["", "\x00\xff" * 1000, "🚢" * 5000, "שלום " * 20_000, "reef frigate " * 80_000])
def test_hostile_texts_are_judged(classifier: CombinedClassifier, text: str) -> None:
    classifier.judge(text, "", text)
