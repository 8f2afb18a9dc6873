"""The address or Slack channel that was probably meant by one that is none."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Final

# Dots only between other letters: what is no dot-atom cannot be written into a mail's header.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{}~-]+"
_LOCAL: Final = rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

EMAIL: Final = re.compile(rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})*")
SLACK: Final = re.compile(r"#[^\s#@<>&,A-Z]{1,80}|[CGD][A-Z0-9]{6,20}")

_MAX: Final = 320
_AROUND: Final = " \"'\u201c\u201d\u2018\u2019"  # word processors have quotes of their own


def nearest_address(text: str) -> str:
    """Return the e-mail address inside `text`, or what it is but for a slip; an empty string if there is none."""
    word = text[:_MAX].strip(_AROUND).removeprefix("mailto:")
    bare = parseaddr(word)[1] or word
    at = re.sub(r"\s*\(?\bat\b\)?\s*", "@", word, count=1)
    tries = (bare, re.sub("@+", "@", bare), re.sub("@+", "@", word), at, re.sub(r"[\s,]", "", word))
    tidy = (re.sub(r"\.+", ".", one).rstrip(".,;") for one in tries)
    return next((one for one in tidy if one != text and EMAIL.fullmatch(one)), "")


def nearest_channel(text: str) -> str:
    """Return the Slack channel that was probably meant, or an empty string."""
    word = text[:_MAX].strip(_AROUND).lstrip("#@").lower()
    meant = "#" + re.sub(r"\s+", "-", word)
    return meant if SLACK.fullmatch(meant) and "://" not in meant else ""  # an address may be a secret
