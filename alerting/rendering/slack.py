"""An alert or a digest as the arguments of Slack's chat.postMessage and chat.update.

All text goes where Slack takes it literally: `plain_text` objects and `rich_text` elements. The notification line
alone is read as markup, and escaped as Slack asks. (In mrkdwn, Chinese words between asterisks are not bold either.)
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from alerting.content.digesting import Digest, Entry
from alerting.content.headlines import Item
from alerting.content.languages.speaking import words_for
from alerting.content.message import Alert, Occasion
from alerting.content.offering import BUTTONS, Act
from alerting.content.wording import shorten
from deskwatch.records import Severity

EVENT_TYPE: Final = "deskwatch_alert"
HEADER: Final = 150  # Slack's limits, in characters
PLAIN: Final = 2000
NOTIFICATION: Final = 4000
BLOCKS: Final = 10
BUTTON: Final = 75
TOTAL: Final = 6000  # characters of all blocks; Slack refuses somewhere above 13,000, without documenting it

SIGNS: Final = {Severity.LOW: "⚪", Severity.MEDIUM: "🟡", Severity.HIGH: "🟠", Severity.CRITICAL: "🔴"}
ACTION: Final = "deskwatch."  # before the verb, in the id of a button
OPEN: Final = "open"
OVER_SIGNS: Final = {Occasion.RESOLUTION: "✅", Occasion.CORRECTION: "❗"}

_NAMESPACE: Final = uuid.UUID("6c8b3a52-52f5-5d0c-9d3c-0e8a2a1d8c11")
# From the best to the barest: how long a title and an address may be, and how many items there are.
_SIZES: Final = ((160, 2000, 15), (120, 600, 15), (80, 200, 10), (80, 0, 5), (60, 0, 2))

Block = dict[str, Any]


def render_slack(alert: Alert, *, delivery_key: str, address: str) -> bytes:
    """Return the JSON body of the call; `address` is the channel."""
    sign = OVER_SIGNS.get(alert.occasion) or SIGNS[alert.severity]
    line = f"{sign} {' · '.join(alert.marks)} · {alert.headline}"
    lead = f" — {alert.items[0].title}" if alert.items and alert.is_going_on else ""
    return _encode(line + lead, _fit(_above(alert, line), alert.items, _below(alert)), delivery_key, address)


def render_digest_slack(digest: Digest, *, delivery_key: str, address: str) -> bytes:
    """Return the JSON body of the call for a digest."""
    line = f"{digest.mark} · {digest.headline}"
    facts = [digest.when, *([digest.facts] if digest.facts else [])]
    above = [_header(line), _section(digest.lead), _context(facts)]
    below = [_context([*([digest.rest] if digest.rest else []), digest.why])]
    return _encode(f"{line}. {digest.lead}", _fit(above, digest.entries, below), delivery_key, address)


def escape(text: str) -> str:
    """Return text for a field that Slack reads as mrkdwn: no mention and no link can come out of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _encode(notification: str, blocks: Sequence[Block], delivery_key: str, address: str) -> bytes:
    payload = {
        "channel": address,
        "text": escape(shorten(notification, NOTIFICATION // 5)),  # an escape makes up to five characters of one
        "mrkdwn": False,  # the notification line: no *bold* of a headline
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
        # Slack may or may not recognise a repeated post by it; we rely on the metadata, which can be read back.
        "client_msg_id": str(uuid.uuid5(_NAMESPACE, delivery_key)),
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"delivery_key": delivery_key}},
    }
    return msgspec.json.encode(payload)


def _above(alert: Alert, line: str) -> list[Block]:
    """Return what comes before the headlines."""
    words = words_for(alert.language)
    blocks = [_header(line)]
    if alert.changed:
        blocks.append(_section(alert.changed))
    blocks.append(_rich("rich_text_section", list(_numbers(alert))))
    blocks.append(_context([words.clause.join(filter(None, (alert.when, alert.noticed)))]))
    if alert.noted:
        blocks.append(_context(alert.noted))
    if alert.cautions:
        blocks.append(_context([f"⚠ {caution}" for caution in alert.cautions]))
    return blocks


def _numbers(alert: Alert) -> Iterator[Block]:
    figures, words = alert.figures, words_for(alert.language)
    if figures.ratio:
        yield _bold(figures.ratio + words.stop)
        yield _text(f" {figures.comparison}")
    else:
        yield _text(figures.comparison)
    for place, fact in enumerate(figures.evidence):
        yield _text(" · ") if place else _text("\n")
        yield _text(fact) if place else _bold(fact)


def _below(alert: Alert) -> list[Block]:
    """Return what comes after the headlines."""
    about = [text for text in (alert.also, alert.terms) if text]
    return [*([_context(about)] if about else []), *_buttons(alert), _context([alert.why, alert.about])]


def _buttons(alert: Alert) -> list[Block]:
    """Return the row of buttons: a button says what was done, and hands back of which message; it permits nothing."""
    if not alert.button_key or len(alert.button_key) > PLAIN:
        return []
    elements = [_button(act, alert.button_key) for act in alert.acts if _is_button(act)]
    return [{"type": "actions", "elements": elements}] if elements else []


def _is_button(act: Act) -> bool:
    return act.verb in BUTTONS or (act.verb is None and bool(act.url))


def _button(act: Act, key: str) -> Block:
    button = {
        "type": "button",
        "text": _plain(act.label, BUTTON),
        "action_id": f"{ACTION}{act.verb or OPEN}",
        "value": key,
    }
    if act.verb is None:
        button["url"] = act.url
    return button


def _fit(above: list[Block], items: Sequence[Item | Entry], below: list[Block]) -> list[Block]:
    """Return all blocks, with items so short and few that Slack takes them."""
    blocks: list[Block] = []
    for title, address, number in _SIZES:
        listed = [
            {"type": "rich_text_section", "elements": list(_elements(item, title, address))} for item in items[:number]
        ]
        bullets = [_rich("rich_text_list", listed, style="bullet")] if listed else []
        blocks = [*above, *bullets, *below]
        if sum(_sizes(blocks)) <= TOTAL:
            return blocks
    return [*above[:1], *below]  # what is ours alone; it never came to this


def _elements(item: Item | Entry, title: int, address: int) -> Iterator[Block]:
    if isinstance(item, Item):
        yield _title(item, title, address)
        yield _text(f" — {' · '.join(filter(None, (item.source, item.seen, item.copies)))}")
        return
    if item.mark:
        yield _bold(f"{item.mark} · ")
    yield _text(" · ".join(filter(None, (item.line, item.about))))
    if item.item:
        yield _text("\n")
        yield _title(item.item, title, address)
        yield _text(f" — {item.item.source}")


def _title(item: Item, limit: int, address: int) -> Block:
    text = shorten(item.title, limit)
    if item.url and len(item.url) <= address:
        return {"type": "link", "url": item.url, "text": text}
    return _bold(text)


def _header(text: str) -> Block:
    return {"type": "header", "text": _plain(text, HEADER)}


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(text)}


def _context(texts: Sequence[str]) -> Block:
    return {"type": "context", "elements": [_plain(text) for text in texts[:BLOCKS]]}


def _rich(kind: str, elements: Sequence[Block], **options: str) -> Block:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": elements, **options}]}


def _plain(text: str, limit: int = PLAIN) -> Block:
    return {"type": "plain_text", "text": shorten(text, limit), "emoji": False}


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _bold(text: str) -> Block:
    return _text(text) | {"style": {"bold": True}}


def _sizes(value: Any) -> Iterator[int]:
    """Yield the length of every text and address in some blocks."""
    if isinstance(value, dict):
        for name, child in value.items():
            if name in ("text", "url") and isinstance(child, str):
                yield len(child)
            else:
                yield from _sizes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _sizes(child)
