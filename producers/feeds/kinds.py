"""The words for how a feed is doing, what each means, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

_DAY_S: Final = 86_400.0


class Kind(StrEnum):
    """What a feed is in; the more pressing of two is told."""

    NEW = "new"
    OK = "ok"
    FAILING = "failing"
    THROTTLED = "throttled"
    BLOCKED = "blocked"
    GONE = "gone"
    QUARANTINED = "quarantined"
    MOVED = "moved"
    SILENT = "silent"
    DRIFTING = "drifting"
    UNDATED = "undated"
    UNTRUSTED = "untrusted"


class Meaning(msgspec.Struct, frozen=True):
    """A kind in one sentence, and what to do about it."""

    sentence: str
    advice: str


MEANINGS: Final[Mapping[Kind, Meaning]] = {
    Kind.NEW: Meaning("It has not been polled yet.", "Nothing, if `deskwatch produce` runs."),
    Kind.OK: Meaning("It answers and brings what it usually brings.", "Nothing."),
    Kind.FAILING: Meaning(
        "Its last polls brought no readable answer; it is asked less and less often, but never given up.",
        "Open its URL in a browser; if the feed is elsewhere now, find it with `deskwatch feeds add`.",
    ),
    Kind.THROTTLED: Meaning(
        "Its server said that we ask too often, and is left alone for as long as it wants.",
        "If it comes back: a longer interval_s, or spacing_s for its domain.",
    ),
    Kind.BLOCKED: Meaning(
        "Its server refuses us: it wants a login, or takes us for a robot it does not like.",
        "Set `contact`, try another user_agent for the feed, ask the publisher, or use another feed of the outlet.",
    ),
    Kind.GONE: Meaning(
        "Its server says that the feed is no more, or it could not be found for weeks; it is asked once a month.",
        "Look for its successor with `deskwatch feeds add`, then remove it.",
    ),
    Kind.QUARANTINED: Meaning(
        "Its document took more time or memory than it may, three times in a row; it is asked once a day.",
        "Look at the document that was kept, and tell the publisher; or remove the feed.",
    ),
    Kind.MOVED: Meaning(
        "It lives at another address for good, and is read there.",
        "Put the new address into the feeds file.",
    ),
    Kind.SILENT: Meaning(
        "It answers, but has brought nothing new for longer than its own habit explains.",
        "See whether the outlet still publishes; if so, look for its new feed with `deskwatch feeds add`.",
    ),
    Kind.DRIFTING: Meaning(
        "Its articles come long after, or before, the time they bear: its clock or time zone is off, or it holds back.",
        "Compare a date in the feed with the page; set `timezone` for the feed if it names none.",
    ),
    Kind.UNDATED: Meaning(
        "Most of its articles have no date that can be trusted, so the time we first saw them counts.",
        "Set `timezone` if its dates name none; else nothing, or use another feed of the outlet.",
    ),
    Kind.UNTRUSTED: Meaning(
        "Its server says `not modified` although there is news, so it is always asked for the whole document.",
        "Nothing; a longer interval_s if the publisher minds.",
    ),
}


def say_rate(per_day: float | None) -> str:
    """Return a rate in words, such as `3 a day` or `2 a week`."""
    if not per_day:
        return "hardly any"
    if per_day >= 0.95:
        return f"{per_day:.0f} a day"
    return f"{per_day * 7:.0f} a week" if per_day * 7 >= 0.95 else "less than 1 a week"


def say_duration(seconds: float) -> str:
    """Return a duration in its largest fitting unit, such as `45 s`, `7 min`, `3.5 h` or `2 d`."""
    for size, unit in ((_DAY_S, "d"), (3_600.0, "h"), (60.0, "min")):
        if abs(seconds) >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"
