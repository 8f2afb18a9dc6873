"""From the values of `detector-state` to where the detector goes on. Pure: no broker, no clock.

The state follows from the desk log, so a part of it that cannot be read is never patched: all of it is computed anew.
What was told before is then not told again, as far as the saved place in the log says up to when that was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from deskwatch import topics
from deskwatch.records import DeadLetter
from streams.classifying import MAX_DEAD_BYTES
from streams.memory import DESK, UNDECODABLE, Desk, load, unreadable
from streams.reading import LogState
from streams.watermark import Watermark

LOG: Final = "log"
UNREADABLE: Final = "unreadable_state"
MISSING: Final = "it is missing"


class Saved(NamedTuple):
    """A value of `detector-state`, and the offset at which it stands."""

    offset: int
    value: bytes


class Start(NamedTuple):
    """Where a session begins: as it was saved, or at the beginning of the log if anything is wrong (by key, what)."""

    desk: Desk
    log: LogState
    wrong: dict[str, str]


def resume(values: Mapping[str, bytes]) -> Start:
    """Return the saved desk and its place in the log; an empty desk and the beginning if a value cannot be read."""
    wrong = unreadable(values)
    state = at_beginning()
    try:
        state = msgspec.json.decode(values[LOG], type=LogState) if LOG in values else state
    except UNDECODABLE as error:
        wrong[LOG] = str(error)
    # Every step saves both; only someone else can have deleted one.
    if LOG not in values and DESK in values:
        wrong[LOG] = MISSING
    if DESK not in values and state.watermark.at:
        wrong[DESK] = MISSING
    if not wrong:
        return Start(load(values), state, wrong)
    told = [at for at in (state.watermark.at, state.silent_until) if at]  # two, if a state goes bad while it is rebuilt
    return Start(Desk(), at_beginning(max(told, default=None)), wrong)


def at_beginning(silent_until: datetime | None = None) -> LogState:
    """Return the place before the first record."""
    return LogState(watermark=Watermark(shards=topics.SHARDS, partitions=[]), silent_until=silent_until)


def letter_of(topic: str, key: str, saved: Saved, detail: str) -> DeadLetter:
    """Return the dead letter of a value that cannot be read."""
    return DeadLetter(
        topic=topic,
        partition=0,
        offset=saved.offset,
        reason=UNREADABLE,
        detail=f"{printable(key)}: {detail}"[:1000],
        key=key_bytes(key),
        value=saved.value[:MAX_DEAD_BYTES],
    )


def key_of(raw: bytes | None) -> str:
    """Return a record's key as text; bytes that are none survive in it."""
    return (raw or b"").decode(errors="surrogateescape")


def key_bytes(key: str) -> bytes:
    """Return the bytes that `key_of` was given."""
    return key.encode(errors="surrogateescape")


def printable(key: str) -> str:
    """Return a key as people may read it."""
    return key_bytes(key).decode(errors="replace")
