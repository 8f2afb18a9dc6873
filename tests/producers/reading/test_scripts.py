from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reading.scripts import can_be_written, find_script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("harbour 2026", "latin"),
        ("Übergrößenträger", "latin"),
        ("порт Rotterdam и гавань", "cyrillic"),
        ("新華社 NATO", "han"),
        ("東京の港", "kana"),
        ("서울 KBS", "hangul"),
        ("مرحبا", "arabic"),
        ("2026 – 5 %", ""),
        ("", ""),
    ],
)
def test_the_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert find_script(text)[0] == script


def test_letters_that_a_language_lacks_refute_it_unless_they_are_few() -> None:
    assert not can_be_written("ru", "cyrillic", "Міністр відвідав порт і їхав")
    assert can_be_written("ru", "cyrillic", "Министр посетил порт после забастовки, сообщает «Дія»" * 2)
    assert can_be_written("uk", "cyrillic", "Міністр відвідав порт")
    assert not can_be_written("uk", "cyrillic", "Министры посетили порты, забастовка объявлена")
    assert can_be_written("sr", "latin", "Ministar u luci")
    assert not can_be_written("zh", "latin", "Minister in port")


@given(st.text())
def test_any_text_has_at_most_one_script(text: str) -> None:
    script, letters = find_script(text)
    assert bool(script) is (letters > 0)
