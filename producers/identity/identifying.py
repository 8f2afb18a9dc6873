"""Which item of a document is which of those that are remembered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from producers.identity.keys import NO_URL
from producers.reading.jobs import Item, Reading
from producers.reading.normalising import DropReason
from producers.state.memory import CONTENT_SIZE, Memory, Seen, split_digests

MASS: Final = 3  # items that come back under other guids at once: then it is the feed's doing

_NO_URL: Final = bytes.fromhex(NO_URL)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An item that had to be parsed, and what is remembered of it."""

    item: Item
    key: bytes
    known: Seen | None = None
    shared: bool = False  # its guid stands at items with other URLs as well


class Identified(msgspec.Struct, frozen=True, kw_only=True):
    """The items of one document, each once."""

    standing: tuple[Seen, ...]  # known by their bytes
    found: tuple[Found, ...]  # the others, in the order of the document
    flips: int = 0  # of those, ones that seem to be known under another guid
    dropped: Mapping[str, int] = {}


def identify(reading: Reading, memory: Memory, *, by_url: bool = False) -> Identified:
    """Return which remembered item each item of a document is.

    A guid that stands at several URLs belongs to the item that had it first; the others are told apart by their URLs,
    from then on, also when they stand alone.

    An item with an unknown guid seems to be the known one with its URL and its text, if that is gone from the document
    and nothing else in it has that URL: two items that a feed lists side by side stay two, and so do two bulletins that
    appear at one URL in turn. It is taken for the known one when at least MASS items, and most of the unknown ones,
    changed their guids with it; a single text that is posted once more is another article.

    Args:
        reading: The document.
        memory: What is remembered of the feed.
        by_url: Whether the feed's URLs, not its guids, are stable: then the text may have changed as well.
    """
    return _Identification(reading, memory, by_url).run()


def content_of(item: Item) -> bytes:
    """Return what is remembered of an item's text."""
    return bytes.fromhex(item.content_hash)[:CONTENT_SIZE]


class _Identification:
    def __init__(self, reading: Reading, memory: Memory, by_url: bool) -> None:
        by_digest = {seen.digest: seen for seen in memory.standing if seen.digest}
        stands = dict.fromkeys(split_digests(reading.standing))
        self._by_url = by_url
        self._items = reading.items
        self._standing = tuple(by_digest[digest] for digest in stands if digest in by_digest)
        self._known = {seen.key: seen for seen in memory}
        for key in (bytes.fromhex(key) for item in self._items for key in (item.keys.primary, item.keys.by_url)):
            if key not in self._known and (faint := memory.recall(key)) is not None:
                self._known[key] = faint
        self._shared = self._find_shared()
        self._aliases = self._find_aliases(memory)

    def run(self) -> Identified:
        flipped = [item for item in self._items if self._find_alias(item) is not None]
        unknown = sum(bytes.fromhex(item.keys.primary) not in self._known for item in self._items)
        is_flip = self._by_url or (len(flipped) >= MASS and 2 * len(flipped) > unknown)
        taken = {seen.key for seen in self._standing}
        found: list[Found] = []
        duplicates = 0
        for item in self._items:
            one = self._find(item, is_flip)
            if one.key in taken:
                duplicates += 1
                continue
            taken.add(one.key)
            found.append(one)
        dropped = {DropReason.DUPLICATE.value: duplicates} if duplicates else {}
        standing = tuple(replace(seen, shared=seen.shared or seen.key in self._shared) for seen in self._standing)
        return Identified(standing=standing, found=tuple(found), flips=len(flipped), dropped=dropped)

    def _find(self, item: Item, is_flip: bool) -> Found:
        primary, url = bytes.fromhex(item.keys.primary), bytes.fromhex(item.keys.url)
        if primary in self._shared:
            key = primary if url == self._shared[primary] else bytes.fromhex(item.keys.by_url)
            return Found(item=item, key=key, known=self._known.get(key), shared=True)
        alias = self._find_alias(item) if is_flip else None
        if alias is not None:
            return Found(item=item, key=alias.key, known=alias, shared=alias.shared)
        return Found(item=item, key=primary, known=self._known.get(primary))

    def _find_alias(self, item: Item) -> Seen | None:
        """Return what an item with an unknown guid seems to be."""
        if bytes.fromhex(item.keys.primary) in self._known:
            return None
        alias = self._aliases.get(bytes.fromhex(item.keys.url))
        return alias if alias is not None and (self._by_url or alias.content == content_of(item)) else None

    def _find_shared(self) -> dict[bytes, bytes]:
        """Return the guids that stand at several URLs, each with the URL of the item that keeps it."""
        urls: dict[bytes, dict[bytes, None]] = {}
        for key, url in self._shown():
            urls.setdefault(key, {})[url] = None
        shared: dict[bytes, bytes] = {}
        for key, found in urls.items():
            known = self._known.get(key)
            if len(found) > 1 or (known is not None and known.shared):
                shared[key] = known.url if known is not None and known.url else next(iter(found))
        return shared

    def _find_aliases(self, memory: Memory) -> dict[bytes, Seen]:
        """Return, by URL, the known items that may come under another guid."""
        shown = list(self._shown())
        here = {key for key, _ in shown}
        urls = Counter(url for _, url in shown)
        remembered = Counter(seen.url for seen in memory)
        return {
            seen.url: seen
            for seen in memory
            if seen.url != _NO_URL and seen.key not in here and urls[seen.url] == 1 and remembered[seen.url] == 1
        }

    def _shown(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and URL of all items of the document."""
        for seen in self._standing:
            yield seen.key, seen.url
        for item in self._items:
            yield bytes.fromhex(item.keys.primary), bytes.fromhex(item.keys.url)
