from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.state.memory import LEAST_FAINT, LEAST_GONE, Memory, Seen, pack, split_digests, unpack


def seen(number: int, *, digest: bool = True, revision: int = 0) -> Seen:
    key = number.to_bytes(6, "little")
    return Seen(key=key, url=key[:4], content=b"text", revision=revision, digest=(b"d" + key[:4]) if digest else b"")


SEENS = st.builds(
    Seen,
    key=st.binary(min_size=6, max_size=6),
    url=st.binary(min_size=4, max_size=4),
    content=st.binary(min_size=4, max_size=4),
    revision=st.integers(0, 255),
    old=st.booleans(),
    shared=st.booleans(),
    digest=st.binary(min_size=5, max_size=5).filter(any) | st.just(b""),
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


def test_thirty_items_and_many_past_ones_take_little_more_than_a_kilobyte() -> None:
    memory = Memory()
    for first in range(0, 300, 3):
        memory = memory.after(seen(n) for n in range(first, first + 30))
    assert (len(memory.gone), len(memory.faint) // 6) == (LEAST_GONE, LEAST_FAINT)
    assert len(pack(memory)) < 1_200


def test_of_items_long_gone_the_revision_is_remembered_until_they_come_back() -> None:
    old = Seen(key=seen(0).key, url=b"urlu", content=b"text", revision=7, old=True, digest=b"digit")
    memory = Memory().after([old, *(seen(n) for n in range(1, 4))])
    for n in range(2, 40):
        memory = memory.after(seen(m) for m in range(n, n + 4))
    faint = memory.recall(old.key)
    assert faint is not None
    assert (faint.revision, faint.old, faint.shared, faint.content) == (7, True, False, b"")
    assert old.key not in {known.key for known in memory}
    assert memory.recall(seen(99).key) is None
    back = memory.after([*memory.standing, old])
    assert back.recall(old.key) is None, "it is known in full again"


@given(st.lists(st.integers(0, 2**48 - 1), unique=True, min_size=1, max_size=40), st.integers(0, 2**48 - 1))
def test_only_keys_that_were_there_are_recalled(numbers: list[int], other: int) -> None:
    memory = Memory()
    for number in [*numbers, *range(1, 60)]:
        memory = memory.after([seen(number)])
    remembered = {key.key[:5] for key in memory} | {memory.faint[at : at + 5] for at in range(0, len(memory.faint), 6)}
    key = seen(other).key
    assert (memory.recall(key) is not None or key[:5] in {k.key[:5] for k in memory}) is (key[:5] in remembered)


def test_an_item_that_leaves_and_comes_back_is_still_known() -> None:
    whole = [seen(n) for n in range(50)]
    memory = Memory().after(whole).after(whole[:2]).after(whole[5:])
    full = {s.key for s in memory}
    assert all(s.key in full or memory.recall(s.key) is not None for s in whole)
    assert all(not s.digest for s in memory.gone), "its bytes may be others when it comes back"


def test_an_empty_document_makes_nobody_forget() -> None:
    memory = Memory().after(seen(n) for n in range(300))
    assert memory.after([]) == memory


def test_the_longest_gone_are_forgotten_first() -> None:
    memory = Memory().after([seen(0)])
    for n in range(1, 40):
        memory = memory.after([seen(n)])
    assert [int.from_bytes(s.key, "little") for s in memory.gone] == list(range(39 - LEAST_GONE, 39))
    assert memory.recall(seen(0).key) is not None


@given(st.lists(st.binary(min_size=5, max_size=5)))
def test_digests_stand_one_behind_the_other(digests: list[bytes]) -> None:
    assert split_digests(b"".join(digests)) == digests


def test_a_memory_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 9"):
        unpack(b"\x09" + pack(Memory())[1:])
