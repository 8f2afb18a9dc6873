from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reading.mojibake import mend


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text", ["café", "naïve mañana", "l’été", "50 € – “quote”", "привет", "中国", "Łódź", "日本の港"]
)
def test_utf_8_read_as_something_else_is_mended(text: str, encoding: str) -> None:
    broken = "".join(
        bytes([byte]).decode(encoding, "ignore") or chr(byte)
        for byte in text.encode()  # cp1252 has five gaps
    )
    assert broken != text
    assert mend(f"a {broken} b") == f"a {text} b"


@pytest.mark.parametrize(
    "text",
    [
        "SÃO PAULO",
        "AMANHÃ…",
        "„Ä“ und „Ö“",
        "NESTLÉ®",
        "CAFÉ »",
        "CONGÉ\xa0!",
        "voilà",
        "Ünïcödé ÀÉÎ",
        "Ã",
        "plain",
        "中国 привет é",
    ],
)
def test_what_may_be_meant_stays(text: str) -> None:
    assert mend(text) == text


@given(st.text() | st.text(alphabet="ÃÂâé€™©\x9d\x80ð a"))
def test_no_text_breaks_it(text: str) -> None:
    assert len(mend(text)) <= len(text)
