"""What is remembered of a feed's items, packed: 21 bytes for one standing in it, 16 for one gone, 6 for one long gone.

Twenty thousand feeds fit into a process this way. The hashes are short because they only have to tell apart the items
of one feed: that one of 40 bits hits one of 100 known items by chance happens once in 1e10 new items.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from producers.reading.jobs import DIGEST_SIZE

KEY_SIZE: Final = 6  # bytes
URL_SIZE: Final = 4  # a URL alone never decides
CONTENT_SIZE: Final = 4
LEAST_GONE: Final = 10  # items remembered in full beyond those that stand in the feed, at least
LEAST_FAINT: Final = 34  # items of which only key and revision are remembered, at least

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BHHHH")  # version, window, standing, gone, faint
_FAINT_KEY: Final = 5
_FAINT: Final = _FAINT_KEY + 1
_GONE: Final = struct.Struct(f">{KEY_SIZE}s{URL_SIZE}s{CONTENT_SIZE}sBB")
_STANDING: Final = struct.Struct(f"{_GONE.format}{DIGEST_SIZE}s")
_NONE: Final = bytes(DIGEST_SIZE)
_MOST: Final = 0xFFFF


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of an item."""

    key: bytes  # its article's id follows from it
    url: bytes  # hash of its canonical URL
    content: bytes  # hash of what it says; empty if that is forgotten
    revision: int = 0
    old: bool = False  # it came as backfill or replay, and so will its revisions
    shared: bool = False  # its guid stands at items with other URLs as well
    digest: bytes = b""  # of its bytes in the last document; empty if it is gone, or could not be told apart there


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """All that is remembered of one feed's items."""

    standing: tuple[Seen, ...] = ()  # in the last document
    gone: tuple[Seen, ...] = ()  # longest gone first
    window: int = 0  # how many items the feed usually shows
    faint: bytes = b""  # beginning of the key, revision and flags of those long gone, the longest first

    def __iter__(self) -> Iterator[Seen]:
        """Yield all but the faint ones."""
        yield from self.standing
        yield from self.gone

    def digests(self) -> bytes:
        """Return the digests of the items that need no parsing when they come again."""
        return b"".join(seen.digest for seen in self.standing)

    def recall(self, key: bytes) -> Seen | None:
        """Return what is left of an item long gone."""
        at = self.faint.find(key[:_FAINT_KEY])
        while at >= 0 and at % _FAINT:  # across two entries
            at = self.faint.find(key[:_FAINT_KEY], at + 1)
        if at < 0:
            return None
        rest = self.faint[at + _FAINT_KEY]
        flags = rest >> 6
        return Seen(key=key, url=b"", content=b"", revision=rest & 0x3F, old=bool(flags & 1), shared=bool(flags & 2))

    def after(self, present: Iterable[Seen]) -> Memory:
        """Return the memory once a document has shown `present`, in its order.

        Beyond those that it shows a quarter as many are remembered whole and as many again faintly: servers that answer
        in turn with an older and a newer document bring them back, some after days. An empty document changes nothing.
        """
        standing = tuple(present)[:_MOST]
        if not standing:
            return self
        window = max(len(standing), self.window - max(self.window // 50, 1))
        keys = {seen.key for seen in standing}
        left = (msgspec.structs.replace(seen, digest=b"") for seen in self.standing if seen.key not in keys)
        gone = [*(seen for seen in self.gone if seen.key not in keys), *left]
        most = min(max(LEAST_GONE, window + window // 4 - len(standing)), _MOST)
        faded, gone = gone[: max(len(gone) - most, 0)], gone[max(len(gone) - most, 0) :]
        faint = self.faint
        if faint:
            here = {key[:_FAINT_KEY] for key in keys}
            entries = (faint[at : at + _FAINT] for at in range(0, len(faint), _FAINT))
            faint = b"".join(entry for entry in entries if entry[:_FAINT_KEY] not in here)
        faint += b"".join(_fade(seen) for seen in faded)
        most_faint = min(max(LEAST_FAINT, window), _MOST)
        return Memory(standing=standing, gone=tuple(gone), window=window, faint=faint[-most_faint * _FAINT :])


def pack(memory: Memory) -> bytes:
    """Return the memory's bytes."""
    faint = len(memory.faint) // _FAINT
    head = _HEAD.pack(_VERSION, memory.window, len(memory.standing), len(memory.gone), faint)
    standing = (_STANDING.pack(*_fields(seen), seen.digest or _NONE) for seen in memory.standing)
    return b"".join((head, *standing, *(_GONE.pack(*_fields(seen)) for seen in memory.gone), memory.faint))


def unpack(packed: bytes) -> Memory:
    """Return the memory that `pack` stored; nothing is remembered where there are no bytes.

    Raises:
        ValueError: these bytes are no memory.
    """
    if not packed:
        return Memory()
    try:
        version, window, standing, gone, faint = _HEAD.unpack_from(packed)
    except struct.error as error:
        raise ValueError(f"a memory of {len(packed)} bytes") from error
    middle = _HEAD.size + standing * _STANDING.size
    end = middle + gone * _GONE.size
    if version != _VERSION or len(packed) != end + faint * _FAINT:
        raise ValueError(f"a memory of version {version} in {len(packed)} bytes")
    return Memory(
        standing=tuple(_seen(*fields) for fields in _STANDING.iter_unpack(packed[_HEAD.size : middle])),
        gone=tuple(_seen(*fields) for fields in _GONE.iter_unpack(packed[middle:end])),
        window=window,
        faint=packed[end:],
    )


def split_digests(joined: bytes) -> list[bytes]:
    """Return the digests that stand one behind the other."""
    return [joined[at : at + DIGEST_SIZE] for at in range(0, len(joined), DIGEST_SIZE)]


def _fade(seen: Seen) -> bytes:
    return seen.key[:_FAINT_KEY] + bytes((min(seen.revision, 63) | seen.old << 6 | seen.shared << 7,))


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
