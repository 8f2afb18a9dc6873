"""What an item is recognised by: keys that stay the same over polls, restarts and small changes of a feed."""

from __future__ import annotations

import hashlib
from typing import Final

from producers.identity.urls import canonical_url, normalise_guid
from producers.reading.jobs import Keys
from producers.state.memory import KEY_SIZE, URL_SIZE


def keys_of(feed_id: str, *, guid: str, url: str, title: str, day: str) -> Keys:
    """Return an item's keys; without a guid its URL identifies it, without that its title and day."""
    link = canonical_url(url)
    if guid.strip():
        primary = ("guid", normalise_guid(guid))
    elif link:
        primary = ("url", link)
    else:
        primary = ("title", f"{title}\n{day}")
    first = _hash(KEY_SIZE, feed_id, *primary)
    return Keys(
        primary=first,
        by_url=_hash(KEY_SIZE, feed_id, *primary, link) if primary[0] == "guid" else first,
        url=_hash(URL_SIZE, link) if link else NO_URL,
    )


def article_id(feed_id: str, key: bytes) -> str:
    """Return the id of the article that a feed's item with this key is: 32 hex digits."""
    return _hash(16, feed_id, key.hex())


def content_hash(title: str, summary: str) -> str:
    """Return 16 hex digits that change with what the item says."""
    return _hash(8, title, summary)


def _hash(size: int, *parts: str) -> str:
    # each part is preceded by its length, so that no two lists of parts give the same bytes
    joined = "".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=size).hexdigest()


NO_URL: Final = "00" * URL_SIZE
