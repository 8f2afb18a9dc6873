from __future__ import annotations

from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from producers.fetching.headers import is_challenge, keep_few, read_retry_after, read_validator

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("99999999999999", 86_400.0),
        ("Sun, 01 Mar 2026 00:01:00 GMT", 60.0),
        ("Sat, 28 Feb 2026 00:01:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


def test_only_what_says_when_to_come_again_is_kept() -> None:
    headers = CIMultiDict({"cache-control": "max-age=60", "AGE": "5", "Set-Cookie": "a=b", "Server": "x"})
    assert keep_few(headers) == {"cache-control": "max-age=60", "age": "5"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('W/"a b"', 'W/"a b"'),
        ('"é"', '"é"'),
        ("", ""),
        ("two\nlines", ""),
        ("half a character \udce9", ""),  # as aiohttp hands on bytes that are no UTF-8
        ("x" * 1_025, ""),  # cut, it would match nothing
    ],
)
def test_a_validator_is_kept_whole_or_not_at_all(sent: str, kept: str) -> None:
    assert read_validator(CIMultiDict({"ETag": sent}), "ETag", "before") == kept


def test_a_validator_that_is_not_sent_stays() -> None:
    assert read_validator(CIMultiDict[str](), "ETag", "before") == "before"


@pytest.mark.parametrize(
    ("headers", "start", "found"),
    [
        ({"cf-mitigated": "challenge"}, b"", True),
        ({"cf-mitigated": "other"}, b"", False),
        ({"Content-Type": "text/html; charset=UTF-8"}, b"<html><title>Just a moment...</title>", True),
        ({"Content-Type": "text/xml"}, b"<rss><title>Just a moment...</title>", False),
        ({"Content-Type": "text/html"}, b"<title>403 Forbidden</title>", False),
    ],
)
def test_pages_that_test_for_a_browser(headers: dict[str, str], start: bytes, found: bool) -> None:
    assert is_challenge(CIMultiDict(headers), start) is found
