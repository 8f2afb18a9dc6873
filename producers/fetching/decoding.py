"""Compressed bodies, decoded no further than anybody wants them."""

from __future__ import annotations

import zlib
from typing import Final

MAX_MEMBERS: Final = 1_000  # of one gzip file; 5 MB hold 250,000 empty ones, seconds of work for nothing

_PIECE: Final = 65_536  # each member's end costs a copy of what came with it


def decompress(raw: bytes, encoding: str, limit: int) -> bytes | None:
    """Return the decoded body, or None if it would be larger than `limit` bytes.

    Raises:
        zlib.error: the bytes are not what `encoding` says, or break off.
        ValueError: the encoding is none that we asked for; several on top of each other are none.
    """
    if encoding in ("", "identity"):
        return raw if len(raw) <= limit else None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"unknown content encoding {encoding[:40]!r}")
    is_raw = encoding == "deflate" and not _has_zlib_header(raw)  # some servers send deflate without its header
    wbits = -zlib.MAX_WBITS if is_raw else zlib.MAX_WBITS | 32
    pieces = [raw[start : start + _PIECE] for start in range(0, len(raw), _PIECE)]
    pieces.reverse()
    out = bytearray()
    for _ in range(MAX_MEMBERS):
        if not pieces:
            return bytes(out)
        decoder = zlib.decompressobj(wbits)
        while not decoder.eof:
            if not pieces:
                raise zlib.error("compressed data breaks off")
            out += decoder.decompress(pieces.pop(), limit + 1 - len(out))
            if len(out) > limit:
                return None
        if decoder.unused_data:
            pieces.append(decoder.unused_data)
        _skip_padding(pieces)
    if pieces:
        raise zlib.error(f"more than {MAX_MEMBERS} members")
    return bytes(out)


def _skip_padding(pieces: list[bytes]) -> None:
    """Drop zeros before a further member of the same file: some servers pad."""
    while pieces:
        if rest := pieces.pop().lstrip(b"\0"):
            pieces.append(rest)
            return


def _has_zlib_header(raw: bytes) -> bool:
    return len(raw) >= 2 and raw[0] & 0x0F == 8 and int.from_bytes(raw[:2], "big") % 31 == 0
