"""Headlines as they may be shown: cleaned, each once, with their outlets and what was found in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from alerting.content.languages.speaking import Speaker
from alerting.content.wording import clean, safe_link
from deskwatch.records import Headline

TERMS: Final = 6

_TITLE: Final = 160
_SOURCE: Final = 40
_TERM: Final = 40


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One headline: its link is None when the feed's address was not fit to be linked."""

    title: str
    source: str
    seen: str
    url: str | None = None
    copies: str = ""
    language: str = ""


def show_headline(headline: Headline, near: datetime, say: Speaker) -> Item:
    """Return one headline; `near` is a time whose day needs not be said."""
    return Item(
        title=clean(headline.title, _TITLE) or say.words.no_title,
        source=clean(headline.source, _SOURCE) or say.words.no_source,
        seen=say.clock(headline.seen_at, near),
        url=safe_link(headline.url),
        copies=say.count(say.words.copies, headline.copies) if headline.copies else "",
        language=headline.language if headline.language.replace("-", "").isalnum() else "",
    )


def show_headlines(headlines: Sequence[Headline], limit: int, near: datetime, say: Speaker) -> tuple[Item, ...]:
    """Return the first headlines, without those that read like an earlier one."""
    first: dict[str, Headline] = {}
    for headline in headlines:
        first.setdefault(clean(headline.title, _TITLE).casefold(), headline)
    return tuple(show_headline(headline, near, say) for headline in list(first.values())[:limit])


def show_terms(headlines: Sequence[Headline], say: Speaker) -> str:
    """Return what in the articles stands for the theme, in the order of the headlines."""
    found: dict[str, str] = {}
    for term in (clean(term, _TERM) for headline in headlines for term in headline.terms):
        found.setdefault(term.casefold(), term)
    shown = list(filter(None, found.values()))[:TERMS]
    return say.words.terms.format(terms=say.words.listed.join(shown)) if shown else ""
