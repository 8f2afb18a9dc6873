"""An alert or a digest as title, text and kind, for whatever Apprise speaks to."""

from __future__ import annotations

from typing import Final

import msgspec

from alerting.content.message import Alert, Occasion
from alerting.rendering.drafts import Draft
from alerting.rendering.plaintext import tell
from deskwatch.records import Severity

BODY: Final = 1900  # bytes; Discord takes 2000 characters, others more

_KINDS: Final = {
    Severity.LOW: "info",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "warning",
    Severity.CRITICAL: "failure",
}


def render_apprise(draft: Draft) -> bytes:
    """Return title, text and kind of the message as JSON."""
    content = draft.content
    kind = "info"
    if isinstance(content, Alert):
        kind = "success" if content.occasion is Occasion.RESOLUTION else _KINDS[content.severity]
    return msgspec.json.encode({"title": content.subject, "body": tell(content, BODY), "notify_type": kind})
