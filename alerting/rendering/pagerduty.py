"""An alert or a digest as an event of PagerDuty's Events API v2, without the routing key, which is a secret.

All messages about an episode to one target have one `dedup_key`: PagerDuty makes one incident of them, however often
each arrives. What is over resolves it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

import msgspec

from alerting.content.message import Alert
from alerting.content.wording import shorten
from alerting.rendering.drafts import Draft
from alerting.rendering.plaintext import tell
from deskwatch.records import Severity, Spike

KEY: Final = 255  # PagerDuty's limits, in characters
SUMMARY: Final = 1024
DETAILS: Final = 16_000  # bytes; ours, of the half megabyte that an event may have

SEVERITIES: Final = {
    Severity.LOW: "info",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "critical",
}


def render_pagerduty(draft: Draft) -> bytes:
    """Return the event."""
    content = draft.content
    payload: dict[str, Any] = {
        "summary": shorten(content.subject, SUMMARY),
        "source": draft.settings.public_name,
        "severity": "info",
        "timestamp": draft.at,
        "class": draft.kind,
        "custom_details": {"message": tell(content, DETAILS)},
    }
    event: dict[str, Any] = {"event_action": "trigger", "dedup_key": dedup_key(draft), "payload": payload}
    if isinstance(content, Alert):
        payload |= {"severity": SEVERITIES[content.severity], "component": content.theme, "group": content.title}
        if draft.spike is not None:
            payload["custom_details"] |= _numbers(draft.spike)
        event["links"] = [{"href": item.url, "text": item.title} for item in content.items if item.url]
        if page := next((act.url for act in content.acts if act.verb is None and act.url), ""):
            event |= {"client": draft.settings.public_name, "client_url": page}
        if not content.is_going_on:
            event["event_action"] = "resolve"
    return msgspec.json.encode(event)


def dedup_key(draft: Draft) -> str:
    """Return the name of an episode at a target; of a digest, its own."""
    if not isinstance(draft.content, Alert):
        return _within_limit(draft.key)
    return _within_limit(f"{draft.content.spike_id}|{draft.subscriber}|{draft.target}")


def _within_limit(key: str) -> str:
    return key if len(key) <= KEY else blake2b(key.encode(), digest_size=32).hexdigest()


def _numbers(spike: Spike) -> dict[str, Any]:
    names = ("observed", "expected", "expected_low", "expected_high", "score", "owners", "stories", "articles")
    return {name: getattr(spike, name) for name in (*names, "window_s", "onset_at", "detected_at", "revised_at")}
