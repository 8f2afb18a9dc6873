from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.spelling import nearest

words = st.text(alphabet="abcdefgh", min_size=4, max_size=10)


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("tawian", ["taiwan", "tariffs"], "taiwan"),
        ("tsets", ["owner", "tests"], "tests"),
        ("HIGH", ["low", "high"], "high"),
        (" high ", ["low", "high"], "high"),
        ("lun", ["mon", "sun"], "sun"),
        ("qqq", ["a"], ""),
        ("at", ["to"], ""),
        ("", ["a"], ""),
        ("a", [], ""),
        ("x" * 1_000_000, ["taiwan"], ""),
    ],
)
def test_the_word_that_was_meant_is_found(word: str, known: list[str], meant: str) -> None:
    assert nearest(word, known) == meant


@given(st.lists(words, max_size=8), words)
def test_only_a_known_word_is_suggested(known: list[str], word: str) -> None:
    assert nearest(word, known) in {"", *known}


@given(words, st.data())
def test_one_slip_in_one_of_very_many_words_is_found(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    slip = data.draw(
        st.sampled_from((word[:at] + word[at + 1 :], word[:at] + "z" + word[at:], word[:at] + "z" + word[at + 1 :]))
    )
    many = [f"{number:05}" for number in range(1000)]

    assert nearest(slip, [*many, word]) == word
