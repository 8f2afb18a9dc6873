"""RSS, RDF and Atom documents to their items, parsing those alone that are not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from deskwatch.errors import ParseError
from producers.reading.entries import PARSER, Entries, parse_entries
from producers.reading.hints import read_hints
from producers.reading.jobs import Document, Job, RawItem
from producers.reading.splitting import (
    Span,
    Split,
    could_leak,
    cut_digests,
    has_relative,
    is_closed,
    is_closed_alone,
    is_separable,
    split,
    starts,
    without,
)
from producers.reading.taming import Root, cut, is_well_formed, mend, tame

MAX_ITEMS: Final = 2_000
MAX_ITEM_TAGS: Final = 5_000  # an article that is marked up word by word has fewer
MAX_ITEM_REFERENCES: Final = 50_000  # escaped tags make some of them
MAX_TAGS: Final = 50_000  # of a document, tags and references, from which on its items' are counted
MAX_FRAME: Final = 20_000  # bytes of a document without clear items in which hints are looked for

_DELTA: Final = "+delta"
_MENDED: Final = "+mended"
_JUNK: Final = b"</_>"  # behind the root: makes a document as malformed as the one it was taken from
_MAX_SHOWN: Final = 80


class _Source(NamedTuple):
    """A document that is about to be read."""

    document: bytes
    parts: Split | None  # None: where its items are cannot be told
    left_out: int
    unreadable: int
    well_formed: bool
    entities: bool


def read_syndication(root: Root, job: Job, *, faithful: bool) -> Document:
    """Return the items that are not known to `job`, in the order of the document.

    Args:
        root: The document.
        job: For its known digests, and whether to compare with a parse of the whole.
        faithful: Whether the document's bytes were in the encoding that it names.

    Raises:
        ParseError: this is no feed.
    """
    source = _prepare(root)
    known = cut_digests(job.known)
    if source.parts is None or not source.parts.spans:
        found = _read_whole(source, job)
    else:
        found = _read_unknown(source, source.parts, known, job)
    spans = source.parts.spans if source.parts else ()
    frame = without(source.document, spans) if spans else source.document[:MAX_FRAME]
    return msgspec.structs.replace(
        found,
        total=found.total + source.left_out + source.unreadable,
        unreadable=source.unreadable,
        left_out=source.left_out + found.left_out,
        bozo=not source.well_formed or not faithful or source.unreadable > 0,
        hints=read_hints(frame),
    )


def _prepare(root: Root) -> _Source:
    """Return the document without what no honest feed has and feedparser would take minutes for."""
    document, left_out, unreadable = root.document, 0, 0
    if document.count(b"<") > MAX_TAGS:
        document = tame(document)
    parts = split(document, MAX_ITEMS)
    if parts is None:
        opened = starts(document)
        if len(opened) > MAX_ITEMS:
            left_out = len(opened) - MAX_ITEMS
            document = document[: opened[MAX_ITEMS]]
        document = cut(document, MAX_TAGS)
    elif parts.rest or document.count(b"<") + document.count(b"&") > MAX_TAGS:
        if parts.rest:
            left_out = len(starts(document, *parts.rest))
        dropped = [span for span in parts.spans if _is_heavy(document, span)]
        unreadable = len(dropped)
        document = _drop_tail(document, parts)
        document = without(document, [*dropped, *((parts.rest,) if parts.rest else ())])
        parts = split(document, MAX_ITEMS)
    return _Source(document, parts, left_out, unreadable, is_well_formed(document), root.has_entities)


def _is_heavy(document: bytes, span: Span) -> bool:
    return document.count(b"<", *span) > MAX_ITEM_TAGS or document.count(b"&", *span) > MAX_ITEM_REFERENCES


def _drop_tail(document: bytes, parts: Split) -> bytes:
    end = (parts.rest or parts.spans[-1]).end if parts.spans else 0
    return document[:end] + cut(document[end:], MAX_ITEM_TAGS)


def _read_unknown(source: _Source, parts: Split, known: frozenset[bytes], job: Job) -> Document:
    """Return the items that are not known, or all of them with no digests if the parts turn out to be wrong."""
    unknown = [index for index, digest in enumerate(parts.digests) if digest not in known]
    standing = b"".join(digest for digest in parts.digests if digest in known)
    total = len(parts.spans)
    if not unknown and not job.whole:
        return Document(items=(), total=total, standing=standing, parser=PARSER + _DELTA)
    left = _leave_out(source, parts, set(unknown))
    kept = [index for index in range(total) if index not in left]
    document = without(source.document, [parts.spans[index] for index in sorted(left)])
    found = _try(document + _JUNK if left and not source.well_formed else document, job.url)
    whole = _read_whole(source, job) if job.whole and left else None
    if found is None or len(found.items) != len(kept) or (whole is not None and whole.total != total):
        if whole is None:
            return _read_whole(source, job)
        seen = f"{len(found.items) if found else 0} of {len(kept)} without the known ones"
        return msgspec.structs.replace(whole, difference=f"{whole.total} items, but {total} by their tags and {seen}")
    by_index = dict(zip(kept, found.items, strict=True))
    items = [by_index[index] for index in unknown]
    difference = ""
    if whole is not None:
        difference = _compare(items, [whole.items[index] for index in unknown], unknown)
        items = [whole.items[index] for index in unknown]
    return Document(
        items=tuple(
            msgspec.structs.replace(item, digest=parts.digests[index])
            for index, item in zip(unknown, items, strict=True)
        ),
        total=total,
        standing=standing,
        language=found.language,
        parser=PARSER + _DELTA,
        difference=difference,
    )


def _leave_out(source: _Source, parts: Split, unknown: set[int]) -> set[int]:
    """Return the known items that need not be parsed: those that change nothing for the unknown ones."""
    if source.entities or len(unknown) == len(parts.spans):
        return set()
    items = [source.document[start:end] for start, end in parts.spans]
    known = [index for index in range(len(items)) if index not in unknown]
    if not source.well_formed:
        return {index for index in known if is_closed_alone(items[index])}
    if not is_separable(source.document, parts):
        return set()
    if not could_leak(source.document):
        return set(known)
    base_matters = any(has_relative(items[index]) for index in unknown)
    return {index for index in known if is_closed(items[index], base_matters=base_matters)}


def _read_whole(source: _Source, job: Job) -> Document:
    """Return all items of a document, with no digests.

    Raises:
        ParseError: there are none, and nothing says that it is a feed.
    """
    found = _try(source.document, job.url)
    parser = PARSER
    if found is None or (not found.items and starts(source.document)):
        mended = mend(source.document)
        better = _try(mended, job.url) if mended else None
        if better is not None and (found is None or better.items):
            found, parser = better, PARSER + _MENDED
    if found is None or not found.is_feed:
        raise ParseError(job.feed_id, f"no feed in {len(job.body):,} bytes")
    items = found.items[:MAX_ITEMS]
    return Document(
        items=tuple(items),
        total=len(found.items),
        left_out=len(found.items) - len(items),
        language=found.language,
        parser=parser,
    )


def _try(document: bytes, url: str) -> Entries | None:
    try:
        return parse_entries(document, url)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, AssertionError):
        return None  # its loose parser trips over malformed references, declarations and numbers


def _compare(some: Sequence[RawItem], whole: Sequence[RawItem], indexes: Sequence[int]) -> str:
    for index, one, other in zip(indexes, some, whole, strict=True):
        for name in RawItem.__struct_fields__:
            ours, theirs = getattr(one, name), getattr(other, name)
            if ours != theirs:
                shown = f"{str(theirs)[:_MAX_SHOWN]!r}, but {str(ours)[:_MAX_SHOWN]!r} without the known items"
                return f"item {index}: {name} is {shown}"
    return ""
