from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fakes.hostile import HEADLINES, URLS
from hypothesis import given
from hypothesis import strategies as st

from alerting.wording import amount, clean, count, enumerate_names, period, safe_link, shorten, span, title_of


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


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (amount(0.0), "0"),
        (amount(0.04), "0"),
        (amount(0.3), "0.3"),
        (amount(3.04), "3"),
        (amount(9.96), "10"),
        (amount(1234.5), "1,234"),
        (span(3600), "1 h"),
        (span(1800), "30 min"),
        (span(5400), "90 min"),
        (span(86_400), "1 day"),
        (count(0, "outlet"), "no outlets"),
        (count(1, "story", "stories"), "1 story"),
        (count(1200, "story", "stories"), "1,200 stories"),
        (title_of("us-china-diplomacy"), "US china diplomacy"),
        (title_of("taiwan", "Taiwan and the strait"), "Taiwan and the strait"),
        (enumerate_names(("a",), 3), "a"),
        (enumerate_names(("a", "b", "c"), 3), "a, b and c"),
        (enumerate_names(("a", "b", "c", "d", "e"), 3), "a, b, c and 2 more"),
    ],
)
def test_numbers_and_names_read_as_people_say_them(said: str, expected: str) -> None:
    assert said == expected


def test_a_period_names_local_time_where_it_differs() -> None:
    start = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
    hour = timedelta(hours=1)

    assert period(start, hour, ZoneInfo("UTC")) == "17:30–18:30 UTC, 24 Nov"
    assert period(start, hour, ZoneInfo("Europe/London")) == "17:30–18:30 UTC, 24 Nov"
    shanghai = ZoneInfo("Asia/Shanghai")
    assert period(start, hour, shanghai) == "17:30–18:30 UTC, 24 Nov (01:30–02:30 in Shanghai, 25 Nov)"
    assert period(start, timedelta(days=1), shanghai) == (
        "24 Nov 17:30 – 25 Nov 17:30 UTC (25 Nov 01:30 – 26 Nov 01:30 in Shanghai)"
    )


def test_a_period_across_a_change_of_the_clocks_has_its_true_length() -> None:
    start = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    assert period(start, timedelta(hours=1), ZoneInfo("Europe/Paris")) == (
        "00:30–01:30 UTC, 25 Oct (02:30–02:30 in Paris)"
    )
