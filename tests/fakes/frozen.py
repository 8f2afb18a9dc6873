"""Deliveries for tests of what sends them."""

from __future__ import annotations

from typing import Any

import msgspec

from alerting.delivery import Frozen


def make_frozen(number: int = 1, **changes: Any) -> Frozen:
    """Return a Slack delivery of spike `number` to china-desk/slack."""
    values: dict[str, Any] = {
        "spike_id": f"spike-{number}",
        "revision": 0,
        "theme": "taiwan",
        "subscriber": "china-desk",
        "target": "slack",
        "channel": "slack",
        "address": "#china-desk",
        "summary": "a block",
        "created_at": 1000.0,
        "recorded_at": 990.0,
    } | changes
    key = f"{values['spike_id']}|{values['revision']}|{values['subscriber']}|{values['target']}"
    if values["channel"] == "slack":
        metadata = {"event_type": "deskwatch_alert", "event_payload": {"delivery_key": key}}
        body = msgspec.json.encode({"channel": values["address"], "text": "t", "metadata": metadata})
    else:
        body = f"From: a@b.example\r\nMessage-ID: <{key}@x>\r\n\r\n.dot\r\nend\r\n".encode()
    return Frozen(**({"key": key, "body": body} | values))
