"""What is remembered of a feed's items, packed: 24 bytes for one that stands in the feed, 18 for one that is gone.

Twenty thousand feeds fit into a process this way. The hashes are short because they only have to tell apart the items
of one feed: that one of 48 bits hits one of 100 known items by chance happens once in 3e12 new items.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from producers.reading.jobs import DIGEST_SIZE

KEY_SIZE: Final = 6  # bytes of `key` and `url`
CONTENT_SIZE: Final = 4
LEAST_GONE: Final = 16  # items remembered beyond those that stand in the feed, at least

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BHHH")  # version, window, standing, gone
_GONE: Final = struct.Struct(f">{KEY_SIZE}s{KEY_SIZE}s{CONTENT_SIZE}sBB")
_STANDING: Final = struct.Struct(f"{_GONE.format}{DIGEST_SIZE}s")
_NONE: Final = bytes(DIGEST_SIZE)
_MOST: Final = 0xFFFF


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of an item."""

    key: bytes  # its article's id follows from it
    url: bytes  # hash of its canonical URL
    content: bytes  # hash of what it says
    revision: int = 0
    old: bool = False  # it came as backfill or replay, and so will its revisions
    shared: bool = False  # its guid stands at items with other URLs as well
    digest: bytes = b""  # of its bytes in the last document; empty if it is gone, or could not be told apart there


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """All that is remembered of one feed's items."""

    standing: tuple[Seen, ...] = ()  # in the last document
    gone: tuple[Seen, ...] = ()  # longest gone first
    window: int = 0  # how many items the feed usually shows

    def __iter__(self) -> Iterator[Seen]:
        """Yield all of them."""
        yield from self.standing
        yield from self.gone

    def digests(self) -> bytes:
        """Return the digests of the items that need no parsing when they come again."""
        return b"".join(seen.digest for seen in self.standing)

    def after(self, present: Iterable[Seen]) -> Memory:
        """Return the memory once a document has shown `present`, in its order.

        Half as many as the feed shows are remembered beyond those that it shows: servers that answer in turn with
        an older and a newer document bring them back. An empty document changes nothing.
        """
        standing = tuple(present)[:_MOST]
        if not standing:
            return self
        window = max(len(standing), self.window - max(self.window // 50, 1))
        keys = {seen.key for seen in standing}
        left = (msgspec.structs.replace(seen, digest=b"") for seen in self.standing if seen.key not in keys)
        gone = (*(seen for seen in self.gone if seen.key not in keys), *left)
        most = min(max(LEAST_GONE, window + window // 2 - len(standing)), _MOST)
        return Memory(standing=standing, gone=gone[-most:], window=window)


def pack(memory: Memory) -> bytes:
    """Return the memory's bytes."""
    head = _HEAD.pack(_VERSION, memory.window, len(memory.standing), len(memory.gone))
    standing = (_STANDING.pack(*_fields(seen), seen.digest or _NONE) for seen in memory.standing)
    return b"".join((head, *standing, *(_GONE.pack(*_fields(seen)) for seen in memory.gone)))


def unpack(packed: bytes) -> Memory:
    """Return the memory that `pack` stored; nothing is remembered where there are no bytes.

    Raises:
        ValueError: these bytes are no memory.
    """
    if not packed:
        return Memory()
    try:
        version, window, standing, gone = _HEAD.unpack_from(packed)
    except struct.error as error:
        raise ValueError(f"a memory of {len(packed)} bytes") from error
    middle = _HEAD.size + standing * _STANDING.size
    if version != _VERSION or len(packed) != middle + gone * _GONE.size:
        raise ValueError(f"a memory of version {version} in {len(packed)} bytes")
    return Memory(
        standing=tuple(_seen(*fields) for fields in _STANDING.iter_unpack(packed[_HEAD.size : middle])),
        gone=tuple(_seen(*fields) for fields in _GONE.iter_unpack(packed[middle:])),
        window=window,
    )


def split_digests(joined: bytes) -> list[bytes]:
    """Return the digests that stand one behind the other."""
    return [joined[at : at + DIGEST_SIZE] for at in range(0, len(joined), DIGEST_SIZE)]


def _fields(seen: Seen) -> tuple[bytes, bytes, bytes, int, int]:
    return seen.key, seen.url, seen.content, min(seen.revision, 255), seen.old | seen.shared << 1


def _seen(key: bytes, url: bytes, content: bytes, revision: int, flags: int, digest: bytes = _NONE) -> Seen:
    return Seen(
        key=key,
        url=url,
        content=content,
        revision=revision,
        old=bool(flags & 1),
        shared=bool(flags & 2),
        digest=b"" if digest == _NONE else digest,
    )
