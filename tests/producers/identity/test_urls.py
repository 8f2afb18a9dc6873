from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.identity.urls import canonical_url, is_tracking, normalise_guid


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTP://News.Example:80/a?b=1#top", "http://news.example/a?b=1"),
        (" https://news.example\n", "https://news.example/"),
        ("https://news.example/a?utm_source=rss&id=7&FBCLID=x&at_campaign=64", "https://news.example/a?id=7"),
        ("https://news.example/a?b=2&a=1&b=", "https://news.example/a?a=1&b=&b=2"),
        ("https://news.example/a?utm_source=rss", "https://news.example/a"),
        ("https://news.example:443/", "https://news.example/"),
        ("https://news.example:8443/a", "https://news.example:8443/a"),
        ("https://news.example./a", "https://news.example/a"),
        ("https://[2001:DB8::1]/a", "https://[2001:db8::1]/a"),
        ("https://user:word@news.example/a", "https://news.example/a"),
        ("https://news.example/новости", "https://news.example/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8"),
        ("https://news.example/%d0%bd%7Ea%2fb", "https://news.example/%D0%BD~a%2Fb"),
        ("https://news.example/a?q=%cf%F0", "https://news.example/a?q=%CF%F0"),  # cp1251: no UTF-8
        ("https://news.example/app#!/story/7", "https://news.example/app#!/story/7"),
        ("https://München.example/a", "https://xn--mnchen-3ya.example/a"),
        ("https://xn--mnchen-3ya.example/a", "https://xn--mnchen-3ya.example/a"),
        ("javascript:alert(1)", ""),
        ("//news.example/a", ""),
        ("http://[broken", ""),
        ("http://host:99999/", ""),
        ("http://./", ""),
        ("", ""),
    ],
)
def test_all_spellings_of_a_url_have_one_canonical_form(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


@pytest.mark.parametrize("name", ["id", "asp", "p", "ref", "source", "from", "story", "page", "q", "lang", "v"])
def test_parameters_that_may_name_an_article_stay(name: str) -> None:
    assert not is_tracking(name)
    assert f"{name}=7" in canonical_url(f"https://news.example/a?{name}=7&gclid=1")


def test_queries_in_other_encodings_that_differ_stay_different() -> None:
    assert canonical_url("https://n.example/?q=%CF%F0") != canonical_url("https://n.example/?q=%CF%F1")


hosts = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?(\.[a-zA-Z]{2,5})?", fullmatch=True)
tails = st.text() | st.text(alphabet="/.a?&=#!%[]@:1;+é ")


@given(st.text() | st.text(alphabet="htps:/.a?&=#%[]@1-xnéß").map(lambda tail: f"http://{tail}"))
def test_a_canonical_url_is_its_own_canonical_url(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once


@given(hosts, tails)
def test_the_host_stays_whatever_follows_it(host: str, tail: str) -> None:
    result = canonical_url(f"https://{host}/{tail}")
    assert result == "" or urlsplit(result).hostname == host.lower()
    assert not result or result.isascii()


@given(st.lists(st.tuples(st.sampled_from(["id", "p", "utm_x"]), st.sampled_from("ab")), max_size=5))
def test_the_order_of_parameters_does_not_matter(pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    turned = "&".join(f"{name}={value}" for name, value in reversed(pairs))
    assert canonical_url(f"https://n.example/?{query}") == canonical_url(f"https://n.example/?{turned}&fbclid=1")


def test_guids_keep_all_but_space_scheme_and_case_of_the_host() -> None:
    assert normalise_guid(" HTTPS://News.example/?p=7 ") == normalise_guid("http://news.example/?p=7")
    assert normalise_guid("http://news.example/A") != normalise_guid("http://news.example/a")
    assert normalise_guid("urn:UUID:Ab") == "urn:UUID:Ab"
