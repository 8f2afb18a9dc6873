from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.labelled import Item, Labelled
from classifiers.reviewing import WORTH_ASKING, Opinion, as_lines, ask_about, worth_of
from deskwatch.records import Evidence

Judged = tuple[Item, dict[str, Opinion]]
opinions = st.builds(
    Opinion,
    terms_score=st.floats(-2, 5),
    model_probability=st.none() | st.floats(0, 1),
)
articles = st.lists(
    st.tuples(
        st.integers(0, 9).map(lambda n: Item(id=str(n), title=f"title {n % 7}")),
        st.dictionaries(st.sampled_from("abc"), opinions),
    )
)


def judged(id_: str, terms: float, model: float | None, theme: str = "taiwan", title: str = "") -> Judged:
    opinion = Opinion(terms_score=terms, model_probability=model)
    return Labelled(id=id_, title=title or f"title {id_}", text="text"), {theme: opinion}


def test_contradiction_teaches_more_than_doubt_and_agreement_nothing() -> None:
    worths = [
        worth_of(Opinion(terms_score=score, model_probability=probability))
        for score, probability in [(0.0, 0.99), (2.5, 0.01), (0.0, 0.7), (0.0, 0.55), (1.1, 0.6), (0.9, 0.3), (0, 0.02)]
    ]
    assert worths[:2] == pytest.approx([1, 1], abs=0.02)
    assert worths[1:6] == sorted(worths[1:6], reverse=True)
    assert worths[6] < WORTH_ASKING < worths[5]
    assert worth_of(Opinion(terms_score=2.5, model_probability=0.99)) < WORTH_ASKING


def test_without_a_model_what_is_near_the_threshold_is_asked() -> None:
    asked = ask_about([judged("near", 0.95, None), judged("far", 3, None), judged("none", 0, None)])
    assert [one.article.id for one in asked] == ["near"]


def test_model_threshold_moves_what_counts_as_doubt() -> None:
    opinion = Opinion(model_probability=0.3)
    assert worth_of(opinion, 0.3) > worth_of(opinion, 0.5) > worth_of(opinion, 0.9)
    assert worth_of(opinion, 1.0) > 0
    assert worth_of(Opinion(terms_score=3, model_probability=1.0), 1.0) == 0


def test_best_questions_come_first_with_text_and_evidence_but_no_labels() -> None:
    evidence = (Evidence(term="Taipei", field="title", start=0, end=6, weight=1.02),)
    article = Labelled(id="a", title="Taipei", themes=frozenset({"taiwan"}))
    first, second = ask_about(
        [
            judged("b", 0.9, 0.3),
            (article, {"taiwan": Opinion(terms_score=1.02, model_probability=0.1, evidence=evidence)}),
        ]
    )
    assert (first.article.id, second.article.id) == ("a", "b")
    assert first.evidence == evidence
    assert json.loads(next(as_lines([first]))) == {
        "article": {"id": "a", "title": "Taipei", "summary": "", "text": ""},
        "theme": "taiwan",
        "terms_score": 1.02,
        "model_probability": 0.1,
        "evidence": [{"term": "Taipei", "field": "title", "start": 0, "end": 6, "weight": 1.02}],
        "worth": 1.145,
    }


def test_loud_theme_does_not_starve_a_quiet_one() -> None:
    loud = [judged(f"l{i:02}", 0, 0.99, "loud") for i in range(50)]
    asked = ask_about([*loud, judged("q", 0, 0.6, "quiet")], limit=5, per_theme=10)
    assert [one.theme for one in asked] == ["loud"] * 4 + ["quiet"]
    assert len(ask_about(loud, per_theme=10)) == 10


def test_answered_pairs_and_copies_are_not_asked_again() -> None:
    pairs = [
        judged("a", 0, 0.9),
        judged("b", 0, 0.95, title="The Same"),
        judged("c", 0, 0.9, title="the  same"),
        judged("b", 0, 0.9, title="Later wording"),
    ]
    assert [one.article.id for one in ask_about(pairs)] == ["b", "a"]
    assert [one.article.id for one in ask_about(pairs, corrected={("a", "taiwan"), ("c", "tariffs")})] == ["b"]


@given(articles, st.integers(0, 5), st.integers(0, 12))
def test_queue_is_in_order_within_its_limits_and_free_of_repetition(data: list[Judged], per: int, limit: int) -> None:
    asked = ask_about(data, corrected={("1", "a")}, per_theme=per, limit=limit)
    assert len(asked) <= limit
    pairs = [(one.article.id, one.theme) for one in asked]
    assert len(set(pairs)) == len(pairs)
    assert ("1", "a") not in pairs
    assert all([theme for _, theme in pairs].count(theme) <= per for theme in "abc")
    assert [one.worth for one in asked] == sorted((one.worth for one in asked), reverse=True)
