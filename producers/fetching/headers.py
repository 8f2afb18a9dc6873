"""What an answer's headers say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MAX_RETRY_AFTER_S: Final = 86_400.0

_KEPT: Final = ("Cache-Control", "Expires", "Date", "Age", "Retry-After")
_MAX_VALUE: Final = 1_024
_CHALLENGE: Final = b"<title>Just a moment...</title>"
_CHALLENGE_WITHIN: Final = 4_096


def keep_few(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that say when to come again, their names in lower case."""
    return {name.lower(): value[:_MAX_VALUE] for name in _KEPT if (value := headers.get(name)) is not None}


def read_validator(headers: Mapping[str, str], name: str, before: str = "") -> str:
    """Return a validator as the server sent it; `before` if it sent none, empty if it could not be sent back."""
    value = headers.get(name)
    if value is None:
        return before
    return value if value.isprintable() and len(value) <= _MAX_VALUE else ""


def read_retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most a day; None if it does not say."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def is_challenge(headers: Mapping[str, str], start: bytes = b"") -> bool:
    """Return whether an answer is a page that tests for a browser; `start` is its body, or the beginning of that."""
    if headers.get("cf-mitigated", "").strip().lower() == "challenge":
        return True
    is_page = headers.get("Content-Type", "").lstrip().lower().startswith("text/html")
    return is_page and _CHALLENGE in start[:_CHALLENGE_WITHIN]
