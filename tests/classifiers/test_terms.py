"""A term of a theme file becomes a pattern, or says why it cannot."""

from __future__ import annotations

import pytest

from classifiers.terms import parse_term


@pytest.mark.parametrize(
    ("written", "pattern", "words", "cased"),
    [
        ("trade war", " trade war ", 2, False),
        ("Tariff*", " tariff", 1, False),
        ("import dut*", " import dut", 2, False),
        ("dual-use", " dual use ", 2, False),
        ("US", " US ", 1, True),
        ("U.S.", " US ", 1, True),
        ("G7", " G7 ", 1, True),
        ("NATO", " nato ", 1, False),
        ("US-China", " us china ", 2, False),
        ("Russia's army", " russia army ", 2, False),
        ("关税", " 关 税 ", 2, False),
        ("санкци*", " санкци", 1, False),
    ],
)
def test_pattern_of_term(written: str, pattern: str, words: int, cased: bool) -> None:
    term = parse_term(written)
    assert (term.patterns, term.then, term.words, term.cased) == ((pattern,), (), words, cased)


@pytest.mark.parametrize(
    ("written", "patterns"),
    [
        ("sanction* on", (" sanction", " on ")),
        ("ядерн* оружи*", (" ядерн", " оружи")),
        ("риф* в Южно-Китайск* мор*", (" риф", " в южно китайск", " мор")),
    ],
)
def test_term_with_a_star_inside_has_several_patterns(written: str, patterns: tuple[str, ...]) -> None:
    term = parse_term(written)
    assert (*term.patterns, *term.then) == patterns
    assert term.words == len(written.replace("-", " ").split())


def test_arabic_term_also_has_the_patterns_with_what_is_written_before_it() -> None:
    patterns = parse_term("العقوبات").patterns
    assert {" عقوبات ", " وعقوبات ", " لعقوبات ", " وبعقوبات "} < set(patterns)
    assert parse_term("حق").patterns == (" حق ",)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "no word"),
        ("—", "no word"),
        ("*", "no word"),
        ("tar*iff", "only at the end of a word"),
        ("import tar*iff", "only at the end of a word"),
        ("import* tar*iff", "only at the end of a word"),
        ("tariff **", "must follow a letter"),
        ("sanction* in* on", "fewer than 3"),
        ("sanction* —", "no word"),
        ("الع*", "fewer than 3"),
        ("tariff *", "must follow a letter"),
        ("ta*", "fewer than 3"),
        ("关税*", "fewer than 3"),
        ("in China. Sea", "end of a sentence"),
    ],
)
def test_term_that_cannot_work_is_refused_with_the_reason(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_term(written)
