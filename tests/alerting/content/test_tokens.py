from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alerting.content.tokens import LIFE, Fault, Order, Signer, TokenError, action_id, order
from deskwatch.records import Verb

NOW = datetime(2026, 11, 24, 14, 2, tzinfo=UTC)
SIGNER = Signer(b"0123456789abcdef")
ORDER = order("china-desk", "mail", "taiwan", "sp-0123456789abcdef", Verb.SILENCE, NOW)
TOKEN = SIGNER.sign(ORDER)

names = st.text(max_size=40)
orders = st.builds(
    Order, names, names, names, names, st.none() | st.sampled_from(Verb), st.integers(30_000_000, 40_000_000)
)


def fault(token: str, now: datetime = NOW, signer: Signer = SIGNER) -> Fault:
    with pytest.raises(TokenError) as caught:
        signer.read(token, now)
    return caught.value.fault


@given(orders)
def test_what_is_signed_is_read_and_fits_into_an_address(what: Order) -> None:
    token = SIGNER.sign(what)

    assert SIGNER.read(token, what.expires_at - timedelta(minutes=1)) == what
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("AZaz09-_"))
def test_no_letter_of_a_token_can_be_changed(place: int, letter: str) -> None:
    assume(TOKEN[place] != letter)

    assert fault(TOKEN[:place] + letter + TOKEN[place + 1 :]) is Fault.BROKEN


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_whatever_else_comes_is_broken(text: str) -> None:
    assert fault(text) is Fault.BROKEN


@pytest.mark.parametrize("token", [TOKEN + "A", TOKEN[:-1], TOKEN + "=", f" {TOKEN}", TOKEN * 20, ""])
def test_a_token_that_was_cut_or_lengthened_is_broken(token: str) -> None:
    assert fault(token) is Fault.BROKEN


def test_a_token_ends_after_thirty_days() -> None:
    assert SIGNER.read(TOKEN, NOW + LIFE - timedelta(minutes=1)) == ORDER
    assert fault(TOKEN, NOW + LIFE) is Fault.EXPIRED


def test_another_secret_reads_nothing_of_ours() -> None:
    assert fault(TOKEN, signer=Signer(b"another secret of ours")) is Fault.BROKEN
    assert Signer(b"another secret of ours").sign(ORDER) != TOKEN


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="can be guessed"):
        Signer(b"short")


def test_each_order_is_an_action_of_its_own() -> None:
    other = order("china-desk", "mail", "taiwan", "sp-0123456789abcdef", Verb.ACKNOWLEDGE, NOW)

    assert action_id(TOKEN) == action_id(SIGNER.sign(ORDER))
    assert action_id(TOKEN) != action_id(SIGNER.sign(other))
    assert len(TOKEN) < 130
