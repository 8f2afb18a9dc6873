"""A feed's bytes to its items' bytes, without parsing: so that known items need none.

Where the items are cannot be told for every document; what is returned is certain enough that a parser given some of
the items finds these and no others, with the values that it would have found in the whole document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, NamedTuple

from producers.reading.jobs import DIGEST_SIZE

_TOKEN: Final = re.compile(
    rb"<(?:(?P<end>/)?(?P<name>(?:[\w.-]++:)?(?i:item|entry))(?=[\s/>])"
    rb"|!(?:(?P<comment>--)|(?P<cdata>\[CDATA\[))|(?P<pi>\?))"
)
_START: Final = re.compile(rb"<(?:[\w.-]++:)?(?i:item|entry)(?=[\s/>])")
_TAG_END: Final = re.compile(rb"""[^<>"']*+(?:"[^"]*+"[^<>"']*+|'[^']*+'[^<>"']*+)*+>""")
_CLOSERS: Final = {"comment": b"-->", "cdata": b"]]>", "pi": b"?>"}
_FRAME: Final = re.compile(rb"<(?:[\w.-]+:)?(?:rss|rdf|feed|channel)(?=[\s>])[^<>]*+>", re.IGNORECASE)
_FRAME_TAGS: Final = 3

# What an item can say that feedparser lets leak into the items behind it.
_XMLNS: Final = re.compile(rb"""\sxmlns(:[\w.-]+)?\s*=\s*["']([^"']*)["']""")
# In lower case; each begins with what a search can run for.
_DIV: Final = re.compile(rb"div[\s/>]")
_BASE: Final = re.compile(rb"base\s*+=")
_LANG: Final = re.compile(rb"lang\s*+=")
# Links that a base could change: relative ones, and absolute ones that joining would write in another way.
_RELATIVE: Final = re.compile(
    rb"""<(?:[\w.-]+:)?(?:link|guid|id)(?:\s[^<>]*+)?>\s*+(?:<!\[CDATA\[\s*+)?(?!(?-i:[a-z][\w+.-]*+:)|<)"""
    rb"""|\s(?:href|url|uri)\s*+=\s*+["'](?!\s*+(?-i:[a-z][\w+.-]*+:))"""
    rb"""|[?#]\s*+["'<]""",
    re.IGNORECASE,
)
_ANY: Final = re.compile(
    rb"""<(?:!\[CDATA\[.*?\]\]>|(?P<end>/)?(?P<name>[A-Za-z_][\w:.-]*+)"""
    rb"""(?P<rest>(?:\s++[\w:.-]++\s*+=\s*+(?:"[^"<>]*+"|'[^'<>]*+'))*+)\s*+(?P<empty>/)?>|(?P<other>))""",
    re.DOTALL,
)


class Span(NamedTuple):
    """Where an item is in its document."""

    start: int
    end: int


class Split(NamedTuple):
    """The items of a document in its order, and their digests."""

    spans: tuple[Span, ...]
    digests: tuple[bytes, ...]
    rest: Span | None = None  # where further items are, if there are more than were asked for


def split(document: bytes, limit: int) -> Split | None:
    """Return where the items of a UTF-8 document are; None if that cannot be told.

    All items must have the same name and be closed, and none may lie in another one. Digests cover an item's bytes and
    the tags around the items, which say its namespaces, language and base.

    Args:
        document: Without anything before its root.
        limit: The number of items, beyond which they are not looked at one by one.
    """
    spans: list[Span] = []
    start, names = -1, set()
    at = 0
    while token := _TOKEN.search(document, at):
        kind = token.lastgroup or ""
        if kind in _CLOSERS:
            at = document.find(_CLOSERS[kind], token.end())
            if at < 0:
                return None
            continue
        tag_end = _TAG_END.match(document, token.end())
        if tag_end is None:
            return None
        at = tag_end.end()
        if len(spans) == limit and not token["end"]:
            closed = max(document.rfind(b"</" + token["name"]), document.rfind(b"<" + token["name"]), token.start())
            last = _TAG_END.match(document, document.find(token["name"], closed))
            return Split(tuple(spans), _digest(document, spans), Span(token.start(), last.end())) if last else None
        names.add(token["name"])
        empty = document[at - 2] == 0x2F and not token["end"]
        if bool(token["end"]) != (start >= 0) or len(names) > 1:
            return None
        if token["end"] or empty:
            spans.append(Span(start if token["end"] else token.start(), at))
            start = -1
        else:
            start = token.start()
    if start >= 0:
        return None
    return Split(tuple(spans), _digest(document, spans))


def cut_digests(known: bytes) -> frozenset[bytes]:
    """Return the digests that a job has one behind the other."""
    return frozenset(known[at : at + DIGEST_SIZE] for at in range(0, len(known), DIGEST_SIZE))


def without(document: bytes, spans: Iterable[Span]) -> bytes:
    """Return the document without some of its items."""
    kept, at = [], 0
    for span in spans:
        kept.append(document[at : span.start])
        at = span.end
    kept.append(document[at:])
    return b"".join(kept)


def starts(document: bytes, start: int = 0, end: int | None = None) -> list[int]:
    """Return where tags that open an item seem to be."""
    found = _START.finditer(document, start, len(document) if end is None else end)
    return [match.start() for match in found]


def is_separable(document: bytes, parts: Split) -> bool:
    """Return whether prefixes mean the same in all of a well-formed document's items.

    feedparser keeps the namespaces that an item declares for the items behind it.
    """
    start, end = parts.spans[0].start, parts.spans[-1].end
    if document.find(b"xmlns:", start, end) < 0:
        return True
    uris = dict(_XMLNS.findall(document, 0, start))
    prefixes: dict[bytes, bytes] = {}
    return all(
        uris.setdefault(prefix, uri) == uri and prefixes.setdefault(uri, prefix) == prefix
        for prefix, uri in _XMLNS.findall(document, start, end)
        if prefix
    )


def could_leak(document: bytes) -> bool:
    """Return whether `is_closed` needs to be asked for the items of a well-formed document."""
    lower = document.lower()
    return bool(_BASE.search(lower) or (_DIV.search(lower) and _LANG.search(lower)))


def has_relative(item: bytes) -> bool:
    """Return whether what a base is may matter to an item."""
    return bool(_RELATIVE.search(item))


def is_closed(item: bytes, *, base_matters: bool) -> bool:
    """Return whether an item of a well-formed document changes nothing for the items behind it.

    feedparser keeps the last `xml:base` where the elements around the items have none, and forgets to end what was
    said on a `<div>` in text.
    """
    lower = item.lower()
    has_base = _BASE.search(lower)
    return not (base_matters and has_base) and not (_DIV.search(lower) and (has_base or _LANG.search(lower)))


def is_closed_alone(item: bytes) -> bool:
    """Return whether an item changes nothing for those behind it even if its document is not well-formed.

    It must be well-formed itself in the narrowest sense.
    """
    lower = item.lower()
    if b"xmlns" in lower or _BASE.search(lower) or _LANG.search(lower):
        return False
    open_names: list[bytes] = []
    for tag in _ANY.finditer(item):
        if tag["name"] is None:
            if tag.end() == tag.start() + 1:  # a `<` that begins nothing we know
                return False
        elif not tag["end"]:
            if not tag["empty"]:
                open_names.append(tag["name"])
        elif not open_names or open_names.pop() != tag["name"]:
            return False
    return not open_names


def _digest(document: bytes, spans: list[Span]) -> tuple[bytes, ...]:
    if not spans:
        return ()
    frame = _FRAME.findall(document, 0, spans[0].start)[:_FRAME_TAGS]
    seed = blake2b(b"\0".join(frame), digest_size=DIGEST_SIZE)
    digests = []
    for start, end in spans:
        one = seed.copy()
        one.update(document[start:end])
        digests.append(one.digest())
    return tuple(digests)
