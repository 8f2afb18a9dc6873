from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from desk_facts import T0, beginning, sighting
from hypothesis import given
from hypothesis import strategies as st

from streams.facts import Fact, order_of
from streams.holding import Held


@pytest.fixture
def held() -> Iterator[Held]:
    store = Held()
    yield store
    store.close()


def test_facts_come_out_in_the_one_order_whatever_order_they_came_in(held: Held) -> None:
    facts: list[Fact] = [*beginning(), *(sighting(n, T0 + timedelta(seconds=n % 3)) for n in range(9))]
    held.add((offset, fact) for offset, fact in enumerate(reversed(facts)))
    assert held.take(T0 + timedelta(hours=1), 100) == sorted(facts, key=order_of)
    assert len(held) == 0


def test_only_what_is_before_the_watermark_comes_out(held: Held) -> None:
    held.add([(7, sighting(1, T0)), (9, sighting(2, T0 + timedelta(minutes=1)))])
    assert held.first_offset() == 7
    assert [fact.at for fact in held.take(T0 + timedelta(minutes=1), 100)] == [T0]
    assert held.first_offset() == 9
    assert len(held) == 1


def test_a_limit_leaves_the_rest_for_the_next_time(held: Held) -> None:
    held.add((n, sighting(n, T0 + timedelta(seconds=n))) for n in range(5))
    first, rest = held.take(T0 + timedelta(hours=1), 3), held.take(T0 + timedelta(hours=1), 3)
    assert [fact.at.second for fact in first + rest] == [0, 1, 2, 3, 4]


def test_an_empty_store_has_no_first_offset(held: Held) -> None:
    assert held.first_offset() is None
    assert held.take(T0, 5) == []


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=30), st.integers(1, 7))
def test_nothing_is_lost_or_doubled_whatever_the_portions(items: list[tuple[int, int]], limit: int) -> None:
    store = Held()
    try:
        facts = [sighting(name, T0 + timedelta(seconds=second)) for second, name in items]
        store.add(list(enumerate(facts)))
        out: list[Fact] = []
        while portion := store.take(T0 + timedelta(hours=1), limit):
            out += portion
        assert out == sorted(facts, key=order_of)
    finally:
        store.close()
