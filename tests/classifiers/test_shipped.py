"""The theme files that come with the program."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from classifiers import themes
from classifiers.definition import Theme, example_of
from classifiers.keywords import KeywordClassifier

CONFIG = Path(__file__).parents[2] / "config"
SAMPLES = Path(__file__).parent / "samples"
THEMES = {
    "tariffs",
    "taiwan",
    "russia-industrial-base",
    "us-china-diplomacy",
    "technology-controls",
    "south-china-sea",
    "election-interference",
    "counternarcotics",
    "human-rights",
    "sanctions",
    "ukraine-war",
    "nuclear-proliferation",
}
_LETTERS = {
    **dict.fromkeys(("en", "fr", "es", "de"), "[a-z]"),
    "zh": "^[^\u3040-\u30ff]*[\u4e00-\u9fff][^\u3040-\u30ff]*$",
    "ja": "[\u3040-\u30ff]|米中|台湾有事",
    "ru": "^[^іїєґ’']*[а-я][^іїєґ’']*$",
    "uk": "[іїєґ’']",
    "ar": "[\u0620-\u064a]",
}
LANGUAGES = tuple(_LETTERS)
OF_THE_VISIT = {"tariffs", "taiwan", "russia-industrial-base", "us-china-diplomacy"}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Theme]:
    return themes.load(CONFIG)


@pytest.fixture(scope="module")
def classifier(shipped: dict[str, Theme]) -> KeywordClassifier:
    return KeywordClassifier(shipped)


def assigned(classifier: KeywordClassifier, title: str, text: str) -> set[str]:
    return {one.theme for one in classifier.judge(title, "", text)}


def test_every_example_in_every_file_is_judged_as_it_says() -> None:
    assert [str(problem) for problem in themes.check(CONFIG)] == []


def test_twelve_themes_each_with_five_examples_of_both_kinds(shipped: dict[str, Theme]) -> None:
    assert set(shipped) == THEMES
    for theme in shipped.values():
        assert len(theme.must_match) >= 5
        assert len(theme.must_not_match) >= 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_theme_has_terms_in_every_language(shipped: dict[str, Theme], language: str) -> None:
    for theme_id, theme in shipped.items():
        assert theme.terms[language].decisive, theme_id


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_theme_has_an_example_that_the_terms_of_each_language_carry(
    shipped: dict[str, Theme], language: str
) -> None:
    for theme_id, theme in shipped.items():
        foreign = [one for one in map(example_of, theme.must_match) if _written_in(one.title, language)]
        alone = msgspec.structs.replace(theme, terms={language: theme.terms[language]})
        classifier = KeywordClassifier({theme_id: alone})
        assert any(classifier.judge(one.title, one.summary, one.text) for one in foreign), theme_id


def _written_in(title: str, language: str) -> bool:
    """Return whether the script, or a letter, allows the language; Latin script allows all that use it."""
    return re.search(_LETTERS[language], title.lower()) is not None


def test_long_article_on_a_visit_gets_its_four_strands_and_no_passing_mention(classifier: KeywordClassifier) -> None:
    title, _, text = (SAMPLES / "minister_visit.txt").read_text(encoding="utf-8").partition("\n")
    assert assigned(classifier, title, text) == OF_THE_VISIT


def test_each_strand_of_the_long_article_has_evidence_in_the_text(classifier: KeywordClassifier) -> None:
    title, _, text = (SAMPLES / "minister_visit.txt").read_text(encoding="utf-8").partition("\n")
    for score in classifier.judge(title, "", text):
        assert any(one.field == "text" for one in score.evidence)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Earthquake of magnitude 6 shakes Taiwan", "Buildings swayed in Taipei; trains were stopped."),
        ("Households face higher electricity tariffs", "The regulator approved a tariff rise of 4 percent."),
        ("Russian skaters win gold", "Athletes from Russia took three medals in Moscow."),
        ("Oil price falls as OPEC pumps more", "Brent lost 2 percent; Russia and Saudi Arabia raised output."),
        ("Chinese restaurant wins star in New York", "American critics praised the Beijing duck."),
        ("Nuclear plant to run ten more years", "The reactor supplies a million homes with electricity."),
        ("Rapper sentenced for drugs", "The singer was caught with cocaine after a concert."),
        ("Committee tells us all about chips", "Potato chips are getting dearer."),
        ("Ukrainian singer wins Eurovision", "The song contest drew a record audience."),
        ("League imposes sanctions on club", "FIFA and the NCAA have rules of their own."),
    ],
)
def test_everyday_news_with_a_word_of_a_theme_gets_none(classifier: KeywordClassifier, title: str, text: str) -> None:
    assert assigned(classifier, title, text) == set()


def test_client_article_gets_exactly_its_four_themes(classifier: KeywordClassifier, reference_data: Path) -> None:
    (path,) = (reference_data / "seed").glob("*.txt")
    title, _, text = path.read_text(encoding="utf-8").partition("\n")
    assert assigned(classifier, title, text) == OF_THE_VISIT


def test_quality_on_labelled_articles(classifier: KeywordClassifier, reference_data: Path) -> None:
    hits: Counter[str] = Counter()
    false: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for line in (reference_data / "gold" / "dev.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        found, right = assigned(classifier, item["title"], item["text"]), set(item["themes"])
        for theme in THEMES - set(item["unsure"]):
            hits[theme] += theme in found and theme in right
            false[theme] += theme in found and theme not in right
            missed[theme] += theme not in found and theme in right

    def f1(tp: int, fp: int, fn: int) -> float:
        return 2 * tp / (2 * tp + fp + fn)

    assert f1(hits.total(), false.total(), missed.total()) >= 0.85
    assert sum(f1(hits[theme], false[theme], missed[theme]) for theme in THEMES) / len(THEMES) >= 0.83
    assert hits.total() / (hits.total() + false.total()) >= 0.88
