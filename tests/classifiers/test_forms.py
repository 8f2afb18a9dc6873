"""What a script writes in several ways becomes one form, without moving a word."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classifiers.forms import plain, unify
from classifiers.terms import parse_term
from classifiers.tokens import Tokens
from classifiers.vocabulary import Vocabulary


def same(one: str, other: str) -> bool:
    return Tokens(one).folded == Tokens(other).folded


def finds(term: str, text: str) -> list[str]:
    """Return the stretches of the text at which the term is found."""
    tokens, parsed = Tokens(text), parse_term(term)
    spans = [tokens.span(word, parsed.words) for word, _ in Vocabulary([parsed]).find(tokens)]
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Russia\u2019s war", "Russia's war"),
        ("l\u2019Ukraine", "l'Ukraine"),
        ("зелёный щит", "зеленый щит"),
        ("Украи\u0301на", "Украина"),
        ("п'ять", "п\u2019ять"),
        ("п'ять", "п\u02bcять"),
        ("п'ять", "пять"),
        ("\uff35\uff33 tariffs", "US tariffs"),
        ("\uff76\uff9e\uff7d", "ガス"),
        ("か\u3099す", "がす"),
        ("أسلحة", "اسلحه"),
        ("العقــوبات", "العقوبات"),
        ("عُقُوبَات", "عقوبات"),
        ("مستشفى", "مستشفي"),
        ("ﻋﻘﻮﺑﺎﺕ", "عقوبات"),
        ("والعقوبات", "عقوبات"),
        ("بالعقوبات", "العقوبات"),
        ("وللعقوبات", "العقوبات"),
    ],
)
def test_ways_to_write_a_word_are_one(one: str, other: str) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("й", "и"), ("ї", "і"), ("año", "ano"), ("Zölle", "Zolle"), ("والد", "د"), ("ガス", "カス"), ("كي", "كتاب")],
)
def test_words_that_differ_in_more_than_writing_stay_different(one: str, other: str) -> None:
    assert not same(one, other)


@pytest.mark.parametrize(
    ("term", "text", "found"),
    [
        ("عقوبات أمريكية", "رفع العقوبات الأمريكية عن", ["العقوبات الأمريكية"]),
        ("عقوبات أمريكية", "وبعقوبات اميركية", []),
        ("عقوبات أمريكية", "وبالعقوبات الأمريكيّة", ["وبالعقوبات الأمريكيّة"]),
        ("حرب تجارية", "لحرب تجارية", ["لحرب تجارية"]),
        ("حرب تجارية", "ولحرب تجاريه", ["ولحرب تجاريه"]),
        ("حرب", "محارب حربي", []),
        ("ядерн* оружи*", "угроза ядерного оружия", ["ядерного оружия"]),
        ("ядерн* оружи*", "ядерного. Оружия", []),
        ("ядерн* оружи*", "оружие ядерное", []),
        ("теневой флот", "тёневой флот", ["тёневой флот"]),
        ("політв'яз*", "двох політв\u2019язнів", ["політв\u2019язнів"]),
    ],
)
def test_term_finds_the_forms_of_its_language(term: str, text: str, found: list[str]) -> None:
    assert finds(term, text) == found


@given(st.text(max_size=60))
def test_plain_text_has_every_character_in_its_place(text: str) -> None:
    assert len(plain(text)) == len(text)


ARABIC = st.text(alphabet="والبكفسلامحربتةىأإآؤئ ـ\u064b\u0651\u0670\u200f\ufefb\ufdfa'U.S", max_size=40)


@given(st.one_of(ARABIC, st.text(max_size=60)))
@example("ـ ـكتاب ـ")
@example("ﷺ ﷲ")
@example("\u0651 ا\u0654")
def test_number_of_words_and_their_places_stay(text: str) -> None:
    tokens = Tokens(text)
    words = tokens.folded.split()
    assert tokens.folded.count(" ") == len(words) + 1 if words else tokens.folded == "  "
    for number in range(len(words)):
        start, end = tokens.span(number, 1)
        assert 0 <= start < end <= len(text)


@given(ARABIC)
def test_unifying_twice_changes_nothing_but_a_second_article(text: str) -> None:
    once = unify(" ".join(Tokens(text).cased.split()))
    assert once.count(" ") == unify(once).count(" ")
