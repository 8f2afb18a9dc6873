from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.channels.hooking import delivery_id, signature

PAGE = Path(__file__).parents[3] / "docs" / "channels.md"


@pytest.fixture(scope="module")
def is_genuine() -> Any:
    """Return what the page for receivers tells them to do."""
    [example] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    found: dict[str, Any] = {}
    exec(example, found)
    return found["is_genuine"]


@given(body=st.binary(max_size=200), secret=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_a_receiver_that_does_as_the_page_says_knows_what_is_ours(is_genuine: Any, body: bytes, secret: str) -> None:
    headers = signature(secret, 1_000_000, body)

    assert is_genuine(headers, body, secret.encode(), 1_000_010.0)
    assert not is_genuine(headers, body + b" ", secret.encode(), 1_000_010.0)
    assert not is_genuine(headers, body, secret.encode() + b"x", 1_000_010.0)
    assert not is_genuine(headers, body, secret.encode(), 1_000_400.0), "an old one, sent again by somebody"
    assert not is_genuine(headers | {"X-Deskwatch-Timestamp": "1000001"}, body, secret.encode(), 1_000_010.0)


@given(st.text(st.characters(codec="utf-8"), max_size=100))
def test_whatever_a_key_holds_its_header_is_one_line_of_printable_letters(key: str) -> None:
    value = delivery_id(key)

    assert value.isascii()
    assert value.isprintable()
    assert " " not in value


def test_an_ordinary_key_is_its_own_id() -> None:
    assert delivery_id("taiwan-2026-11-24T13:00|0|china-desk|cases") == "taiwan-2026-11-24T13:00|0|china-desk|cases"
