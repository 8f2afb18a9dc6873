"""All terms are found in one pass, as the plain definition finds them one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from classifiers.terms import parse_term
from classifiers.tokens import Tokens
from classifiers.vocabulary import GAP, Vocabulary

WRITTEN = (
    "south china sea",
    "china",
    "sea",
    "US",
    "us china",
    "tarif*",
    "tar*",
    "南海",
    "海",
    "ß",
    "china sea",
    "chin* sea*",
    "south* chin* sea",
)
TERMS = [parse_term(written) for written in WRITTEN]
VOCABULARY = Vocabulary(TERMS)
PIECES = ("South", "China", "sea", "US", "us", "tariffs", "star", "tarn", "南", "海", "ss", "ß", ".", ",", "\n\n", "-")


def found(text: str) -> set[tuple[int, str]]:
    return {(word, TERMS[index].written) for word, index in VOCABULARY.find(Tokens(text))}


def defined(text: str) -> set[tuple[int, str]]:
    tokens = Tokens(text)
    out = set()
    for term in TERMS:
        words = (tokens.cased if term.cased else tokens.folded).split()
        patterns = (*term.patterns, *term.then)
        wanted = "".join(patterns).split()
        any_ending = {sum(term.lengths[: i + 1]) - 1 for i, one in enumerate(patterns) if not one.endswith(" ")}
        for at in range(len(words) - len(wanted) + 1):
            pairs = enumerate(zip(words[at:], wanted, strict=False))
            if all(word.startswith(stem) if i in any_ending else word == stem for i, (word, stem) in pairs):
                out.add((at, term.written))
    return out


def test_terms_inside_other_terms_are_found_too() -> None:
    assert {"south china sea", "china", "sea", "china sea", "chin* sea*", "south* chin* sea"} == {
        term for _, term in found("the South China Sea")
    }


def test_term_never_matches_inside_a_word() -> None:
    assert found("Chinatown overseas seal star") == set()


def test_capitals_decide_only_for_short_terms_in_capitals() -> None:
    assert {term for _, term in found("tell us")} == set()
    assert {term for _, term in found("the US")} == {"US"}
    assert {term for _, term in found("SEA")} == {"sea"}


@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from((" ", "", "  ")))))
def test_findings_are_those_of_the_definition(pieces: list[tuple[str, str]]) -> None:
    text = "".join(piece + gap for piece, gap in pieces)
    assert found(text) == defined(text)


def test_second_text_goes_on_counting_and_no_phrase_spans_both() -> None:
    there = {
        (word, TERMS[index].written) for word, index in VOCABULARY.find(Tokens("South China"), Tokens("sea of China"))
    }
    assert (2 + GAP, "sea") in there
    assert (4 + GAP, "china") in there
    assert not any("china sea" in term for _, term in there)


def test_empty_vocabulary_finds_nothing() -> None:
    assert Vocabulary([]).find(Tokens("anything")) == []
