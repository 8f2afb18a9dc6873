from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from deskwatch import codec
from deskwatch.errors import CodecError, CodecReason
from deskwatch.records import Article, Count, Record, Tick

# One file per schema and kind: `bare` has only what is required, `full` all that existed when it was stored. They are
# the bytes that lie in topics; a later field gets a further file, and these are never edited.
SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))
T = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def schema_of(sample: Path) -> str:
    name, _, version = sample.name.split(".")[0].rpartition("-")
    return f"{name}/{version}"


def headers(schema: str) -> list[tuple[str, bytes]]:
    return [("other", b"x"), ("schema", schema.encode())]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_stored_sample_is_read_and_written_again_byte_for_byte(sample: Path) -> None:
    record = codec.decode(sample.read_bytes(), headers(schema_of(sample)))
    assert codec.schema_name(type(record)) == schema_of(sample)
    assert codec.encode(record) == sample.read_bytes()
    assert codec.headers_of(record) == [("schema", schema_of(sample).encode())]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_stored_sample_fits_the_published_json_schema(sample: Path) -> None:
    schemas = codec.json_schemas()
    schema = {**schemas["records"][schema_of(sample)], "$defs": schemas["$defs"]}
    jsonschema.Draft202012Validator(schema).validate(json.loads(sample.read_bytes()))


@pytest.mark.parametrize("schema", codec.SCHEMAS)
def test_samples_show_every_field_of_every_schema(schema: str) -> None:
    shown = {key for path in SAMPLES if schema_of(path) == schema for key in json.loads(path.read_bytes())}
    assert shown == {field.encode_name for field in msgspec.structs.fields(codec.SCHEMAS[schema])}


def test_field_of_a_newer_version_is_ignored() -> None:
    assert codec.decode(b'{"shard":1,"at":"2026-01-02T03:04:05Z","later":[1]}', headers("tick/1")) == Tick(
        shard=1, at=T
    )


@pytest.mark.parametrize(
    ("value", "schema", "reason"),
    [
        (b"{}", None, CodecReason.NO_SCHEMA),
        (b"{}", "", CodecReason.NO_SCHEMA),
        (b"{}", "article/99", CodecReason.UNKNOWN_SCHEMA),
        (b"{}", "tick/1\xff", CodecReason.UNKNOWN_SCHEMA),
        (None, "tick/1", CodecReason.MALFORMED),
        (b"", "tick/1", CodecReason.MALFORMED),
        (b"{}", "tick/1", CodecReason.MALFORMED),
        (b"\xff\xfe", "tick/1", CodecReason.MALFORMED),
        (b'{"shard":-1,"at":"2026-01-02T03:04:05Z"}', "tick/1", CodecReason.MALFORMED),
        (b'{"shard":1,"at":"2026-01-02T03:04:05"}', "tick/1", CodecReason.MALFORMED),
        (b'{"shard":1,"at":"2026-01-02T03:04:05Z","health":[{"feed_id":"\xff"}]}', "tick/1", CodecReason.MALFORMED),
        (b"[" * 100_000, "article/1", CodecReason.MALFORMED),
        (b'{"x":' + b"[" * 100_000, "article/1", CodecReason.MALFORMED),
    ],
)
def test_what_is_no_record_is_refused_with_its_reason(
    value: bytes | None, schema: str | None, reason: CodecReason
) -> None:
    given_headers = [] if schema is None else [("schema", schema.encode("latin-1"))]
    with pytest.raises(CodecError) as caught:
        codec.decode(value, given_headers)
    assert caught.value.reason is reason
    assert not caught.value.recoverable


@given(st.binary(), st.sampled_from(sorted(codec.SCHEMAS)))
def test_no_bytes_raise_anything_but_a_codec_error(value: bytes, schema: str) -> None:
    try:
        codec.decode(value, headers(schema))
    except CodecError as error:
        assert error.reason is CodecReason.MALFORMED  # noqa: PT017  # most bytes are no record, a few are


def test_article_refuses_a_time_without_a_zone() -> None:
    naive = datetime(2026, 1, 2)
    with pytest.raises(ValueError, match="has no zone"):
        Article(article_id="a", feed_id="f", source="s", url="u", title="t", first_seen_at=naive, fetched_at=T)


def values(info: inspect.Type) -> st.SearchStrategy[Any]:
    """Return a strategy for whatever a field may hold."""
    match info:
        case inspect.Metadata():
            return values(info.type)
        case inspect.StructType():
            return records(info.cls)
        case inspect.UnionType():
            return st.one_of(*map(values, info.types))
        case inspect.VarTupleType():
            return st.lists(values(info.item_type), max_size=3).map(tuple)
        case inspect.TupleType():
            return st.tuples(*map(values, info.item_types))
        case inspect.DictType():
            return st.dictionaries(values(info.key_type), values(info.value_type), max_size=3)
        case inspect.EnumType():
            members: list[Enum] = list(info.cls)
            return st.sampled_from(members)
        case inspect.IntType():
            return st.integers(min_value=info.ge if info.ge is not None else -(2**63), max_value=2**63 - 1)
    simple: dict[type[inspect.Type], st.SearchStrategy[Any]] = {
        inspect.StrType: st.text(max_size=20),
        inspect.BytesType: st.binary(max_size=20),
        inspect.BoolType: st.booleans(),
        inspect.FloatType: st.floats(allow_nan=False, allow_infinity=False),
        inspect.NoneType: st.none(),
        inspect.DateTimeType: st.datetimes(timezones=st.just(UTC)),
    }
    return simple[type(info)]


def records(kind: type[Any]) -> st.SearchStrategy[Any]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return st.builds(kind, **{field.name: values(field.type) for field in info.fields})


@pytest.mark.parametrize("kind", codec.SCHEMAS.values(), ids=lambda kind: kind.__name__)
def test_decoding_what_was_encoded_gives_the_same_record(kind: type[Record]) -> None:
    @given(records(kind))
    def holds(record: Record) -> None:
        assert codec.decode(codec.encode(record), codec.headers_of(record)) == record

    holds()


def test_counts_are_not_negative() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(-1, Count)
