from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.feedrecords import Condition, FeedState
from producers.state.rows import from_us, pack_state, to_us, unpack_state

NOW = datetime(2026, 3, 1, 6, 0, 0, 123456, tzinfo=UTC)
# Rows on disk are arrays: a field may be added at the end, none moved or taken away.
FIELDS = [
    "feed_id", "url", "moved_to", "etag", "last_modified", "body_hash", "next_poll_at", "interval_s",
    "last_success_at", "last_new_at", "newest_at", "condition", "ok", "ok_since", "errors", "last_error",
    "throttled_until", "gone_polls", "gone_since", "kills", "gap_s", "per_day", "delay_s", "undated", "active_hours",
    "first_success_at", "audited_at", "not_modified_at", "untrusted", "moving_to", "moving_since", "moving_polls",
    "identity", "guid_flips", "writer", "serial",
]  # fmt: skip


def test_rows_on_disk_stay_readable() -> None:
    names = [name for name in FeedState.__struct_fields__ if name != "seen"]
    assert names[: len(FIELDS)] == FIELDS
    row = msgspec.msgpack.encode(["post", "https://post.example/rss"])
    assert unpack_state(row) == FeedState(feed_id="post", url="https://post.example/rss")


def test_a_state_comes_back_and_is_small() -> None:
    state = FeedState(
        feed_id="harbour-post",
        url="https://post.example/feeds/news/rss.xml",
        etag='W/"0123456789abcdef0123456789abcdef"',
        last_modified="Sun, 01 Mar 2026 05:59:00 GMT",
        body_hash="0123456789abcdef",
        next_poll_at=NOW,
        last_success_at=NOW,
        last_new_at=NOW,
        newest_at=NOW,
        condition=Condition.OK,
        ok=True,
        ok_since=NOW,
        gap_s=412.5,
        per_day=31.25,
        delay_s=201.125,
        first_success_at=NOW,
        audited_at=NOW,
        not_modified_at=NOW,
        writer="0123456789abcdef",
        serial=123_456,
    )
    assert unpack_state(pack_state(state)) == state
    assert len(pack_state(state)) < 400


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))
def test_times_keep_their_microseconds(at: datetime) -> None:
    assert from_us(to_us(at)) == at


@pytest.mark.parametrize("row", [b"", b"\x00", msgspec.msgpack.encode({"feed_id": "x"}), msgspec.msgpack.encode([1])])
def test_bytes_that_are_no_state_are_refused(row: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        unpack_state(row)
