from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from deskwatch.clock import SteppedClock, SystemClock

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.lists(st.integers(-100, 100)))
def test_stepped_clock_jumps_forward_only(steps: list[int]) -> None:
    async def walk() -> None:
        clock = SteppedClock(START)
        for step in steps:
            before = clock.now()
            at = START + timedelta(seconds=step)
            await clock.sleep_until(at)
            assert clock.now() == max(before, at)

    asyncio.run(walk())


def test_gate_is_passed_before_the_jump() -> None:
    seen: list[tuple[datetime, datetime]] = []

    async def walk() -> None:
        clock = SteppedClock(START, lambda at: seen.append((clock.now(), at)))
        await clock.sleep_until(START + timedelta(hours=1))
        await clock.sleep_until(START + timedelta(hours=2))

    asyncio.run(walk())
    hour = timedelta(hours=1)
    assert seen == [(START, START + hour), (START + hour, START + 2 * hour)]


def test_gate_that_blocks_does_not_block_the_loop() -> None:
    async def walk() -> None:
        loop = asyncio.get_running_loop()
        turned = asyncio.Event()

        def gate(at: datetime) -> None:
            asyncio.run_coroutine_threadsafe(turned.wait(), loop).result(10)

        sleeper = asyncio.create_task(SteppedClock(START, gate).sleep_until(START + timedelta(days=1)))
        await asyncio.sleep(0)
        turned.set()
        await asyncio.wait_for(sleeper, 10)

    asyncio.run(walk())


def test_system_clock_sleeps_until_the_instant_and_is_in_utc() -> None:
    clock = SystemClock()
    at = clock.now() + timedelta(milliseconds=30)
    asyncio.run(clock.sleep_until(at))
    assert clock.now() >= at
    assert clock.now().utcoffset() == timedelta(0)


def test_system_clock_does_not_sleep_for_the_past() -> None:
    clock = SystemClock()
    asyncio.run(asyncio.wait_for(clock.sleep_until(clock.now() - timedelta(days=1)), 1))
