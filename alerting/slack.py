"""An alert as the arguments of Slack's chat.postMessage.

Whatever a feed wrote goes only where Slack takes it literally: `plain_text` objects and `rich_text` elements. The
`mrkdwn` text holds our own words and numbers, and the notification line is escaped as Slack asks.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

import msgspec

from alerting.message import Alert, Item
from alerting.wording import shorten
from deskwatch.records import Severity

EVENT_TYPE: Final = "deskwatch_alert"
HEADER: Final = 150  # Slack's limits, in characters
PLAIN: Final = 2000
NOTIFICATION: Final = 4000

SIGNS: Final = {Severity.LOW: "⚪", Severity.MEDIUM: "🟡", Severity.HIGH: "🟠", Severity.CRITICAL: "🔴"}

_NAMESPACE: Final = uuid.UUID("6c8b3a52-52f5-5d0c-9d3c-0e8a2a1d8c11")


def render_slack(alert: Alert, *, delivery_key: str, address: str) -> bytes:
    """Return the JSON body of the call; `address` is the channel."""
    mark = "TEST · " if alert.test else ""
    line = f"{SIGNS[alert.severity]} {mark}{alert.severity.upper()} · {alert.headline}"
    lead = f" — {alert.items[0].title}" if alert.items else ""
    payload = {
        "channel": address,
        "text": escape(shorten(line + lead, NOTIFICATION // 5)),  # an escape makes up to five characters of one
        "blocks": list(_blocks(alert, line)),
        "unfurl_links": False,
        "unfurl_media": False,
        # Slack may or may not recognise a repeated post by it; we rely on the metadata, which can be read back.
        "client_msg_id": str(uuid.uuid5(_NAMESPACE, delivery_key)),
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"delivery_key": delivery_key}},
    }
    return msgspec.json.encode(payload)


def escape(text: str) -> str:
    """Return text for a field that Slack reads as mrkdwn: no mention and no link can come out of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(alert: Alert, line: str) -> list[dict[str, Any]]:
    ratio = f"*{alert.ratio}× normal.* " if alert.ratio else ""
    numbers = f"{ratio}{alert.comparison}\n*{alert.evidence[0]}* · {' · '.join(alert.evidence[1:])}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(line, HEADER)},
        {"type": "section", "text": {"type": "mrkdwn", "text": escape(numbers)}},
        {"type": "context", "elements": [_plain(f"{alert.when}, noticed {alert.noticed}")]},
    ]
    if alert.cautions:
        blocks.append({"type": "context", "elements": [_plain(f"⚠ {caution}") for caution in alert.cautions[:10]]})
    if alert.items:
        items = [{"type": "rich_text_section", "elements": _elements(item)} for item in alert.items]
        bullets = {"type": "rich_text_list", "style": "bullet", "elements": items}
        blocks.append({"type": "rich_text", "elements": [bullets]})
    blocks.append({"type": "context", "elements": [_plain(f"{alert.why} Episode {alert.spike_id}")]})
    return blocks


def _elements(item: Item) -> list[dict[str, Any]]:
    title: dict[str, Any] = {"type": "text", "text": item.title, "style": {"bold": True}}
    if item.url:
        title = {"type": "link", "url": item.url, "text": item.title}
    about = " · ".join(filter(None, (item.source, item.seen, item.copies)))
    return [title, {"type": "text", "text": f" — {about}"}]


def _plain(text: str, limit: int = PLAIN) -> dict[str, Any]:
    return {"type": "plain_text", "text": shorten(text, limit), "emoji": False}
