"""What a topic holds as JSON lines, for archives, other tools and curious people."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec

from deskwatch import codec


def export_line(message: Any) -> bytes:
    """Return one line of JSON, without its line end: where a message stands, when it came, its schema, key and value.

    The value is copied as it is, so that fields of a newer version survive; one that is not JSON becomes
    `value_base64`, and a tombstone `null`.

    Args:
        message: Kafka's own, as kafka-python gives it.
    """
    schema = next((raw for name, raw in message.headers if name == codec.HEADER and raw), b"")
    line = {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "timestamp": datetime.fromtimestamp(message.timestamp / 1000, UTC),
        "schema": schema.decode("utf-8", "replace") or None,
        "key": None if message.key is None else message.key.decode("utf-8", "backslashreplace"),
    }
    return msgspec.json.encode(line | _value(message.value))


def _value(value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {"value": None}
    try:
        msgspec.json.decode(value)
        one_line = msgspec.json.format(value, indent=-1)
    except (ValueError, RecursionError):  # msgspec.DecodeError is a ValueError, and so is broken UTF-8
        return {"value_base64": base64.b64encode(value).decode()}
    return {"value": msgspec.Raw(one_line)}
