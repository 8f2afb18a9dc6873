from __future__ import annotations

import pytest

from streams.rules import Rules
from streams.voices import KEPT, Voices


def after(days: int, counts: dict[str, int]) -> Voices:
    voices = Voices()
    for _ in range(days):
        for owner, count in counts.items():
            for _ in range(count):
                voices.hear(owner)
        voices.end_day()
    return voices


@pytest.mark.parametrize(
    ("counts", "number"),
    [
        ({"alone": 30}, 1),
        ({"large": 60, "half": 35, "tiny": 2}, 2),
        ({f"owner-{i}": 5 for i in range(5)}, 5),
    ],
)
def test_owners_that_say_little_count_little(counts: dict[str, int], number: int) -> None:
    assert after(30, counts).number() == number


def test_nothing_is_known_on_the_first_day() -> None:
    voices = Voices()
    voices.hear("alone")
    assert voices.number() is None
    assert (Rules().owners_needed(None), Rules().cap(None)) == (3, 2)


def test_flood_of_one_owner_is_no_habit() -> None:
    voices = after(30, {f"owner-{i}": 4 for i in range(10)})
    for _ in range(100_000):
        voices.hear("owner-3")
    assert voices.number() == 10  # the running day has no say
    voices.end_day()
    assert voices.number() in (9, 10)


def test_memory_stays_small_whoever_comes() -> None:
    voices = Voices()
    for day in range(3):
        for i in range(10_000):
            voices.hear(f"owner-{day}-{i}")
        voices.end_day()
    assert len(voices.past) <= KEPT
    assert len(voices.today) == 0


@pytest.mark.parametrize(("active", "needed", "cap"), [(1, 1, None), (3, 3, None), (4, 3, 5), (10, 3, 2), (99, 3, 2)])
def test_few_owners_may_say_more_each(active: int, needed: int, cap: int | None) -> None:
    assert (Rules().owners_needed(active), Rules().cap(active)) == (needed, cap)
