from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.feeds.domains import domain_of, host_of, is_suffix, names_of


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.post.co.uk", "post.co.uk"),
        ("rss.mfa.gov.cn", "mfa.gov.cn"),
        ("blog.github.io", "github.io"),
        ("post.example", "post.example"),
        ("192.0.2.4", "192.0.2.4"),
        ("::1", "::1"),
        ("localhost", "localhost"),
        ("co.uk", "co.uk"),
    ],
)
def test_the_registrable_domain(host: str, domain: str) -> None:
    assert domain_of(host) == domain


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://WWW.Post.Example./rss", "www.post.example"),
        ("http://me:pw@[::1]:80/x", "::1"),
        ("http://bücher.example/", "xn--bcher-kva.example"),
        ("http://[x", ""),
        ("nothing", ""),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert host_of(url) == host


def test_the_names_above_a_host_end_with_its_domain() -> None:
    assert names_of("a.b.post.co.uk") == ("a.b.post.co.uk", "b.post.co.uk", "post.co.uk")
    assert names_of("192.0.2.4") == ("192.0.2.4",)


def test_public_suffixes() -> None:
    assert [name for name in ("com", "co.uk", "gov.cn", "post.co.uk", "localhost", "10.0.0.1") if is_suffix(name)] == [
        "com",
        "co.uk",
        "gov.cn",
    ]


@given(st.text(max_size=300))
def test_no_host_is_too_strange(text: str) -> None:
    host = host_of(f"https://{text}/")
    assert names_of(host)[-1] == domain_of(host)
