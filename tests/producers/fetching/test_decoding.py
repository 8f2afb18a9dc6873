from __future__ import annotations

import gzip
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.fetching.decoding import MAX_MEMBERS, decompress


@given(st.binary(max_size=2_000))
def test_decompression_gives_back_what_was_compressed(body: bytes) -> None:
    assert decompress(gzip.compress(body) + gzip.compress(body), "gzip", 4_000) == body + body
    assert decompress(zlib.compress(body), "deflate", 2_000) == body
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert decompress(raw.compress(body) + raw.flush(), "deflate", 2_000) == body


def test_the_bound_on_decompression_is_exact() -> None:
    packed = gzip.compress(bytes(1_000))
    assert decompress(packed, "gzip", 1_000) == bytes(1_000)
    assert decompress(packed, "gzip", 999) is None
    assert decompress(packed + packed, "gzip", 1_999) is None


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_of_many_pieces_is_read_whole(encoding: str) -> None:
    body = b"".join(number.to_bytes(4, "big") for number in range(100_000))  # compresses to more than one piece
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    assert len(packed) > 100_000
    assert decompress(packed, encoding, len(body)) == body
    assert decompress(packed + bytes(100_000), encoding, len(body)) == body  # padding


def test_members_beyond_count_are_refused_at_once() -> None:
    few = gzip.compress(b"x") * MAX_MEMBERS
    assert decompress(few, "gzip", 10_000) == b"x" * MAX_MEMBERS
    flood = gzip.compress(b"") * 250_000
    began = time.process_time()
    with pytest.raises(zlib.error, match="members"):
        decompress(flood, "gzip", 10_000)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip,deflate", "compress"])
def test_an_encoding_that_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(ValueError, match="encoding"):
        decompress(gzip.compress(gzip.compress(b"x")), encoding, 100)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_body_that_breaks_off_is_an_error(cut: int) -> None:
    with pytest.raises(zlib.error, match="breaks off"):
        decompress(gzip.compress(b"a body of some length")[:-cut], "gzip", 100)
