"""An alert or a digest as ntfy publishes it: plain text, never Markdown."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

import msgspec

from alerting.content.message import Alert, Occasion
from alerting.rendering.drafts import Draft
from alerting.rendering.plaintext import tell
from deskwatch.records import Severity

ACTIONS: Final = 3  # ntfy's limit of buttons
MESSAGE: Final = 4000  # bytes; ntfy makes a file of what is longer than 4096
BODY: Final = 8000  # bytes of JSON; ntfy refuses more than 8192

PRIORITIES: Final = {Severity.LOW: 2, Severity.MEDIUM: 3, Severity.HIGH: 4, Severity.CRITICAL: 5}
TAGS: Final = {  # ntfy shows them as pictures
    Severity.LOW: "white_circle",
    Severity.MEDIUM: "yellow_circle",
    Severity.HIGH: "orange_circle",
    Severity.CRITICAL: "red_circle",
}
OVER_TAGS: Final = {Occasion.RESOLUTION: "white_check_mark", Occasion.CORRECTION: "exclamation"}


def render_ntfy(draft: Draft) -> bytes:
    """Return the body of the POST; the address is the topic."""
    raw = b""
    for limit in (MESSAGE, MESSAGE // 2, MESSAGE // 4):
        raw = msgspec.json.encode(_payload(draft, limit))
        if len(raw) <= BODY:
            return raw
    return raw  # it never came to this


def sequence_id(delivery_key: str) -> str:
    """Return a delivery's name as ntfy takes it: letters and digits."""
    return blake2b(delivery_key.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _payload(draft: Draft, limit: int) -> dict[str, Any]:
    content = draft.content
    payload: dict[str, Any] = {
        "topic": draft.address,
        "title": content.subject,
        "message": tell(content, limit),
        "priority": PRIORITIES[Severity.LOW],
        "tags": ["newspaper"],
        # A second message of one sequence takes the place of the first on the phone, from ntfy 2.16 on.
        "sequence_id": sequence_id(draft.key),
    }
    if isinstance(content, Alert):
        payload["tags"] = [OVER_TAGS.get(content.occasion) or TAGS[content.severity], content.theme]
        if content.is_going_on:
            payload["priority"] = PRIORITIES[content.severity]
        links = [act.url for act in content.acts if act.verb is None] + [item.url for item in content.items]
        if link := next(filter(None, links), None):
            payload["click"] = link
        payload["actions"] = [
            {"action": "view", "label": act.label, "url": act.url} for act in content.acts if act.url
        ][:ACTIONS]
    return payload
