"""Feed states as rows: a third of the size they have on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import asdict, fields

from deskwatch.feedrecords import FeedState

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NAMES: Final = tuple(field.name for field in fields(FeedState) if field.name != "seen")
_DEFAULTS: Final = {
    field.name: field.default
    for field in fields(FeedState)
    if field.default is not msgspec.NODEFAULT and field.name != "seen"
}


def _define(names: Iterable[str]) -> Any:
    """Return FeedState without `seen` as an array: fields that a row of an earlier version lacks take their default."""
    types = {field.name: field.type for field in fields(FeedState)}
    described: list[Any] = [
        (name, types[name], _DEFAULTS[name]) if name in _DEFAULTS else (name, types[name]) for name in names
    ]
    return msgspec.defstruct("FeedStateRow", described, array_like=True, frozen=True, kw_only=True)


_Row: Final = _define(_NAMES)
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Row)


def pack_state(state: FeedState) -> bytes:
    """Return a state's bytes, without `seen`, `writer` and `serial` having a meaning of their own here."""
    return _ENCODER.encode([getattr(state, name) for name in _NAMES])


def unpack_state(packed: bytes) -> FeedState:
    """Return the state that `pack_state` stored.

    Raises:
        msgspec.ValidationError: these bytes are no state.
    """
    return FeedState(**asdict(_DECODER.decode(packed)))


def to_us(at: datetime) -> int:
    """Return a time as whole microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    """Return the time that `to_us` stored."""
    return _EPOCH + value * _MICROSECOND
