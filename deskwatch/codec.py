"""Records to bytes and back: JSON values, with the header `schema: name/version`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from deskwatch import feedrecords, records
from deskwatch.errors import CodecError, CodecReason

HEADER: Final = "schema"

# A change that is no pure addition gets a new number here, and its old type stays readable beside the new one.
SCHEMAS: Final[dict[str, type[records.Record]]] = {
    "article/1": records.Article,
    "tick/1": records.Tick,
    "excuse/1": records.Excuse,
    "classified/1": records.Classified,
    "desk-tick/1": records.DeskTick,
    "desk-excuse/1": records.DeskExcuse,
    "coverage/1": records.Coverage,
    "generation/1": records.Generation,
    "learnt/1": records.Learnt,
    "bucket/1": records.Bucket,
    "spike/1": records.Spike,
    "poll/1": records.Poll,
    "feed/1": feedrecords.Feed,
    "feed-state/1": feedrecords.FeedState,
    "shard-state/1": feedrecords.ShardState,
    "delivery/1": records.Delivery,
    "action/1": records.Action,
    "dead-letter/1": records.DeadLetter,
    "dead-letter-closed/1": records.DeadLetterClosed,
}

Headers = Sequence[tuple[str, bytes]]

_NAMES: Final = {kind: name for name, kind in SCHEMAS.items()}
_HEADERS: Final = {kind: [(HEADER, name.encode())] for kind, name in _NAMES.items()}
_ENCODER: Final = msgspec.json.Encoder()
_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    name: msgspec.json.Decoder(kind) for name, kind in SCHEMAS.items()
}


def encode(record: records.Record) -> bytes:
    """Return the record's JSON bytes."""
    return _ENCODER.encode(record)


def headers_of(record: records.Record) -> list[tuple[str, bytes]]:
    """Return the Kafka headers that name the record's schema."""
    return _HEADERS[type(record)]


def decode(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> records.Record:
    """Return the record that `value` holds, by the schema that `headers` name.

    Raises:
        CodecError: no or an unknown schema, or bytes that do not fit it.
    """
    schema = next((raw.decode("utf-8", "replace") for name, raw in headers if name == HEADER and raw), "")
    if not schema:
        raise CodecError(CodecReason.NO_SCHEMA, schema, "the header `schema` is missing")
    decoder = _DECODERS.get(schema)
    if decoder is None:
        raise CodecError(CodecReason.UNKNOWN_SCHEMA, schema, f"known are {', '.join(SCHEMAS)}")
    try:
        return decoder.decode(value or b"")  # type: ignore[no-any-return]  # SCHEMAS holds records only
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CodecError(CodecReason.MALFORMED, schema, str(error)) from error


def schema_name(kind: type[records.Record]) -> str:
    """Return the name and version under which a record type travels, such as `article/1`."""
    return _NAMES[kind]


def json_schemas() -> dict[str, Any]:
    """Return one JSON Schema document for all records, for `docs/` and for other languages."""
    _, definitions = msgspec.json.schema_components(list(SCHEMAS.values()))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "records": {name: {"$ref": f"#/$defs/{kind.__name__}"} for name, kind in SCHEMAS.items()},
        "$defs": definitions,
    }
