"""A mail that came back, read from the report of whichever server sent it (RFC 3464). Pure.

Anybody can send such a mail, with anything in it: it counts only if it names a message of ours, by its Message-ID,
which its recipient alone knows, and no address is taken from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser, HeaderParser
from email.policy import compat32
from enum import StrEnum
from typing import Final

import msgspec

MAX_BYTES: Final = 256 * 1024

_PARTS: Final = 50
_STATUS: Final = re.compile(r"\s*([245])\.\d{1,3}\.\d{1,3}\b")
_MESSAGE_ID: Final = re.compile(r"\s*(<[^<>\s]{1,300}>)\s*")


class Kind(StrEnum):
    """How a mail came back; also a metric label."""

    HARD = "hard"  # for good: there is no such address
    SOFT = "soft"  # for now; also a report of a delay
    UNMATCHED = "unmatched"  # a report of something that is not in our ledger
    UNREADABLE = "unreadable"  # no report: an answer of a person or a machine


class Bounce(msgspec.Struct, frozen=True, kw_only=True):
    """A report: of which of our messages, and whether it is final."""

    message_id: str
    is_hard: bool


def read_bounce(raw: bytes) -> Bounce | None:
    """Return what a report says, None if it is none; whatever the bytes are, this raises nothing."""
    try:
        # Headers stay as they came: the newer policies parse addresses, which hostile ones can break.
        mail = BytesParser(policy=compat32).parsebytes(raw[:MAX_BYTES])
        if mail.get_content_type() != "multipart/report":
            return None
        parts = [part for part, _ in zip(mail.walk(), range(_PARTS), strict=False)]
        statuses = [status for part in parts for status in _statuses(part)]
        names = [name for part in parts if part is not mail for name in _message_ids(part)]
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if not statuses or not names:
        return None
    return Bounce(message_id=names[0], is_hard="5" in statuses)


def _statuses(part: Message) -> Iterator[str]:
    """Yield the class of each recipient's status: a group of fields each, the first group being of the message."""
    if part.get_content_type() != "message/delivery-status":
        return
    groups = part.get_payload()
    for group in groups if isinstance(groups, list) else ():
        if not isinstance(group, Message):
            continue
        action = str(group.get("Action", "")).strip().lower()
        found = _STATUS.match(str(group.get("Status", "")))
        if found and action in ("failed", "delayed"):
            yield found[1] if action == "failed" else "4"


def _message_ids(part: Message) -> Iterator[str]:
    """Yield the Message-ID of the mail that came back, or of its headers."""
    kind = part.get_content_type()
    if kind == "message/rfc822":
        inner = part.get_payload()
        headers = inner[0] if isinstance(inner, list) and inner else None
    elif kind == "text/rfc822-headers":
        text = part.get_payload(decode=True)
        headers = HeaderParser(policy=compat32).parsestr(text.decode("latin-1") if isinstance(text, bytes) else "")
    else:
        return
    if isinstance(headers, Message) and (found := _MESSAGE_ID.fullmatch(str(headers.get("Message-ID", "")))):
        yield found[1]
