from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reading.encodings import to_utf8

DECLARED = [
    ("windows-1251", "Паром отменён из-за шторма"),
    ("koi8-u", "Пором скасовано через шторм"),
    ("gb18030", "渡轮因风暴取消航班"),
    ("gb2312", "渡轮因风暴取消航班"),
    ("big5", "渡輪因風暴取消航班"),
    ("shift_jis", "嵐のためフェリーが欠航"),
    ("euc-kr", "폭풍으로 여객선 결항"),
    ("windows-1256", "إلغاء العبارة بسبب العاصفة"),
    ("iso-8859-6", "إلغاء العبارة بسبب العاصفة"),
    ("iso-8859-1", "Le traversier annulé à cause de la tempête"),
    ("iso-2022-jp", "嵐のためフェリーが欠航"),
    ("utf-8", "Паром отменён — “шторм”"),
]


def page(text: str, encoding: str = "") -> str:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding else ""
    return f"{declaration}<rss version='2.0'><channel><item><title>{text}</title></item></channel></rss>"


@pytest.mark.parametrize(("encoding", "text"), DECLARED)
def test_a_declared_encoding_is_used(encoding: str, text: str) -> None:
    document = page(text, encoding)
    assert to_utf8(document.encode(encoding)) == (document.encode(), True)


@pytest.mark.parametrize(("encoding", "text"), DECLARED)
def test_the_header_goes_before_the_declaration(encoding: str, text: str) -> None:
    document = page(text, "iso-8859-5" if encoding != "utf-8" else "")
    assert to_utf8(document.encode(encoding), f'text/xml; charset="{encoding}"').body == document.encode()


@pytest.mark.parametrize(("encoding", "text"), DECLARED)
def test_utf_8_is_not_taken_for_what_a_server_says_by_default(encoding: str, text: str) -> None:
    document = page(text)
    assert to_utf8(document.encode(), "text/xml; charset=ISO-8859-1").body == document.encode()
    if encoding != "iso-2022-jp":
        assert to_utf8(document.encode(), f"text/xml; charset={encoding}").body == document.encode()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig", "cp037"])
def test_wide_encodings_and_marks_are_seen_in_the_bytes(encoding: str) -> None:
    for space in ("", "\n  ") if encoding != "cp037" else ("",):
        document = space + page("Storm é", "utf-16")
        assert to_utf8(document.encode(encoding), "text/xml; charset=iso-8859-1").body == document.encode()


@pytest.mark.parametrize("name", ["punycode", "idna", "utf-7", "unicode_escape", "zip", "rot13", "base64", "mbcs", "x"])
def test_what_is_no_encoding_of_text_is_ignored(name: str) -> None:
    document = page("+AGE- \\u0041 é", name)
    assert to_utf8(document.encode()).body == document.encode()
    assert "é" in to_utf8(document.encode("cp1252")).body.decode()


def test_stray_bytes_in_utf_8_do_not_spoil_the_rest() -> None:
    body, faithful = to_utf8(page("Café “Paris” – ").encode() + b"It\x92s \x93here\x94")
    assert body.decode().endswith("It’s “here”")
    assert not faithful
    cut = to_utf8(page("Паром отменён").encode() + "шторм".encode()[:-1])
    assert cut.body.decode().endswith("штор\ufffd")


def test_a_declared_encoding_with_a_few_bad_bytes_is_kept() -> None:
    text = "渡轮因风暴取消航班。" * 20
    body, faithful = to_utf8(page(text, "gb18030").encode("gb18030") + b"\xff")
    assert text in body.decode()
    assert not faithful


def test_control_characters_are_dropped_and_told() -> None:
    assert to_utf8(b"<a>x\x00\x1b[31m\ty</a>\n") == (b"<a>x[31m\ty</a>\n", False)


@given(st.binary(max_size=200), st.text(max_size=40))
def test_any_bytes_become_utf_8(body: bytes, header: str) -> None:
    to_utf8(body, f"text/xml; charset={header}").body.decode()


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_utf_8_stays_as_it_is(text: str) -> None:
    body = ("<a>" + text).encode()
    assert to_utf8(body) == (body, True)
