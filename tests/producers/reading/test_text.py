from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reading.text import MAX_HTML, clean, to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("a < b & c", "a < b & c"),
        ("AT&amp;T", "AT&T"),
        ("<b>T</b>aiwan", "Taiwan"),
        ("<p>one</p>two<br/>three<li>four", "one two three four"),
        ("<td>1</td><td>2</td>", "1 2"),
        ("before<script>alert(1)</script> after<style>p{}</style>", "before after"),
        ("<img src=x onerror=alert(1)>x", "x"),
        ("<!-- hidden -->seen", "seen"),
        ("line\n\tnext\r\nBcc: all", "line next Bcc: all"),
        ("a\x00b\x1b[31m\x85c", "ab[31m c"),
        ("pay\u202etcelloc\u2066x", "paytcellocx"),
        ("sol\u00addiers ar\u200bmy", "soldiers army"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("e\u0301", "é"),
        ("\ud800half", "half"),
        ("5 &lt; 6", "5 < 6"),
        ("a <b and c", "a <b and c"),
        ("<3 this", "<3 this"),
        ("see <a href='http://cut.example", "see"),
        ("A. Writer <writer@desk.example>", "A. Writer <writer@desk.example>"),
        ("<!channel> <@U1> <http://evil.example|bank>", "<!channel> <@U1> <http://evil.example|bank>"),
        ("<script>alert(1)</script>", ""),
        ("&lt;script&gt;alert(1)&lt;/script&gt;seen", "seen"),
        ("<b>x</b><script>1</script>", "x"),
        ("&lt;p&gt;One&lt;/p&gt;&lt;p&gt;Two&lt;/p&gt;", "One Two"),
        ("AT&amp;amp;T", "AT&T"),
        ("It&amp;rsquo;s", "It’s"),
        ("<![CDATA[Hello <b>you</b>]]>", "Hello you"),
        ("<?xml version='1.0'?><!DOCTYPE html>seen", "seen"),
        ("<form action=x><input value=y>kept</form><svg><text>gone</text></svg>", "kept"),
        ("&#x202e;turned&#0;", "turned\ufffd"),
        ("cafÃ©", "café"),
        ("Ships<o:p></o:p> sail", "Ships sail"),
    ],
)
def test_text_is_what_a_reader_would_see(html: str, text: str) -> None:
    assert to_text(html, 100) == text


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000 + "x",
        "<dir>" * 100_000 + "</p>",
        "<address></p>" * 40_000,
        "<" * MAX_HTML,
        "<!--" * 100_000,
        "<a " * 100_000,
        "<b><i>" * 80_000,
        "&" * MAX_HTML,
        "<p " + "a=1 " * 100_000 + ">",
        "<p " + " ".join(f"a{i}=1" for i in range(60_000)) + ">",
        "<" * 5_000_000,
        "</" * 250_000,
        "<p <b> </i x=>" * 400_000,
        "<!--" * 250_000,
        "&lt;p&gt;" * 100_000,
        "<![CDATA[" * 50_000,
        "<amp-" + "-" * 400_000,
        "a" + "\u0301\u0327" * 250_000,
        "\u0f73" * 400_000,
        "Ã©" * 1_000_000,
    ],
    ids=lambda html: f"{html[:8]}-{len(html)}",
)
def test_hostile_markup_takes_little_time(html: str) -> None:
    started = time.process_time()
    to_text(html, 4_000)
    assert time.process_time() - started < 2


def test_marks_on_one_letter_are_bounded() -> None:
    assert clean("e\u0301", 100) == "é"
    assert 1 < len(clean("a" + "\u0327\u0301" * 1_000, 5_000)) <= 31


def test_deep_markup_still_gives_its_text() -> None:
    assert to_text("<div>" * 5_000 + "found &amp; kept", 100) == "found & kept"


@given(st.text(), st.integers(0, 40))
def test_clean_text_is_bounded_visible_and_stays_as_it_is(text: str, limit: int) -> None:
    result = clean(text, limit)
    assert len(result) <= limit
    assert clean(result, limit) == result
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in result)


@given(st.text(alphabet="<>/&;abp= \"'!-\x00\u202e"))
def test_no_markup_breaks_the_reader(html: str) -> None:
    assert "\u202e" not in to_text(html, 50)
