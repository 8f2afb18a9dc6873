"""An alert or a digest as a block of plain text for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from alerting.content.digesting import Digest
from alerting.content.languages.speaking import words_for
from alerting.content.message import Alert

_WIDTH: Final = 96
_HEADLINES: Final = 3
_WIDE: Final = ("W", "F")  # Chinese letters take two columns


def announce_text(alert: Alert) -> str:
    """Return the alert in some ten lines, without addresses of articles."""
    words, figures = words_for(alert.language), alert.figures
    size = words.clause.join(filter(None, (figures.observed, figures.ratio if alert.is_going_on else figures.usual)))
    lines = [
        _rule(" · ".join((*alert.marks, alert.title))),
        f"   {size}{words.stop}{words.gap}{figures.comparison}",
        *([f"   {_fit(alert.changed)}"] if alert.changed else []),
        *([f"   {' · '.join(figures.evidence)}"] if figures.evidence else []),
        f"   {words.clause.join(filter(None, (alert.when, alert.noticed)))}",
        *([f"   {alert.also}"] if alert.also else []),
        *(f" ! {caution}" for caution in alert.cautions),
    ]
    for item in alert.items[:_HEADLINES]:
        source = " · ".join(filter(None, (item.source, item.copies)))
        lines += [f" • {_fit(item.title)}", f"   {source}"]
    return "\n".join(lines)


def announce_digest(digest: Digest) -> str:
    """Return a digest, a line for each of its entries."""
    return "\n".join(_digest_lines(digest))


def _digest_lines(digest: Digest) -> Iterator[str]:
    yield _rule(f"{digest.mark} · {digest.headline}")
    yield f"   {digest.lead}"
    if digest.facts:
        yield f"   {digest.facts}"
    yield f"   {digest.when}"
    for entry in digest.entries:
        yield f" • {_fit(' · '.join(filter(None, (entry.mark, entry.line, entry.about))))}"
    if digest.rest:
        yield f"   {digest.rest}"


def _rule(text: str) -> str:
    return f"── {_fit(text)} {'─' * max(_WIDTH - _columns(text) - 4, 0)}"


def _fit(text: str) -> str:
    """Return as much of a text as a line holds."""
    if _columns(text) <= _WIDTH - 3:
        return text
    ends = accumulate(map(_width, text))
    return f"{''.join(char for char, end in zip(text, ends, strict=True) if end <= _WIDTH - 4).rstrip()}…"


def _columns(text: str) -> int:
    return sum(map(_width, text))


def _width(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in _WIDE else 1
