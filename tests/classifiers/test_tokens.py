"""Words of a text compare equal however they were typed, and know their place in it."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classifiers.tokens import MAX_CHARS, Tokens


def words(text: str) -> list[str]:
    return Tokens(text).folded.strip(" ").split(" ") if text.strip() else []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Trade  war,\nnow", ["trade", "war", "now"]),
        ("dual-use “chips”", ["dual", "use", "chips"]),
        ("Russia's and Russia’s", ["russia", "and", "russia"]),
        ("the boss's sister", ["the", "boss", "sister"]),
        ("U.S. and U . S . -China", ["us", "and", "us", "china"]),
        ("J. K. Rowling", ["jk", "rowling"]),
        ("Straße in İstanbul", ["strasse", "in", "i̇stanbul"]),
        ("Pe\u0301kin", ["pékin"]),
        ("dis\u00adcuss zero\u200bwidth", ["discuss", "zerowidth"]),
        ("对Huawei的制裁", ["对", "huawei", "的", "制", "裁"]),
        ("米中ハイテク", list("米中ハイテク")),
        ("Росія, Київ", ["росія", "київ"]),
    ],
)
def test_words_of_text(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    "text", ["in China. Sea levels", "in China! Sea", "in China\n\nSea", "在中国。南海", "in China? “Sea”"]
)
def test_end_of_sentence_or_paragraph_is_a_word_of_its_own(text: str) -> None:
    assert any(word in set(".!?。\n") for word in words(text))


@pytest.mark.parametrize("text", ["the U.S. Navy", "3.5 percent", "China, sea", "one\nline break", "example.org today"])
def test_dot_inside_a_name_or_number_ends_no_sentence(text: str) -> None:
    assert not any(word in set(".!?。\n") for word in words(text))


@given(st.text(max_size=200))
@example("İİß ﬁn Ǆ")
@example("a\u0301\u0301 \u0301b")
@example("U.S's 'S A.B")
@example("\n \n\n.\u2060. 中。")
def test_every_word_comes_from_its_place(text: str) -> None:
    tokens = Tokens(text)
    found = tokens.folded[1:-1].split(" ") if tokens.folded.strip(" ") else []
    last = 0
    for number, word in enumerate(found):
        start, end = tokens.span(number, 1)
        assert last <= start < end <= len(text)
        last = end
        assert words(text[start:end]) == [word] or word in {*".!?…\n"}


@given(st.text(alphabet="aAbUS.s' !?\"\n\t-_1)\r\x1f\x00\x01", max_size=40))
@example("U.S.'s A.\n\nB's end. 'S")
@example("ab.\x00 U.S. \x01 cd!")
def test_short_way_for_ascii_gives_the_words_that_the_long_way_gives(text: str) -> None:
    short, long = Tokens(f"{text} x. y"), Tokens(f"{text} x. y é")
    assert long.cased == f"{short.cased}é "


def test_no_character_folds_to_a_space_which_would_shift_all_words() -> None:
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000)))).replace(" ", "")
    assert " " not in unicodedata.normalize("NFC", every.casefold())


def test_cased_and_folded_have_the_same_words() -> None:
    tokens = Tokens("US is not us, ẞ is ss")
    assert tokens.cased.count(" ") == tokens.folded.count(" ")
    assert " US " in tokens.cased


@pytest.mark.parametrize(
    "unit",
    [
        "\n",
        "\n ",
        "a",
        "a ",
        ".",
        ". ",
        "A.",
        "A . ",
        "'s",
        "’S ",
        "\u0301",
        "a\u0301",
        "\u00ad",
        "台",
        "。",
        "\u2060a",
        "!”",
        "\u0640",
        "ـa",
        "وال",
        " وبال",
        "\u064b",
        "か\u3099",
        "\u3099",
        "'п",
        "п'",
        "ﷺ",
        "\uff9e",
        "\x00",
        "A.\x01",
    ],
)
def test_hostile_repetition_takes_linear_time(unit: str) -> None:
    started = time.process_time()
    Tokens(unit * (MAX_CHARS // len(unit)))
    assert time.process_time() - started < 1.0  # a quadratic pattern needs minutes here


def test_text_beyond_the_limit_is_not_read() -> None:
    assert Tokens("x " * MAX_CHARS + "tariff").folded.count("tariff") == 0
