from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.languages import KNOWN, guess


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The minister spoke of tariffs on the steel of its neighbours", "en"),
        ("Le ministre a parlé des droits de douane sur l'acier", "fr"),
        ("El ministro habló de los aranceles para el acero", "es"),
        ("Der Minister sprach über Zölle auf den Stahl", "de"),
        ("Министр заявил о пошлинах на сталь", "ru"),
        ("Міністр заявив про мита на сталь і їхні наслідки", "uk"),
        ("وزير التجارة يتحدث عن الرسوم", "ar"),
        ("部长谈钢铁关税", "zh"),
        ("大臣が鉄鋼の関税について語った", "ja"),
        ("Huawei华为芯片出口管制新规 GPU", "zh"),
        ("Министр встретился с Apple", "ru"),
        ("", ""),
        ("12.5 %", ""),
        ("Stahl Zoll Minister", ""),
        ("de la", ""),  # French as well as Spanish
    ],
)
def test_language_is_guessed_by_script_and_common_words(text: str, language: str) -> None:
    assert guess(text) == language


@given(st.text())
def test_any_text_gives_a_known_language_or_none(text: str) -> None:
    assert guess(text) in ("", *KNOWN)
