"""Hostile documents through the parsing processes: each ends as a reading or a refusal, and nobody else waits."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes import hostile_feeds, measured_reads

from deskwatch.errors import KillReason, ParserKilled
from producers.reading.jobs import Item, Job, Reading
from producers.reading.workers import Workers

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TESTS = Path(measured_reads.__file__).parent.parent
HEALTHY = hostile_feeds.rss(*(hostile_feeds.item(f"Title {number}") for number in range(20)))
MEMORY_MB = 512
CPU_S = 2.0
TICK_S = 0.05  # of CPU clocks, and for noticing
MAX_DELAY_S = 1.0
QUICK = [
    "entities: billion laughs", "entities: quadratic", "attributes, 20,000", "categories, 10,000", "comments, 40,000",
    "namespaces, 50,000", "JSON a million deep", *hostile_feeds.SLY,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _fakes_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{TESTS.parent}:{TESTS}")  # in this order: there is a tests/producers too


def job(feed_id: str, body: bytes) -> Job:
    return Job(feed_id=feed_id, body=body, url="http://post.example/feed", content_type="text/xml", now=NOW)


async def read_beside(workers: Workers, name: str) -> tuple[Reading | KillReason, float]:
    """Return what becomes of a hostile document, and the longest that a healthy feed took meanwhile."""
    task = asyncio.create_task(workers.read(job(name, hostile_feeds.DOCUMENTS[name]())))
    longest = 0.0
    while True:
        began = time.monotonic()
        healthy = await workers.read(job("healthy", HEALTHY))
        longest = max(longest, time.monotonic() - began)
        assert len(healthy.items) == 20
        if task.done():
            break
        await asyncio.wait([task], timeout=0.05)
    try:
        return task.result(), longest
    except ParserKilled as error:
        return error.reason, longest


def judge(name: str, outcome: Reading | KillReason, delay_s: float) -> None:
    """Hold what the figures promise."""
    assert delay_s < MAX_DELAY_S, name
    if isinstance(outcome, Reading):
        cpu_s, peak_mb = map(float, outcome.parser.split())
        assert cpu_s <= CPU_S + TICK_S, name
        assert peak_mb <= MEMORY_MB, name
        for item in outcome.items:
            judge_item(name, item)
    else:
        assert outcome in (KillReason.CPU, KillReason.MEMORY), name


def judge_item(name: str, item: Item) -> None:
    """Nothing that a terminal, browser, chat or mail could take for an order is left in an item."""
    for text in (item.title, item.url, item.text or "", *item.authors, *item.categories):
        assert not {c for c in text if c < " " and c != "\n"}, name
        assert not set(text) & set("\x7f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"), name
    assert "\n" not in item.title, name
    assert "alert(1)" not in item.title, name
    assert not item.url or item.url.startswith(("http://", "https://")), name
    assert "root:" not in item.title + (item.text or ""), name
    item.title.encode()  # no surrogates
    assert len(item.title) <= 512, name
    assert len(item.url) <= 2_048, name


def run(names: list[str]) -> dict[str, Reading | KillReason]:
    async def main() -> dict[str, Reading | KillReason]:
        found = {}
        async with Workers(processes=1, read="fakes.measured_reads:read", recycle=1) as workers:
            for name in names:
                found[name], delay_s = await read_beside(workers, name)
                judge(name, found[name], delay_s)
        return found

    return asyncio.run(main())


@pytest.mark.slow
def test_small_hostile_documents_are_survived() -> None:
    found = run(QUICK)
    assert [name for name, outcome in found.items() if not isinstance(outcome, Reading)] == []


@pytest.mark.system
def test_all_hostile_documents_are_survived() -> None:
    assert len(run(list(hostile_feeds.DOCUMENTS))) == len(hostile_feeds.DOCUMENTS) >= 47


def test_a_herd_of_killers_does_not_hold_up_a_healthy_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Workers(processes=2, read="fakes.stub_reads:obey", cpu_s=0.5) as workers:
            herd = [asyncio.create_task(workers.read(job(f"killer{n}", b"burn in C"))) for n in range(5)]
            await asyncio.sleep(0)
            began = time.monotonic()
            await workers.read(job("healthy", b"pid"))
            assert time.monotonic() - began < MAX_DELAY_S
            for task in herd:
                with contextlib.suppress(ParserKilled):
                    await task

    asyncio.run(main())
