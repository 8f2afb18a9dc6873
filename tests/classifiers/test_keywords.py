"""Scores and evidence of the keyword classifier."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers import Classifier
from classifiers.definition import Combination, Fields, Figure, Measured, Terms, Theme, Weights
from classifiers.keywords import MAX_EVIDENCE, KeywordClassifier, bodies_of
from classifiers.terms import parse_term
from classifiers.tokens import Tokens
from deskwatch.records import Article, ThemeScore

NOW = datetime(2024, 4, 26, tzinfo=UTC)
WEIGHTS = Weights(decisive=1.0, strong=0.6, weak=0.3, weak_limit=0.5, against=-0.6)
FIELDS = Fields(title=2.0, summary=1.0, text=1.0)
SEA = Theme(
    title="Sea",
    definition="The sea.",
    weights=WEIGHTS,
    fields=FIELDS,
    terms={
        "en": Terms(
            decisive=("open sea", "Straße"),
            strong=("sea", "reef*", "İzmir"),
            weak=("ship", "boat", "US"),
            against=("typhoon",),
            ignore=("sea bass",),
        ),
        "zh": Terms(strong=("南海",)),
    },
    words={"navy": ("navy", "warship*"), "state": ("China", "Vietnam"), "film": ("film",)},
    combinations=(Combination(all=("navy", "state"), near=5, without=("film",), strength="decisive"),),
    must_match=("x",),
    must_not_match=("y",),
)
CLASSIFIER = KeywordClassifier({"sea": SEA})


def judge(title: str = "", summary: str = "", text: str = "") -> ThemeScore | None:
    found = CLASSIFIER.judge(title, summary, text, at_least=float("-inf"))
    return found[0] if found else None


def score(title: str = "", summary: str = "", text: str = "") -> float:
    found = judge(title, summary, text)
    return found.score if found else 0.0


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("By the sea", "", 1.2),  # strong x title
        ("", "by the sea", 0.6),
        ("", "sea, sea", 0.9),  # a second occurrence counts a half
        ("", "sea sea sea sea sea", 1.05),  # a fourth one nothing
        ("Sea", "sea", 1.8),  # title and body are counted apart
        ("", "the open sea", 1.0),  # of overlapping terms the strongest counts
        ("", "sea bass", 0.0),  # the longer phrase takes the term away
        ("", "sea bass by the sea", 0.6),
        ("", "ship boat ship boat", 0.5),  # weak ones only to their limit
        ("", "sea ship boat ship boat", 1.1),
        ("", "typhoon over the sea", 0.0),
        ("", "tell us of a ship", 0.3),  # us is not US
        ("", "the navy of China", 1.0),
        ("", "China navy, Vietnam warships", 1.5),  # the second pair counts a half
        ("", "China one two three four five six navy", 0.0),  # too far apart
        ("", "the navy of China in a film", 0.0),
        ("The navy", "of China", 1.0),  # a combination may begin in the title; then it weighs as in the body
        ("Navy of China", "", 2.0),
        ("", "对南海的", 0.6),
        ("", "reefs and a reef", 0.9),
        ("", "", 0.0),
    ],
)
def test_score(title: str, text: str, expected: float) -> None:
    assert score(title, text=text) == pytest.approx(expected, abs=1e-3)


def test_theme_is_assigned_from_score_one_on() -> None:
    assert [one.theme for one in CLASSIFIER.judge("", "", "open sea")] == ["sea"]
    assert CLASSIFIER.judge("", "", "sea sea") == ()


def test_threshold_scales_scores() -> None:
    lenient = KeywordClassifier(
        {"sea": Theme(**{name: getattr(SEA, name) for name in SEA.__struct_fields__} | {"threshold": 0.5})}
    )
    assert lenient.judge("", "", "sea")[0].score == pytest.approx(1.2)


def test_better_of_summary_and_text_counts_not_both() -> None:
    assert score(summary="sea", text="a reef and the sea") == pytest.approx(1.2)
    found = judge(summary="reef, sea", text="sea")
    assert found is not None
    assert {one.field for one in found.evidence} == {"summary"}


def test_article_is_judged_by_title_summary_and_text() -> None:
    article = Article(
        article_id="a", feed_id="f", source="s", url="u", first_seen_at=NOW, fetched_at=NOW, title="Sea", text="A reef"
    )
    classifier: Classifier = CLASSIFIER
    (found,) = classifier.classify(article)
    assert [(one.term, one.field, one.start, one.end) for one in found.evidence] == [
        ("sea", "title", 0, 3),
        ("reef*", "text", 2, 6),
    ]


def test_name_changes_with_the_themes_and_only_with_them() -> None:
    again = KeywordClassifier({"sea": SEA})
    other = KeywordClassifier({"ocean": SEA})
    assert again.name == CLASSIFIER.name != other.name


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("İİİ ß the Straße", "Straße"),
        ("STRASSE", "STRASSE"),
        ("ﬀ ŉ İ İzmir", "İzmir"),
        ("I\u0307zmir", "I\u0307zmir"),
        ("e\u0301 e\u0301 reefs", "reefs"),
        ("U . S . in the S\u00adEA", "S\u00adEA"),
        ("中文,南海。", "南海"),
    ],
)
def test_offsets_are_right_where_folding_changes_lengths(text: str, part: str) -> None:
    found = judge(text=text)
    assert found is not None
    assert part in {text[one.start : one.end] for one in found.evidence}


PIECES = (
    "sea",
    "SEA",
    "open",
    "reef",
    "reefs",
    "Straße",
    "STRASSE",
    "İzmir",
    "南海",
    "navy",
    "China",
    "US",
    "ship",
    "film",
    "typhoon",
)
FILLER = ("ß", "İ", "e\u0301", "x's", "U.S.", "\u00ad", ".", "\n\n", "and", "overseas", "海", "—")
texts = st.lists(st.sampled_from(PIECES + FILLER), max_size=40).map(" ".join)


@given(texts, texts)
def test_evidence_points_at_its_term_and_adds_up_to_the_score(title: str, text: str) -> None:
    found = judge(title, text=text)
    if found is None:
        return
    for one in found.evidence:
        there = (title if one.field == "title" else text)[one.start : one.end]
        (pattern,) = parse_term(one.term).patterns
        tokens = Tokens(there)
        assert tokens.cased.startswith(pattern) or tokens.folded.startswith(pattern)
    if len(found.evidence) < MAX_EVIDENCE:
        assert sum(one.weight for one in found.evidence) == pytest.approx(found.score, abs=0.01)


@given(texts, st.lists(st.sampled_from([word for word in FILLER if word != "U.S."]), max_size=20).map(" ".join))
def test_unrelated_text_after_it_takes_no_evidence_away(text: str, more: str) -> None:
    before, after = judge(text=text), judge(text=f"{text} {more}")
    assert (before.evidence if before else ()) == (after.evidence if after else ())


@given(texts, texts)
def test_same_article_gives_the_same_verdict(title: str, text: str) -> None:
    assert judge(title, text=text) == judge(title, text=text)


def with_changes(**changes: object) -> Theme:
    return msgspec.structs.replace(SEA, **changes)


def test_parents_of_a_theme_are_assigned_with_its_evidence() -> None:
    lake = msgspec.structs.replace(SEA, terms={"en": Terms(strong=("lake",))}, combinations=(), words={})
    classifier = KeywordClassifier({"reef": with_changes(parents=("water",)), "water": lake})
    child, parent = classifier.judge("By the sea")
    assert (child.theme, parent.theme) == ("reef", "water")
    assert (child.score, child.evidence) == (parent.score, parent.evidence)
    assert [one.theme for one in classifier.judge("By the lake")] == ["water"]


def test_measured_figures_are_no_part_of_the_name_but_parents_are() -> None:
    figure = Figure(value=0.9, low=0.8, high=1.0)
    measured = Measured(
        precision=figure, recall=figure, f1=figure, articles=9, positives=3, date="2026-11-25", data="d", classifier="c"
    )
    assert KeywordClassifier({"sea": with_changes(measured=measured)}).name == CLASSIFIER.name
    assert KeywordClassifier({"sea": with_changes(parents=("sea",))}).name != CLASSIFIER.name


@given(texts, texts, texts)
def test_reading_gives_the_scores_of_all_themes_and_the_evidence_that_judging_gives(
    title: str, summary: str, text: str
) -> None:
    reading = CLASSIFIER.read(Tokens(title), bodies_of(summary, text))
    for found in CLASSIFIER.judge(title, summary, text, at_least=float("-inf")):
        assert reading.scores[found.theme] == pytest.approx(found.score, abs=1e-4)
        assert reading.judged(found.theme) == found
    assert reading.judged("no such theme") == ThemeScore(theme="no such theme", score=0.0)


def test_theme_without_any_weight_in_the_text_has_no_score() -> None:
    assert CLASSIFIER.read(Tokens("China and the sea bass"), bodies_of("", "")).scores.get("sea", 0.0) == 0.0
    assert CLASSIFIER.read(Tokens("China"), bodies_of("", "")).scores == {}


def test_evidence_is_bounded() -> None:
    words = tuple(f"word{chr(97 + i)}{chr(97 + j)}" for i in range(10) for j in range(10))
    theme = Theme(
        title="t", definition="d", terms={"en": Terms(strong=words)}, must_match=("x",), must_not_match=("y",)
    )
    (found,) = KeywordClassifier({"t": theme}).judge("", "", " ".join(words))
    assert len(found.evidence) == MAX_EVIDENCE
    assert found.score == pytest.approx(60.0)


def test_huge_text_is_judged_by_its_beginning() -> None:
    huge = "by the open sea " * 700_000
    found = judge(text=huge)
    assert found is not None
    assert found.score == pytest.approx(1.75)
