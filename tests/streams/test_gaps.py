from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.gaps import Gap, GapWatch


class Desk:
    """Partition 0 of `articles` as a watch sees it, asked every half second."""

    def __init__(self, **settings: float) -> None:
        self.watch = GapWatch(**({"gap_s": 5.0, "stall_s": 15.0, "again_s": 30.0} | settings))
        self.covered: set[int] = set()
        self.end = 0
        self.now_s = 1000.0

    def ask(self) -> list[Gap]:
        first = next(offset for offset in itertools.count() if offset not in self.covered)
        runs: list[tuple[int, int]] = []
        for offset in sorted(offset for offset in self.covered if offset > first):
            if runs and runs[-1][1] == offset - 1:
                runs[-1] = (runs[-1][0], offset)
            else:
                runs.append((offset, offset))
        self.now_s += 0.5
        return self.watch.find(self.now_s, {0: first}, {0: runs}, {0: self.end})

    def pass_s(self, seconds: float) -> list[Gap]:
        return [gap for _ in range(round(seconds * 2)) for gap in self.ask()]


def test_nothing_is_mended_while_all_is_covered() -> None:
    desk = Desk()
    desk.end = 10
    desk.covered.update(range(10))
    assert desk.pass_s(100) == []


def test_gap_is_mended_after_it_stayed_and_not_before() -> None:
    desk = Desk()
    desk.end = 10
    desk.covered.update({0, 1, 2, 6, 7, 8, 9})
    assert desk.pass_s(5) == []
    assert desk.pass_s(1) == [Gap(0, 3, 5)]


def test_gap_that_closes_by_itself_is_let_be() -> None:
    desk = Desk()
    desk.end = 10
    desk.covered.update({0, 1, 2, 6, 7, 8, 9})
    assert desk.pass_s(4) == []
    desk.covered.update({3, 4, 5})
    assert desk.pass_s(20) == []


def test_gap_that_is_being_filled_from_below_is_let_be() -> None:
    desk = Desk()
    desk.end = 100
    desk.covered.update(range(90, 100))
    for offset in range(30):
        assert desk.pass_s(1) == []
        desk.covered.add(offset)


def test_every_gap_of_a_partition_is_found() -> None:
    desk = Desk()
    desk.end = 10
    desk.covered.update({0, 2, 3, 6, 9})
    assert desk.pass_s(6) == [Gap(0, 1, 1), Gap(0, 4, 5), Gap(0, 7, 8)]


def test_backlog_without_progress_is_mended() -> None:
    desk = Desk()
    desk.covered.update(range(10))
    desk.end = 25
    assert desk.pass_s(15) == []
    assert desk.pass_s(1) == [Gap(0, 10, 24)]


def test_backlog_that_shrinks_however_slowly_is_let_be() -> None:
    desk = Desk()
    desk.end = 1000
    for offset in range(10):
        assert desk.pass_s(14) == []
        desk.covered.add(offset)


def test_backlog_is_timed_from_when_it_came_not_from_the_last_progress() -> None:
    desk = Desk()
    desk.covered.update(range(10))
    desk.end = 10
    assert desk.pass_s(3600) == []
    desk.end = 11
    assert desk.pass_s(15) == []
    assert desk.pass_s(1) == [Gap(0, 10, 10)]


def test_range_handed_out_is_left_alone_for_a_while_and_then_comes_again() -> None:
    desk = Desk()
    desk.end = 10
    desk.covered.update({0, 9})
    assert desk.pass_s(6) == [Gap(0, 1, 8)]
    desk.covered.add(1)  # the mend is under way: what is left of the range is no new gap
    assert desk.pass_s(28) == []
    assert desk.pass_s(8) == [Gap(0, 2, 8)]


def test_time_in_which_the_watch_was_not_asked_proves_nothing() -> None:
    desk = Desk()
    desk.end = 10
    desk.covered.update({0, 9})
    desk.ask()
    desk.now_s += 3600  # the process was stopped, and goes on
    assert desk.ask() == []
    assert desk.pass_s(5) == [Gap(0, 1, 8)]


def test_clock_that_steps_back_changes_nothing() -> None:
    desk = Desk()
    desk.end = 10
    desk.covered.update({0, 9})
    desk.ask()
    desk.now_s -= 100
    assert desk.pass_s(6) == [Gap(0, 1, 8)]


def test_partition_that_nobody_covered_yet_counts_from_its_beginning() -> None:
    watch = GapWatch(gap_s=5, stall_s=15)
    assert watch.find(0.0, {}, {}, {4: 3}) == []
    for now_s in range(1, 15):
        watch.find(float(now_s), {}, {}, {4: 3})
    assert watch.find(15.0, {}, {}, {4: 3}) == [Gap(4, 0, 2)]


@given(covered=st.sets(st.integers(0, 40)), end=st.integers(0, 41))
def test_all_that_stays_uncovered_is_handed_out_once_and_nothing_else(covered: set[int], end: int) -> None:
    desk = Desk(again_s=1000.0)
    desk.covered = {offset for offset in covered if offset < end}
    desk.end = end
    offsets = [offset for gap in desk.pass_s(40) for offset in range(gap.first, gap.last + 1)]
    assert sorted(offsets) == [offset for offset in range(end) if offset not in desk.covered]


@pytest.mark.parametrize("seconds", [6, 60, 600])
def test_partitions_are_independent(seconds: int) -> None:
    watch = GapWatch(gap_s=5, stall_s=15, again_s=10_000)
    found = [
        gap
        for now in range(seconds)
        for gap in watch.find(float(now), {0: 5, 1: now}, {0: [(7, 9)], 1: []}, {0: 10, 1: 10_000})
    ]
    assert found == [Gap(0, 5, 6)]
