from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.exporting import export_line


def message(**fields: Any) -> Any:
    whole = {
        "topic": "articles",
        "partition": 3,
        "offset": 17,
        "timestamp": 1_772_460_307_250,
        "headers": [("schema", b"article/1")],
        "key": b"k",
        "value": b"{}",
    }
    return SimpleNamespace(**whole | fields)


def test_line_says_where_and_when_and_what() -> None:
    value = '{"title": "海峡",\n "later": [1, 2.50]}'
    line = export_line(message(value=value.encode()))
    assert line.decode() == (
        '{"topic":"articles","partition":3,"offset":17,"timestamp":"2026-03-02T14:05:07.250000Z",'
        '"schema":"article/1","key":"k","value":{"title":"海峡","later":[1,2.50]}}'
    )


def test_tombstone_has_no_value_and_may_have_no_headers() -> None:
    exported = json.loads(export_line(message(value=None, headers=[], key=None)))
    assert (exported["value"], exported["schema"], exported["key"]) == (None, None, None)


@pytest.mark.parametrize("value", [b"", b"\xff\xfe", b"{", b"{} {}", b'{"a":"\xff"}', b"[" * 100_000])
def test_value_that_is_no_json_is_kept_as_bytes(value: bytes) -> None:
    exported = json.loads(export_line(message(value=value)))
    assert base64.b64decode(exported["value_base64"]) == value


@given(st.binary(), st.binary(), st.binary() | st.none())
def test_every_message_is_one_line_of_json(value: bytes, key: bytes, header: bytes | None) -> None:
    line = export_line(message(value=value, key=key, headers=[("schema", header)]))
    assert b"\n" not in line
    assert json.loads(line)["offset"] == 17


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from([None, 2]),
)
def test_json_value_is_copied_unchanged(value: Any, indent: int | None) -> None:
    line = export_line(message(value=json.dumps(value, indent=indent).encode()))
    assert b"\n" not in line
    assert json.loads(line)["value"] == value
