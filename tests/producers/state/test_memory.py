from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.state.memory import LEAST_GONE, Memory, Seen, pack, split_digests, unpack


def seen(number: int, *, digest: bool = True, revision: int = 0) -> Seen:
    key = number.to_bytes(6, "big")
    return Seen(key=key, url=key, content=b"text", revision=revision, digest=(b"d" + key[1:]) if digest else b"")


SEENS = st.builds(
    Seen,
    key=st.binary(min_size=6, max_size=6),
    url=st.binary(min_size=6, max_size=6),
    content=st.binary(min_size=4, max_size=4),
    revision=st.integers(0, 255),
    old=st.booleans(),
    shared=st.booleans(),
    digest=st.binary(min_size=6, max_size=6).filter(any) | st.just(b""),
)


@given(standing=st.lists(SEENS), gone=st.lists(SEENS), window=st.integers(0, 5_000))
def test_what_is_packed_comes_back(standing: list[Seen], gone: list[Seen], window: int) -> None:
    forgotten = tuple(
        Seen(**{name: getattr(s, name) for name in s.__struct_fields__ if name != "digest"}) for s in gone
    )
    memory = Memory(standing=tuple(standing), gone=forgotten, window=window)
    assert unpack(pack(memory)) == memory


@given(st.binary(max_size=200))
def test_strange_bytes_are_refused_or_are_a_memory(packed: bytes) -> None:
    try:
        memory = unpack(packed)
    except ValueError:
        return
    assert not packed or len(pack(memory)) == len(packed)


def test_nothing_is_remembered_at_first() -> None:
    assert unpack(b"") == Memory()
    assert list(Memory()) == []


def test_thirty_items_and_as_many_past_ones_take_little_more_than_a_kilobyte() -> None:
    memory = Memory().after(seen(n) for n in range(30))
    for first in range(3, 60, 3):
        memory = memory.after(seen(n) for n in range(first, first + 30))
    assert len(memory.gone) == LEAST_GONE
    assert len(pack(memory)) < 1_100


def test_an_item_that_leaves_and_comes_back_is_still_known() -> None:
    whole = [seen(n) for n in range(50)]
    memory = Memory().after(whole).after(whole[:2]).after(whole[5:])
    assert {s.key for s in memory} == {s.key for s in whole}
    assert all(not s.digest for s in memory.gone), "its bytes may be others when it comes back"


def test_an_empty_document_makes_nobody_forget() -> None:
    memory = Memory().after(seen(n) for n in range(300))
    assert memory.after([]) == memory


def test_the_longest_gone_are_forgotten_first() -> None:
    memory = Memory().after([seen(0)])
    for n in range(1, 40):
        memory = memory.after([seen(n)])
    assert [int.from_bytes(s.key, "big") for s in memory.gone] == list(range(39 - LEAST_GONE, 39))


@given(st.lists(st.binary(min_size=6, max_size=6)))
def test_digests_stand_one_behind_the_other(digests: list[bytes]) -> None:
    assert split_digests(b"".join(digests)) == digests


def test_a_memory_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 9"):
        unpack(b"\x09" + pack(Memory())[1:])
