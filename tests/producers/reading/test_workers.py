from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fakes import stub_reads

from deskwatch.errors import KillReason, ParseError, ParserKilled, ServiceError
from producers.reading.jobs import Job, Reading
from producers.reading.workers import LARGE_BYTES, MAX_SLOW, Workers

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TESTS = Path(stub_reads.__file__).parent.parent

Run = Callable[[Coroutine[Any, Any, None]], None]


def job(command: str, feed_id: str = "a", size: int = 0) -> Job:
    """Return a job for `stub_reads.obey`."""
    return Job(feed_id=feed_id, body=command.encode().ljust(size), now=NOW)


@pytest.fixture(autouse=True)
def _stubs_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{TESTS.parent}:{TESTS}")  # in this order: there is a tests/producers too


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    if request.param == "uvloop":
        import uvloop

        return lambda main: uvloop.run(main)
    return asyncio.run


def workers(**options: Any) -> Workers:
    return Workers(**{"processes": 1, "read": "fakes.stub_reads:obey", **options})


async def killed(workers: Workers, job: Job, **options: Any) -> KillReason:
    with pytest.raises(ParserKilled) as caught:
        await workers.read(job, **options)
    assert caught.value.feed == job.feed_id
    return caught.value.reason


async def pid_of(workers: Workers, feed_id: str = "a", **options: Any) -> int:
    return (await workers.read(job("pid", feed_id, **options))).total


def test_a_job_goes_there_and_a_reading_comes_back(run: Run) -> None:
    async def main() -> None:
        async with workers() as reading:
            body = os.urandom(3_000_000)
            found = await reading.read(Job(feed_id="a", body=b"size " + body, known=b"x", now=NOW))
            assert found == Reading(items=(), total=len(body) + 5, standing=b"x", parser=NOW.isoformat())

    run(main())


def test_every_way_to_end_a_process_has_its_reason_and_the_next_job_is_read(run: Run) -> None:
    async def main() -> None:
        heard: list[KillReason] = []
        expected = []
        for limits, commands, reason in (
            ({"cpu_s": 0.1}, ("burn", "burn in C"), KillReason.CPU),
            ({"wall_s": 0.2}, ("wait",), KillReason.TIME),
            ({"memory_bytes": 150_000_000}, ("eat",), KillReason.MEMORY),
            ({}, ("exit", "abort"), KillReason.CRASH),
        ):
            async with workers(on_kill=heard.append, **limits) as reading:
                for command in commands:
                    assert await killed(reading, job(command)) is reason, command
                    assert await pid_of(reading)
                    expected.append(reason)
        assert heard == expected

    run(main())


def test_an_answer_too_large_for_us_is_refused() -> None:
    async def main() -> None:
        async with workers() as reading:
            assert await killed(reading, job("flood")) is KillReason.MEMORY

    asyncio.run(main())


def test_processes_forked_at_the_same_time_are_not_mixed_up() -> None:
    async def main() -> None:
        async with workers(processes=4, wall_s=0.3) as reading:
            commands = {"wait": KillReason.TIME, "exit": KillReason.CRASH, "abort": KillReason.CRASH}
            found = await asyncio.gather(*(killed(reading, job(command, command)) for command in commands))
            assert dict(zip(commands, found, strict=True)) == commands

    asyncio.run(main())


def test_cpu_time_is_counted_anew_for_each_job() -> None:
    async def main() -> None:
        async with workers(cpu_s=0.3) as reading:
            pids = [(await reading.read(job("work 0.15"), suspect=True)).total for _ in range(4)]
        assert len(set(pids)) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("refuse", "parsing feed a: this is no feed"),
        ("recurse", "parsing feed a: RecursionError: "),
        ("break", "parsing feed a: ZeroDivisionError: "),
    ],
)
def test_a_refusal_costs_no_process(command: str, text: str) -> None:
    async def main() -> None:
        async with workers() as reading:
            before = await pid_of(reading)
            with pytest.raises(ParseError) as caught:
                await reading.read(job(command))
            assert str(caught.value).startswith(text)
            assert not isinstance(caught.value, ParserKilled)
            assert await pid_of(reading) == before

    asyncio.run(main())


def test_a_process_is_replaced_after_its_share_of_jobs() -> None:
    async def main() -> None:
        async with workers(recycle=3) as reading:
            pids = [await pid_of(reading) for _ in range(9)]
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3]

    asyncio.run(main())


def test_a_process_that_grew_large_is_replaced_though_it_answered() -> None:
    async def main() -> None:
        async with workers(memory_bytes=400_000_000) as reading:
            before = await pid_of(reading)
            await reading.read(job("grow 150000000"))
            assert await pid_of(reading) != before

    asyncio.run(main())


def test_slow_jobs_leave_their_lane_to_others() -> None:
    async def main() -> None:
        async with workers(cpu_s=2, wall_s=1) as reading:
            slow = [asyncio.create_task(killed(reading, job("wait", f"slow{n}"))) for n in range(MAX_SLOW)]
            began = time.monotonic()
            await pid_of(reading, "quick")
            assert time.monotonic() - began < 0.25 * MAX_SLOW + 0.9
            assert [await one for one in slow] == [KillReason.TIME] * MAX_SLOW

    asyncio.run(main())


def test_large_and_suspect_documents_never_hold_up_others_and_go_one_by_one() -> None:
    async def main() -> None:
        async with workers(wall_s=0.5) as reading:
            began = time.monotonic()
            suspect = asyncio.create_task(killed(reading, job("wait", "suspect"), suspect=True))
            large = asyncio.create_task(killed(reading, job("wait", "large", size=LARGE_BYTES + 1)))
            await pid_of(reading, "quick")
            assert time.monotonic() - began < 0.4
            assert await suspect is KillReason.TIME
            assert not large.done()
            assert await large is KillReason.TIME
            assert time.monotonic() - began >= 1

    asyncio.run(main())


def test_one_feed_has_one_job_at_a_time() -> None:
    async def main() -> None:
        async with workers(processes=2, wall_s=0.4) as reading:
            first = asyncio.create_task(killed(reading, job("wait", "same")))
            await asyncio.sleep(0)
            second = asyncio.create_task(pid_of(reading, "same"))
            assert await pid_of(reading, "other")
            assert not second.done()
            await first
            assert await second

    asyncio.run(main())


def test_a_cancelled_job_gives_its_place_back() -> None:
    async def main() -> None:
        async with workers(wall_s=5) as reading:
            task = asyncio.create_task(reading.read(job("wait", "a"), suspect=True))
            await asyncio.sleep(0)
            await pid_of(reading, "b")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            began = time.monotonic()
            await reading.read(job("pid", "a"), suspect=True)
            assert time.monotonic() - began < 2

    asyncio.run(main())


def test_when_everything_is_killed_from_outside_the_job_is_read_again() -> None:
    async def main() -> None:
        async with workers() as reading:
            parent = (await reading.read(job("parent"))).total
            os.kill(parent, signal.SIGKILL)
            async with asyncio.timeout(10):
                while (await reading.read(job("parent"))).total == parent:  # until the news has spread
                    pass

    asyncio.run(main())


def test_closing_ends_everything_and_jobs_in_it(run: Run) -> None:
    async def main() -> None:
        reading = workers()
        await reading.start()
        pids = [await pid_of(reading), (await reading.read(job("parent"))).total]
        task = asyncio.create_task(reading.read(job("wait")))
        await asyncio.sleep(0)
        await reading.close()
        with pytest.raises(ServiceError):
            await task
        for pid in pids:
            await gone(pid)

    run(main())


def test_processes_end_with_whoever_started_them() -> None:
    async def main() -> None:
        reading = workers()
        await reading.start()
        pids = [await pid_of(reading), (await reading.read(job("parent"))).total]
        # what the end of a process does
        reading._forker._control.shutdown(2)  # type: ignore[union-attr]
        reading._lane.close()
        for pid in pids:
            await gone(pid)
        await reading.close()

    asyncio.run(main())


async def gone(pid: int) -> None:
    """Wait for a process to end."""
    async with asyncio.timeout(5):
        while True:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                return
            if state == "Z":  # killed; whoever adopted it has yet to notice
                return
            await asyncio.sleep(0.01)


def test_a_reader_that_cannot_be_imported_is_an_error_at_the_start() -> None:
    async def main() -> None:
        with pytest.raises(ServiceError):
            await workers(read="no.such:thing").start()

    asyncio.run(main())


def test_a_process_cannot_write_files_or_start_others(tmp_path: Path) -> None:
    async def main() -> None:
        async with workers() as reading:
            with pytest.raises(ParseError, match="File too large"):
                await reading.read(job(f"write {tmp_path / 'x'}"))

    asyncio.run(main())
