from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.watermark import Progress, Watermark

T0 = datetime(2026, 3, 2, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return T0 + timedelta(minutes=minutes)


def make(shards: int = 2, partitions: int = 2) -> Watermark:
    return Watermark(shards=shards, partitions=[Progress() for _ in range(partitions)])


def tick_all(watermark: Watermark, offset: int, minutes: int, shards: tuple[int, ...] = (0, 1)) -> None:
    for partition in range(len(watermark.partitions)):
        for shard in shards:
            watermark.tick(partition, offset, shard, at(minutes))


def test_nothing_is_heard_until_every_shard_has_ticked_in_every_partition() -> None:
    watermark = make()
    watermark.tick(0, 0, 0, at(1))
    watermark.tick(0, 0, 1, at(1))
    watermark.tick(1, 0, 0, at(1))
    assert not watermark.move()
    assert watermark.at is None
    watermark.tick(1, 0, 1, at(2))
    assert watermark.move()
    assert watermark.at == at(1)


def test_tick_beyond_a_gap_counts_only_once_the_gap_is_covered() -> None:
    watermark = make(shards=1, partitions=1)
    watermark.cover(0, 0, 4)
    watermark.tick(0, 8, 0, at(5))
    watermark.cover(0, 6, 9)
    assert not watermark.move()
    assert watermark.gaps() == {0: [(5, 5)]}
    watermark.cover(0, 5, 5)
    assert watermark.move()
    assert watermark.at == at(5)
    assert watermark.gaps() == {}
    assert watermark.partitions[0].covered == 10


def test_late_or_repeated_ticks_never_move_it_back() -> None:
    watermark = make()
    tick_all(watermark, 0, 10)
    watermark.move()
    tick_all(watermark, 0, 3)
    assert not watermark.move()
    assert watermark.at == at(10)


def test_excused_shard_is_not_waited_for_until_it_ticks_again_everywhere() -> None:
    watermark = make()
    tick_all(watermark, 0, 1)
    watermark.move()
    tick_all(watermark, 0, 7, shards=(0,))
    assert not watermark.move()
    watermark.excuse(1)
    assert watermark.move()
    assert watermark.at == at(7)
    watermark.tick(0, 0, 1, at(2))
    tick_all(watermark, 0, 9, shards=(0,))
    assert watermark.move()  # one partition is not everywhere
    assert watermark.at == at(9)
    watermark.tick(1, 0, 1, at(2))
    tick_all(watermark, 0, 12, shards=(0,))
    assert not watermark.move()  # it is back, with an old tick: waited for, but nothing steps back
    assert watermark.at == at(9)


def test_desk_without_any_shard_stands_still() -> None:
    watermark = make()
    tick_all(watermark, 0, 4)
    watermark.move()
    watermark.excuse(0)
    watermark.excuse(1)
    assert not watermark.move()
    assert watermark.at == at(4)


def test_unknown_shard_is_ignored() -> None:
    watermark = make()
    watermark.tick(0, 0, 99, at(1))
    watermark.excuse(99)
    assert watermark.excused == {}
    assert watermark.partitions[0].ticks == {}


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)), max_size=40), st.randoms())
def test_coverage_is_the_same_in_any_order_and_portion(runs: list[tuple[int, int]], chance: object) -> None:
    spans = [(first, first + length) for first, length in runs]
    straight, shuffled = make(1, 1), make(1, 1)
    for first, last in spans:
        straight.cover(0, first, last)
    chance.shuffle(spans)  # type: ignore[attr-defined]
    for first, last in spans + spans:
        shuffled.cover(0, first, last)
    assert shuffled.partitions == straight.partitions
    offsets = {offset for first, last in spans for offset in range(first, last + 1)}
    prefix = next(i for i in range(100) if i not in offsets)
    assert straight.partitions[0].covered == prefix
    beyond = {o for first, last in straight.partitions[0].runs for o in range(first, last + 1)}
    assert beyond == {o for o in offsets if o > prefix}
