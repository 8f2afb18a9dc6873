from __future__ import annotations

import unicodedata

import pytest
from fakes.hostile import HEADLINES, URLS
from hypothesis import given
from hypothesis import strategies as st

from alerting.content.wording import SUBJECT, clean, safe_link, shorten, title_of, to_subject


@given(st.text(), st.integers(min_value=2, max_value=300))
def test_cleaned_text_is_one_short_line_that_stays_as_it_is(text: str, limit: int) -> None:
    cleaned = clean(text, limit)

    assert len(cleaned) <= limit
    assert cleaned == " ".join(cleaned.split())
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in cleaned)
    assert clean(cleaned, limit) == cleaned


@pytest.mark.parametrize("name", HEADLINES)
def test_hostile_headlines_become_printable_text(name: str) -> None:
    cleaned = clean(HEADLINES[name], 160)

    assert len(cleaned) <= 160
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in cleaned)
    assert not any(char in cleaned for char in "\u200b\u200f\u202e\u2066\u2060\ufeff")
    cleaned.encode()


def test_words_that_readers_need_survive_cleaning() -> None:
    assert clean("می\u200cخواهند", 50) == "می\u200cخواهند"  # a joiner that Persian needs
    assert clean("AT&T <b>", 50) == "AT&T <b>"  # escaping is the format's business
    assert len(clean("Z" + "\u0301" * 9, 50)) == 4


def test_text_is_cut_at_a_word() -> None:
    assert shorten("coast guard reports vessels", 22) == "coast guard reports…"
    assert shorten("a" * 30, 10) == "a" * 9 + "…"
    assert shorten("short", 10) == "short"


@pytest.mark.parametrize("name", URLS)
def test_no_hostile_address_is_linked_unquoted(name: str) -> None:
    link = safe_link(URLS[name])

    assert link is None or (link.startswith("https://news.example.org/") and not set('"<>|\\ \r\n') & set(link))
    if name not in ("quote", "bar"):
        assert link is None


@given(st.text(min_size=1))
def test_a_link_is_never_anything_but_a_web_address(text: str) -> None:
    for url in (text, f"https://news.example.org/{text}", f"https://{text}/"):
        link = safe_link(url)
        assert link is None or link.startswith(("http://", "https://"))
        assert link is None or not any(char.isspace() or char in '"<>|\\' for char in link)


def test_addresses_in_other_scripts_stay_links() -> None:
    assert safe_link("https://пример.example/новости?a=1&b=2") == (
        "https://xn--e1afmkfd.example/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8?a=1&b=2"
    )
    assert safe_link("http://news.example.org:8080/%E4%B8%AD#x") == "http://news.example.org:8080/%E4%B8%AD#x"


def test_a_theme_is_called_by_its_title_or_else_by_its_readable_id() -> None:
    assert title_of("us-china-diplomacy") == "US china diplomacy"
    assert title_of("taiwan", "Taiwan and the strait") == "Taiwan and the strait"


def test_encoded_words_of_a_headline_stay_what_they_are_in_a_subject() -> None:
    assert to_subject("a =?utf-8?q?=0D=0ABcc:_x?=") == "a = ?utf-8?q?=0D=0ABcc:_x?="
    assert len(to_subject("=?" * 200)) <= SUBJECT
