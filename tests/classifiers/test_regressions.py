from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from classifiers.corrections import Correction, Filed
from classifiers.definition import Terms, Theme
from classifiers.keywords import KeywordClassifier
from classifiers.regressions import examples, failing

AT = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
THEMES = {
    name: Theme(
        title=name,
        definition="d",
        terms={"en": Terms(strong=(word,), weak=("island",))},
        must_match=(word,),
        must_not_match=("x",),
    )
    for name, word in (("taiwan", "Taipei"), ("tariffs", "tariff*"))
}
TERMS = KeywordClassifier(THEMES)


def filed(*corrections: Correction) -> list[Filed]:
    return [Filed(file="corrections.jsonl", line=i, correction=one) for i, one in enumerate(corrections, 1)]


def said(title: str, id_: str = "a1", **fields: Any) -> Correction:
    return Correction(**{"id": id_, "title": title, "by": "ana", "at": AT, **fields})


def test_obeyed_corrections_raise_no_problem() -> None:
    obeyed = filed(
        said("Taipei votes", is_=("taiwan",), not_=("tariffs",)),
        said("Tariffs", "a2", summary="On an island", is_=("tariffs",), not_=("taiwan",)),
    )
    assert failing(obeyed, TERMS, THEMES) == []


def test_disobeyed_correction_says_where_who_what_scored_and_what_to_do() -> None:
    problems = failing(
        filed(
            said("The island votes", is_=("taiwan",)),
            said("Power tariffs rise", "a2", not_=("tariffs",)),
            said("Nothing", "a3", is_=("tariffs",), by=""),
        ),
        TERMS,
        THEMES,
    )
    assert [str(problem) for problem in problems] == [
        "corrections.jsonl:1:1: error: article 'a1' is about 'taiwan' (says ana on 2026-11-25), but scores 0.35 of 1 "
        "(island +0.35 in title): add a term, or run `deskwatch model train`",
        "corrections.jsonl:2:1: error: article 'a2' is not about 'tariffs' (says ana on 2026-11-25), but scores 1.02 "
        "of 1 (tariff* +1.02 in title): weaken a term or add one under 'against', or run `deskwatch model train`",
        "corrections.jsonl:3:1: error: article 'a3' is about 'tariffs' (says somebody on 2026-11-25), but scores 0 of "
        "1 (no term occurs): add a term, or run `deskwatch model train`",
    ]


def test_only_the_last_word_is_tested() -> None:
    last_word = filed(said("The island votes", is_=("taiwan",)), said("The island votes", not_=("taiwan",)))
    assert failing(last_word, TERMS, THEMES) == []
    assert failing(last_word[::-1], TERMS, THEMES) != []


def test_unknown_theme_is_named_with_the_nearest_one() -> None:
    (problem,) = failing(filed(said("Taipei", is_=("taiwn",))), TERMS, THEMES)
    assert str(problem) == "corrections.jsonl:1:1: error: no theme 'taiwn' (did you mean 'taiwan'?)"


def test_corrections_of_one_article_make_one_example_unsure_of_all_else() -> None:
    (one, two) = examples(
        filed(
            said("First wording", is_=("taiwan",)),
            said("Other", "a2", not_=("taiwan",)),
            said("Last wording", not_=("tariffs",), text="T"),
        ),
        ["taiwan", "tariffs", "sanctions"],
    )
    assert (one.id, one.title, one.text, one.themes, one.unsure) == (
        "a1",
        "Last wording",
        "T",
        {"taiwan"},
        {"sanctions"},
    )
    assert (two.themes, two.unsure) == (set(), {"tariffs", "sanctions"})
