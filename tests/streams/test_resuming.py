from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from desk_facts import T0, quiet_days
from hypothesis import given
from hypothesis import strategies as st

from deskwatch import codec
from streams.advancing import advance
from streams.memory import DESK, STORY, THEME, Desk, snapshot
from streams.reading import LogState
from streams.resuming import LOG, UNREADABLE, Saved, at_beginning, key_bytes, key_of, letter_of, resume
from streams.rules import Rules
from streams.watermark import Watermark

UNTIL = T0 + timedelta(hours=12)
NO_TEXT = (
    b'{"now": "\xff", "closed": {"first": 1}, "learnt_from": "\xff", "story_id": "\xff", "watermark": {"at": "\xff"}}'
)
NO_VALUES = [b"", b"{", b"null", b"[]", b"\xff", b"[" * 100_000, NO_TEXT]


def saved(until: datetime | None = UNTIL, silent_until: datetime | None = None) -> dict[str, bytes]:
    """Return the values of a desk that has counted for some hours."""
    desk, _ = advance(Desk(), [fact for fact in quiet_days(1) if fact.effective < UNTIL], UNTIL, Rules())
    log = LogState(watermark=Watermark(shards=8, partitions=[], at=until), position=7, silent_until=silent_until)
    return {key: value for key, value in snapshot(desk).items() if value} | {LOG: msgspec.json.encode(log)}


def a_key(values: dict[str, bytes], kind: str) -> str:
    return next(key for key in sorted(values) if key.startswith(kind))


def test_what_can_be_read_is_gone_on_with() -> None:
    values = saved()
    start = resume(values)
    assert start.wrong == {}
    assert start.log.position == 7
    assert snapshot(start.desk) == {key: value for key, value in values.items() if key != LOG}


def test_nothing_saved_is_the_beginning_and_nothing_is_wrong() -> None:
    desk, log, wrong = resume({})
    assert (snapshot(desk), log, wrong) == (snapshot(Desk()), at_beginning(), {})


@pytest.mark.parametrize("kind", [DESK, THEME, STORY])
@pytest.mark.parametrize("value", NO_VALUES, ids=lambda value: str(value[:12]))
def test_one_unreadable_value_makes_all_begin_anew_silent_up_to_where_it_was(kind: str, value: bytes) -> None:
    values = saved()
    key = a_key(values, kind)
    desk, log, wrong = resume(values | {key: value})
    assert list(wrong) == [key]
    assert snapshot(desk) == snapshot(Desk())
    assert log == at_beginning(silent_until=UNTIL)


@pytest.mark.parametrize("value", NO_VALUES, ids=lambda value: str(value[:12]))
def test_unreadable_place_in_the_log_makes_all_begin_anew_aloud(value: bytes) -> None:
    desk, log, wrong = resume(saved() | {LOG: value})
    assert list(wrong) == [LOG]
    assert snapshot(desk) == snapshot(Desk())
    assert log == at_beginning()


@pytest.mark.parametrize("key", [LOG, DESK])
def test_deleted_value_makes_all_begin_anew(key: str) -> None:
    values = saved()
    del values[key]
    desk, log, wrong = resume(values)
    assert list(wrong) == [key]
    assert snapshot(desk) == snapshot(Desk())
    assert log.watermark.at is None


def test_state_that_goes_bad_while_it_is_computed_anew_stays_silent_as_long() -> None:
    later = UNTIL + timedelta(days=3)
    for until in (UNTIL, None):
        values = saved(until, silent_until=later)
        assert resume(values | {a_key(values, THEME): b"{"}).log == at_beginning(silent_until=later)


def test_state_that_is_bad_before_anything_was_decided_is_not_silent() -> None:
    assert resume(saved(None) | {DESK: b"{"}).log == at_beginning()


@given(st.dictionaries(st.sampled_from([LOG, DESK, THEME + "a", STORY + "b", "else"]), st.binary(max_size=40)))
def test_whatever_the_bytes_are_there_is_a_start(values: dict[str, bytes]) -> None:
    start = resume(values)
    assert start.wrong.keys() <= values.keys() | {LOG, DESK}
    assert not start.wrong or start.log.position == 0


@given(st.binary(max_size=20))
def test_key_of_any_bytes_is_given_back_and_can_be_buried(raw: bytes) -> None:
    assert key_bytes(key_of(raw)) == raw
    letter = letter_of("detector-state", key_of(raw), Saved(9, b"\xff" * 700_000), "no JSON")
    assert codec.decode(codec.encode(letter), codec.headers_of(letter)) == letter
    assert (letter.key, letter.offset, letter.reason) == (raw, 9, UNREADABLE)
    assert len(codec.encode(letter)) < 1_000_000
