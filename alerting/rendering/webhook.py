"""An alert or a digest as JSON for a program: all numbers as they are, and the words that people get."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from alerting.content.digesting import Digest, Entry
from alerting.content.headlines import Item
from alerting.content.message import Alert
from alerting.content.wording import clean, safe_link
from alerting.rendering.drafts import Draft
from deskwatch.records import Headline, Spike

ALERT: Final = "deskwatch.alert/1"  # grows by additions only
DIGEST: Final = "deskwatch.digest/1"

_WORDS: Final = (
    *("language", "marks", "subject", "headline", "changed", "when", "noticed"),
    *("cautions", "terms", "also", "why", "about"),
)
_LONGEST: Final = 400  # characters of a text of others


def render_webhook(draft: Draft) -> bytes:
    """Return the body of the POST."""
    content = draft.content
    body: dict[str, Any] = {
        "schema": ALERT if isinstance(content, Alert) else DIGEST,
        "delivery": draft.key,
        "kind": draft.kind,
        "thread": draft.thread,
        "subscriber": draft.subscriber,
        "target": draft.target,
        "created_at": draft.at,
    }
    if isinstance(content, Alert):
        acts = [msgspec.structs.asdict(act) for act in content.acts if act.url]
        body |= {"test": content.test, "words": _words(content), "acts": acts}
        if draft.spike is not None:
            body |= {"episode": _episode(draft.spike), "headlines": [_headline(one) for one in draft.spike.headlines]}
    else:
        body |= {"words": _digest_words(content)}
    return msgspec.json.encode(body)


def _episode(spike: Spike) -> dict[str, Any]:
    """Return every field of an episode but its headlines, those that are empty too."""
    fields = {name: _tame(value) for name, value in msgspec.structs.asdict(spike).items() if name != "headlines"}
    return fields | {"ratio": spike.observed / spike.expected if spike.expected > 0 else None}


def _headline(headline: Headline) -> dict[str, Any]:
    fields = {name: _tame(value) for name, value in msgspec.structs.asdict(headline).items()}
    return fields | {"url": safe_link(headline.url)}


def _tame(value: object) -> object:
    """Return a value in which no text has anything that is not seen."""
    if isinstance(value, str):
        return clean(value, _LONGEST)
    return [_tame(one) for one in value] if isinstance(value, tuple) else value


def _words(alert: Alert) -> dict[str, Any]:
    words = {name: getattr(alert, name) for name in _WORDS}
    return words | msgspec.structs.asdict(alert.figures) | {"headlines": [_item(item) for item in alert.items]}


def _digest_words(digest: Digest) -> dict[str, Any]:
    words = msgspec.structs.asdict(digest)
    return words | {"entries": [_entry(entry) for entry in digest.entries]}


def _entry(entry: Entry) -> dict[str, Any]:
    return msgspec.structs.asdict(entry) | {"item": _item(entry.item) if entry.item else None}


def _item(item: Item) -> dict[str, Any]:
    return msgspec.structs.asdict(item)
