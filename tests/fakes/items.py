"""Items and documents as `reading` gives them, made by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from deskwatch.records import DateQuality
from producers.identity.keys import content_hash, keys_of
from producers.reading.jobs import DIGEST_SIZE, Item, Reading
from producers.state.memory import Memory, split_digests


def make_item(guid: str = "", url: str = "", text: str = "text", published: datetime | None = None) -> Item:
    """Return an item whose bytes follow from what it says."""
    keys = keys_of("post", guid=guid, url=url, title=text, day="")
    raw = f"{guid}\n{url}\n{text}\n{published}".encode()
    return Item(
        keys=keys,
        content_hash=content_hash("title", text),
        guid=guid or None,
        url=url,
        title="title",
        summary=text,
        text=None,
        language="en",
        language_source="feed",
        authors=(),
        categories=(),
        published_at=published,
        published_raw=str(published or ""),
        published_quality=DateQuality.EXPLICIT_TZ if published else DateQuality.MISSING,
        updated_at=None,
        digest=hashlib.blake2b(raw, digest_size=DIGEST_SIZE).digest(),
    )


def make_reading(items: Iterable[Item], memory: Memory | None = None) -> Reading:
    """Return what reading a document with these items gives, those left out that the memory knows by their bytes."""
    every = list(items)
    known = set(split_digests(memory.digests())) if memory is not None else set()
    return Reading(
        items=tuple(item for item in every if item.digest not in known),
        total=len(every),
        standing=b"".join(item.digest for item in every if item.digest in known),
    )
