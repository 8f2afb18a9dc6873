from __future__ import annotations

from classifiers.definition import Terms, Theme
from classifiers.surveying import Survey


def theme(*strong: str, language: str = "en") -> Theme:
    terms = {language: Terms(strong=strong)}
    return Theme(title="t", definition="d", terms=terms, must_match=("x",), must_not_match=("y",))


def test_articles_are_counted_by_language_given_or_guessed() -> None:
    survey = Survey({"sea": theme("reef")})
    survey.add("The mayor of the town")
    survey.add("The mayor of the town", language="fr")
    survey.add("Bürgermeister")
    assert survey.articles == {"en": 1, "fr": 1, "": 1}
    assert survey.read == 3


def test_endings_are_caught_wherever_the_star_stands_and_counted_once_an_article() -> None:
    survey = Survey({"sea": theme("lighthouse* keep*", "reef*")})
    survey.add("", "The lighthouses keeper", "Reefs, reefs and reefing. A lighthouse keeps", language="en")
    survey.add("Reefs", language="en")
    assert survey.caught == {
        ("reef*", "reef", "en"): {"s": 2, "ing": 1},
        ("lighthouse* keep*", "lighthouse", "en"): {"s": 1, "": 1},
        ("lighthouse* keep*", "keep", "en"): {"er": 1, "s": 1},
    }
    assert survey.heard == {"reef*", "lighthouse* keep*"}


def test_endings_of_an_unknown_language_are_not_counted_but_heard() -> None:
    survey = Survey({"sea": theme("reef*")})
    survey.add("Reefs")
    assert (dict(survey.caught), survey.heard) == ({}, {"reef*"})


def test_themes_are_counted_alone_and_in_pairs() -> None:
    survey = Survey({"sea": theme("reef"), "hut": theme("hut"), "ash": theme("ash")})
    for title in ("reef", "reef and hut", "hut, reef", "ash"):
        survey.add(title)
    survey.add("A walk", text="on the reef")  # too little for the theme
    assert survey.assigned == {"sea": 3, "hut": 2, "ash": 1}
    assert survey.both == {("hut", "sea"): 2}


def test_arabic_words_are_caught_without_what_is_written_before_them() -> None:
    survey = Survey({"sea": theme("صاروخ*", language="ar")})
    survey.add("وبصاروخية الصاروخ", language="ar")
    ((_, endings),) = survey.caught.items()
    assert set(endings) <= {"", "يه"}
