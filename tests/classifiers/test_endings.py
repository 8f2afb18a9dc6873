from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.endings import is_inflection


@pytest.mark.parametrize(
    ("language", "stem", "words"),
    [
        ("en", "import", "import imports imported importing importers importation"),
        ("en", "ban", "ban bans banned banning"),
        ("en", "traffic", "traffickers trafficking"),
        ("en", "restrict", "restriction restrictive restricts"),
        ("en", "russia", "russian russians"),
        ("ru", "пошлин", "пошлина пошлины пошлин пошлинами пошлинный"),
        ("ru", "санкц", "санкции санкциями санкционный санкционных"),
        ("ru", "ядерн", "ядерный ядерного ядерными"),
        ("uk", "санкці", "санкції санкцій санкціями санкційний"),
        ("fr", "négoci", "négociation négociations négocie négocient négociées"),
        ("es", "arancel", "arancel aranceles"),
        ("es", "sancion", "sanciones sancionar sancionado sancionan"),
        ("de", "zoll", "zoll zolles"),
        ("de", "sanktion", "sanktion sanktionen sanktionspaket"),
        ("ar", "صاروخ", "صاروخ صاروخيه"),
    ],
)
def test_forms_of_a_word_are_inflections(language: str, stem: str, words: str) -> None:
    for word in words.split():
        assert is_inflection(stem, word.removeprefix(stem), language, whole=True), word


@pytest.mark.parametrize(
    ("language", "stem", "words"),
    [
        ("en", "import", "important importance"),
        ("en", "ban", "bank banana"),
        ("en", "arm", "army armadillo"),
        ("en", "tax", "taxi taxidermy"),
        ("ru", "порт", "портрет портфель"),
        ("fr", "port", "portefeuille portrait"),
        ("es", "port", "portugal"),
        ("de", "zoll", "zollverein"),
    ],
)
def test_other_words_are_none(language: str, stem: str, words: str) -> None:
    for word in words.split():
        assert not is_inflection(stem, word.removeprefix(stem), language, whole=True), word


def test_stem_that_is_no_word_may_be_completed() -> None:
    assert is_inflection("proliferat", "e", "en")
    assert is_inflection("oppos", "e", "en")
    assert not is_inflection("import", "ance", "en", whole=True)
    assert is_inflection("import", "ance", "en")  # for all we know


@given(st.text(min_size=1), st.text(), st.sampled_from(["en", "zh", "ru", "", "tlh"]), st.booleans())
def test_any_text_can_be_asked_about(stem: str, ending: str, language: str, whole: bool) -> None:
    assert is_inflection(stem, "", language, whole=whole)
    assert is_inflection(stem, ending, "tlh", whole=whole)
    is_inflection(stem, ending, language, whole=whole)


@pytest.mark.parametrize("language", ["en", "fr", "es", "de", "ru", "uk", "ar"])
def test_long_endings_take_no_long_time(language: str) -> None:
    assert not is_inflection("ab", "анова" * 20_000 + "!", language)
