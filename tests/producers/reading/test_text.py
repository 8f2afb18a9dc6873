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
    ],
    ids=lambda html: f"{html[:8]}-{len(html)}",
)
def test_hostile_markup_takes_little_time(html: str) -> None:
    started = time.process_time()
    to_text(html, 4_000)
    assert time.process_time() - started < 2


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
