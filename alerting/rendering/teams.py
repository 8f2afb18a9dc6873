"""An alert or a digest as the message that a Teams workflow ("when a webhook request is received") posts as a card.

All text is in `TextRun`s, which Teams takes literally; a `TextBlock` would read Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from alerting.content.digesting import Digest, Entry
from alerting.content.headlines import Item
from alerting.content.languages.speaking import words_for
from alerting.content.message import Alert, Occasion
from alerting.content.wording import shorten
from alerting.rendering.drafts import Draft
from deskwatch.records import Severity

# Teams refuses what is above 28 KB. Counted in UTF-16, as Teams may, a letter of ours has two bytes.
BYTES: Final = 14_000

COLOURS: Final = {
    Severity.LOW: "default",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "warning",
    Severity.CRITICAL: "attention",
}
OVER_COLOURS: Final = {Occasion.RESOLUTION: "good", Occasion.CORRECTION: "accent"}

# From the best to the barest: how long a title and an address may be, and how many items there are.
_SIZES: Final = ((160, 2000, 15), (160, 500, 15), (120, 200, 10), (80, 0, 10), (60, 0, 2))

_EXPANDED: Final = re.compile(r"(?<=[{$])(?=\{)")

Part = dict[str, Any]


def render_teams(draft: Draft) -> bytes:
    """Return the body of the POST."""
    content = draft.content
    above, items, below = _alert(content) if isinstance(content, Alert) else _digest(content)
    actions = _actions(content) if isinstance(content, Alert) else []
    body = b""
    for title, address, number in _SIZES:
        listed = [_block(list(_item(item, title, address)), spacing="small") for item in items[:number]]
        body = msgspec.json.encode(_message([*above, *listed, *below], actions))
        if len(body) <= BYTES:
            return body
    return msgspec.json.encode(_message([*above[:1], *below], actions))  # what is ours alone; it never came to this


def literal(text: str) -> str:
    """Return text in which nothing is left to expand: a card knows `{{DATE(...)}}`, its templates `${...}`."""
    return _EXPANDED.sub(" ", text)


def _message(parts: Sequence[Part], actions: Sequence[Part]) -> Part:
    card: Part = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": parts,
        "msteams": {"width": "Full"},
    }
    if actions:
        card["actions"] = actions
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _actions(alert: Alert) -> list[Part]:
    return [{"type": "Action.OpenUrl", "title": literal(act.label), "url": act.url} for act in alert.acts if act.url]


def _alert(alert: Alert) -> tuple[list[Part], Sequence[Item | Entry], list[Part]]:
    words, figures = words_for(alert.language), alert.figures
    colour = OVER_COLOURS.get(alert.occasion) or COLOURS[alert.severity]
    above = [_title(f"{' · '.join(alert.marks)} · {alert.headline}", colour)]
    if alert.changed:
        above.append(_block([_run(alert.changed)]))
    size = [_run(f"{figures.ratio}{words.stop}{words.gap}", weight="bolder")] if figures.ratio else []
    above.append(_block([*size, _run(figures.comparison)]))
    if figures.evidence:
        above.append(_block([_run(" · ".join(figures.evidence), weight="bolder")], spacing="none"))
    above.append(_small([words.clause.join(filter(None, (alert.when, alert.noticed)))]))
    above += [_small([f"⚠ {caution}"]) for caution in alert.cautions]
    return above, alert.items, [_small(filter(None, (alert.also, alert.terms))), _small([alert.why, alert.about])]


def _digest(digest: Digest) -> tuple[list[Part], Sequence[Item | Entry], list[Part]]:
    above = [
        _title(f"{digest.mark} · {digest.headline}", "good" if digest.is_good else "default"),
        _block([_run(digest.lead)]),
        _small(filter(None, (digest.when, digest.facts))),
    ]
    return above, digest.entries, [_small(filter(None, (digest.rest, digest.why)))]


def _item(item: Item | Entry, title: int, address: int) -> Iterator[Part]:
    if isinstance(item, Item):
        yield _link(item, title, address)
        yield _run(f" — {' · '.join(filter(None, (item.source, item.seen, item.copies)))}")
        return
    if item.mark:
        yield _run(f"{item.mark} · ", weight="bolder")
    yield _run(" · ".join(filter(None, (item.line, item.about))))
    if item.item:
        yield _run(" — ")
        yield _link(item.item, title, address)


def _link(item: Item, title: int, address: int) -> Part:
    run = _run(shorten(item.title, title), weight="bolder")
    if item.url and len(item.url) <= address:
        run["selectAction"] = {"type": "Action.OpenUrl", "url": item.url}
    return run


def _title(text: str, colour: str) -> Part:
    return _block([_run(text, size="large", weight="bolder", color=colour)])


def _small(texts: Iterable[str]) -> Part:
    return _block([_run(" · ".join(texts), isSubtle=True, size="small")], spacing="small")


def _block(runs: Sequence[Part], **options: str) -> Part:
    return {"type": "RichTextBlock", "inlines": runs, **options}


def _run(text: str, **options: str | bool) -> Part:
    return {"type": "TextRun", "text": literal(text), **options}
