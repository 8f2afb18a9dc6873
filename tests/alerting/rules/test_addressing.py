from __future__ import annotations

from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.rules.addressing import EMAIL, SLACK, nearest_address, nearest_channel

words = st.text(alphabet="abZ9!#$%&'*+/=?^_`{}~-", min_size=1, max_size=8)


@given(st.lists(words, min_size=1, max_size=4).map(".".join), st.sampled_from(("b.org", "a-b.c.org", "localhost")))
def test_every_address_that_passes_can_be_written_into_a_mail(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    assert EMAIL.fullmatch(address)
    assert Address(addr_spec=address).addr_spec == address


@pytest.mark.parametrize(
    "address",
    [".a@b.org", "a.@b.org", "a..b@b.org", "a@b..org", "a@-b.org", "a b@c.org", "é@b.org", "a" * 65 + "@b.org"],
)
def test_what_no_mail_server_takes_is_no_address(address: str) -> None:
    assert not EMAIL.fullmatch(address)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Desk <desk@example.org>", "desk@example.org"),
        ("desk@@example.org", "desk@example.org"),
        ("desk at example.org", "desk@example.org"),
        ("desk (at) example.org", "desk@example.org"),
        ("mailto:desk@example.org", "desk@example.org"),
        ("desk@example..org", "desk@example.org"),
        ("desk@example.org.", "desk@example.org"),
        (" desk@example.org", "desk@example.org"),
        ("desk", ""),
        ("", ""),
    ],
)
def test_the_address_that_was_meant_is_found(written: str, meant: str) -> None:
    assert nearest_address(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [("China Desk", "#china-desk"), ("@desk", "#desk"), ("“#desk”", "#desk"), ("#a,b", ""), ("", "")],
)
def test_the_channel_that_was_meant_is_found(written: str, meant: str) -> None:
    assert nearest_channel(written) == meant


@given(st.text(max_size=400))
def test_a_suggestion_is_always_right_itself(text: str) -> None:
    assert not nearest_address(text) or EMAIL.fullmatch(nearest_address(text))
    assert not nearest_channel(text) or SLACK.fullmatch(nearest_channel(text))
