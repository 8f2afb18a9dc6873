"""An alert or a digest as a few plain lines, for a phone or for whatever Apprise speaks to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from alerting.content.digesting import Digest, Entry
from alerting.content.headlines import Item
from alerting.content.languages.speaking import words_for
from alerting.content.message import Alert
from alerting.content.wording import shorten

# From the best to the barest: how long a title may be, whether its address is shown, and how many items there are.
_SIZES: Final = ((160, True, 15), (160, False, 15), (90, False, 10), (90, False, 3), (60, False, 1))


def tell(content: Alert | Digest, limit: int) -> str:
    """Return what comes below the subject, in at most `limit` bytes of UTF-8."""
    above, items, below = _parts(content)
    text = ""
    for title, is_linked, number in _SIZES:
        listed = [line for item in items[:number] for line in _item(item, title, is_linked=is_linked)]
        text = "\n".join((*above, *listed, *below))
        if len(text.encode()) <= limit:
            return text
    return text.encode()[: limit - 3].decode(errors="ignore") + "…"


def _parts(content: Alert | Digest) -> tuple[list[str], Sequence[Item | Entry], list[str]]:
    if isinstance(content, Alert):
        return list(_above(content)), content.items, list(filter(None, (content.terms, content.why, content.about)))
    above = list(filter(None, (content.lead, content.facts, content.when)))
    return above, content.entries, list(filter(None, (content.rest, content.why)))


def _above(alert: Alert) -> Iterator[str]:
    words, figures = words_for(alert.language), alert.figures
    if alert.test:
        yield words.test_note
    yield f"{figures.ratio}{words.stop}{words.gap}{figures.comparison}" if figures.ratio else figures.comparison
    if alert.changed:
        yield alert.changed
    if figures.evidence:
        yield " · ".join(figures.evidence)
    yield words.clause.join(filter(None, (alert.when, alert.noticed)))
    if alert.also:
        yield alert.also
    yield from (f"! {caution}" for caution in alert.cautions)


def _item(item: Item | Entry, title: int, *, is_linked: bool) -> Iterator[str]:
    if isinstance(item, Entry):
        yield f"• {' · '.join(filter(None, (item.mark, item.line, item.about)))}"
        if item.item is None:
            return
        yield f"  {shorten(item.item.title, title)} — {item.item.source}"
        item = item.item
    else:
        yield f"• {shorten(item.title, title)}"
        yield f"  {' · '.join(filter(None, (item.source, item.seen, item.copies)))}"
    if is_linked and item.url:
        yield f"  {item.url}"
