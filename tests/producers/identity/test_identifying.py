from __future__ import annotations

from collections.abc import Iterable

from fakes.items import make_item, make_reading
from hypothesis import given
from hypothesis import strategies as st

from producers.identity.identifying import Identified, content_of, identify
from producers.reading.jobs import Item
from producers.state.memory import Memory, Seen

HOME = "https://n.example/"


def learn(memory: Memory, identified: Identified) -> Memory:
    """Return the memory after a document, as `find_changes` makes it."""
    found = (
        Seen(
            key=one.key,
            url=bytes.fromhex(one.item.keys.url),
            content=content_of(one.item),
            shared=one.shared,
            digest=one.item.digest,
        )
        for one in identified.found
    )
    return memory.after([*identified.standing, *found])


def look(memory: Memory, *items: Item, by_url: bool = False) -> tuple[list[bytes], Memory, Identified]:
    """Return the keys in a document, the memory after it, and all that was found."""
    found = identify(make_reading(items, memory), memory, by_url=by_url)
    return [s.key for s in found.standing] + [one.key for one in found.found], learn(memory, found), found


def test_an_item_whose_bytes_are_known_needs_no_second_look() -> None:
    a, b = make_item("a", HOME + "a"), make_item("b", HOME + "b")
    _, memory, _ = look(Memory(), a)
    _, _, found = look(memory, b, a)
    assert [one.item.guid for one in found.found] == ["b"]
    assert [seen.key for seen in found.standing] == [bytes.fromhex(a.keys.primary)]


def test_two_guids_at_one_url_are_two_articles_also_one_after_the_other() -> None:
    first, second = make_item("g1", HOME, "one"), make_item("g2", HOME, "two")
    keys, _, _ = look(Memory(), first, second)
    assert len(set(keys)) == 2
    _, memory, _ = look(Memory(), first)
    (key,), _, _ = look(memory, second)
    assert key == bytes.fromhex(second.keys.primary), "a bulletin that replaces another at its URL"


def flip(*names: str, prefix: str) -> list[Item]:
    return [make_item(f"{prefix}-{name}", HOME + name) for name in names]


def test_items_that_change_their_guids_together_are_the_same() -> None:
    _, memory, _ = look(Memory(), *flip(*"abc", prefix="old"), make_item("h", HOME + "h"))
    keys, after, found = look(memory, *flip(*"abc", prefix="new"), make_item("h", HOME + "h"))
    assert (len(set(keys)), found.flips) == (4, 3)
    assert {seen.key for seen in after} == {seen.key for seen in memory}


def test_a_single_text_that_is_posted_once_more_is_another_article() -> None:
    _, memory, _ = look(Memory(), *flip(*"ab", prefix="old"))
    keys, _, found = look(memory, *flip(*"ab", prefix="new"))
    assert found.flips == 2, "it counts towards giving up the feed's guids"
    assert {seen.key for seen in memory}.isdisjoint(keys)
    _, memory, _ = look(Memory(), *flip(*"abc", prefix="old"))
    _, _, found = look(memory, *flip(*"abcdefg", prefix="new"))
    assert all(one.known is None for one in found.found), "most of what is unknown is new"


def test_items_that_stand_side_by_side_never_merge() -> None:
    first = make_item("g1", HOME + "a")
    _, memory, _ = look(Memory(), first)
    keys, _, found = look(memory, first, make_item("g2", HOME + "a"))
    assert (len(set(keys)), found.flips) == (2, 0)
    keys, _, found = look(memory, make_item("g2", HOME + "a"), make_item("g3", HOME + "a"))
    assert (len(set(keys)), found.flips) == (2, 0), "neither of two can be told to be the old one"


def test_where_guids_are_not_stable_the_url_alone_decides() -> None:
    _, memory, _ = look(Memory(), make_item("g1", HOME + "a", "first words"))
    edited = make_item("", HOME + "a", "other words")
    (key,), _, found = look(memory, edited, by_url=True)
    assert (key, found.flips) == (memory.standing[0].key, 1)
    (key,), _, _ = look(memory, make_item("g2", HOME + "a", "other words"))
    assert key != memory.standing[0].key


def test_the_same_item_twice_in_one_document_is_one_article() -> None:
    keys, _, found = look(Memory(), make_item("g", HOME, "one"), make_item("g", HOME, "two"))
    assert (len(keys), dict(found.dropped)) == (1, {"duplicate": 1})


def test_items_that_share_a_guid_are_told_apart_by_url_and_keep_their_keys() -> None:
    a, b, c = (make_item("g", HOME + name) for name in "abc")
    (key_a, key_b), memory, _ = look(Memory(), a, b)
    assert (key_a, key_b) == (bytes.fromhex(a.keys.primary), bytes.fromhex(b.keys.by_url))
    edited = [make_item("g", HOME + name, "edited") for name in "cba"]
    assert look(memory, *edited)[0] == [bytes.fromhex(c.keys.by_url), key_b, key_a]
    assert look(memory, make_item("g", HOME + "b", "edited"))[0] == [key_b], "also when it stands alone"
    assert look(memory, make_item("g", HOME + "a", "edited"))[0] == [key_a]


def test_a_guid_found_to_be_shared_is_remembered_as_such() -> None:
    a, b = make_item("g", HOME + "a"), make_item("g", HOME + "b")
    _, memory, _ = look(Memory(), a)
    _, memory, _ = look(memory, b, a)
    assert all(seen.shared for seen in memory)
    assert len(memory.standing) == 2


def test_a_guid_that_is_not_shared_may_move_to_another_url() -> None:
    _, memory, _ = look(Memory(), make_item("g", HOME + "old"))
    assert look(memory, make_item("g", HOME + "new"))[0] == [memory.standing[0].key]


pairs = st.lists(st.tuples(st.sampled_from("gh"), st.sampled_from("abc"), st.sampled_from("12")), max_size=8)


@given(pairs, pairs)
def test_no_document_gives_one_key_twice_and_keys_survive_the_next_document(
    first: list[tuple[str, str, str]], second: list[tuple[str, str, str]]
) -> None:
    def items(some: Iterable[tuple[str, str, str]]) -> list[Item]:
        return [make_item(guid, HOME + name, text) for guid, name, text in some]

    keys, memory, found = look(Memory(), *items(first))
    assert len(keys) == len(set(keys))
    assert len(keys) + sum(found.dropped.values()) == len(first)
    given_keys = {(one.item.guid, one.item.url): one.key for one in found.found}
    keys, _, again = look(memory, *items(second))
    assert len(keys) == len(set(keys))
    for one in again.found:
        assert one.key == given_keys.get((one.item.guid, one.item.url), one.key)
    _, _, third = look(memory, *items(first))
    assert all(one.known is not None for one in third.found), "the same document again has nothing unknown"
