"""How many polls a second one core does: fetch, read what is new, write it down; beside what most readers do.

    python benchmarks/polls.py [--feeds 1000] [--polls 20000] [--items 50]

Nine polls of ten end with 304, one brings two new items. Counted is the CPU time of the poller and of its parsing
processes, not that of the server; what is found waits in the outbox and is taken out of it, nothing is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import sqlite3
import sys
import tempfile
import time
import warnings
from contextlib import closing
from pathlib import Path

import aiohttp
import uvloop
from prometheus_client import CollectorRegistry

sys.path.insert(0, str(Path(__file__).parent / "parts"))
from fleet import fleet
from processes import cpu_s, own_cpu_s

from deskwatch.clock import SystemClock
from deskwatch.feedrecords import Feed
from producers.fetching.fetcher import Fetcher, create_session
from producers.metrics import Metrics
from producers.polling.poller import Poller
from producers.reading.workers import Workers
from producers.sending.ticking import HealthBook
from producers.settings import ProducerSettings
from producers.state.store import FILE, Store

SLOTS = 32


def main() -> None:
    """Run the benchmark and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=1_000)
    parser.add_argument("--polls", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=50)
    options = parser.parse_args()
    with fleet(items=options.items) as url:
        plain = asyncio.run(poll_plainly(url, 60))
        with tempfile.TemporaryDirectory() as directory:
            ours = uvloop.run(poll_all(url, Path(directory), options.feeds, options.polls))
    print(f"{plain:10,.0f} polls/s/core   peer: GET without validators, feedparser.parse(body)")
    print(f"{ours:10,.0f} polls/s/core   producers ({ours / plain:,.0f} times)")


async def poll_all(url: str, directory: Path, feeds: int, polls: int) -> float:
    """Return polls per second of CPU time, after a first poll of every feed."""
    clock, metrics = SystemClock(), Metrics(CollectorRegistry())
    settings = ProducerSettings(allow_private_addresses=True, contact="bench@post.example")
    store = Store(directory)
    fleet_feeds = [Feed(id=f"f{n}", url=f"{url}{n}", source=f"F{n}", interval_s=300) for n in range(feeds)]
    results: dict[str, int] = {}
    articles = 0

    async with create_session(settings, "1") as session, Workers(processes=1) as workers:
        poller = Poller(
            Fetcher(session, settings), workers, store, HealthBook(fleet_feeds, {}, clock.now()), clock, metrics,
            random=random.random, report=lambda poll: results.__setitem__(poll.result, results.get(poll.result, 0) + 1),
        )  # fmt: skip

        def send() -> bool:
            nonlocal articles
            waiting = store.outbox(max_articles=500, max_bytes=4 << 20)
            if waiting:
                articles += len(waiting)
                store.acknowledge([w.seq for w in waiting], "articles", {0: articles})
            return bool(waiting)

        async def poll_some(count: int) -> None:
            slots = asyncio.Semaphore(SLOTS)

            async def poll(feed: Feed) -> None:
                try:
                    await poller.poll(feed)
                finally:
                    slots.release()

            async with asyncio.TaskGroup() as tasks:
                for n in range(count):
                    await slots.acquire()
                    tasks.create_task(poll(fleet_feeds[n % feeds]))
                    if n % 50 == 0:
                        send()
            while send():
                pass

        await poll_some(feeds)
        results.clear()
        articles = 0
        before, started = cpu_s(os.getpid()), time.perf_counter()
        await poll_some(polls)
        used, took = cpu_s(os.getpid()) - before, time.perf_counter() - started
    store.close()
    with closing(sqlite3.connect(directory / FILE)) as db:  # without the pages that the outbox has left empty
        db.execute("VACUUM INTO ?", (str(directory / "packed"),))
    size = (directory / "packed").stat().st_size
    told = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
    print(f"{polls} polls: {told}; {articles} articles; {took:.1f} s wall, {used:.1f} s CPU")
    print(f"{size / feeds:10,.0f} bytes of state a feed, in SQLite; own CPU {own_cpu_s():.1f} s in all")
    return polls / used


async def poll_plainly(url: str, polls: int) -> float:
    """Return polls per second of CPU time of a reader that fetches everything and parses all of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import feedparser  # it warns when it is imported
    before = own_cpu_s()
    async with aiohttp.ClientSession() as session:
        for n in range(polls):
            async with session.get(f"{url}{n % 10}") as response:
                parsed = feedparser.parse(io.BytesIO(await response.read()))
                if not parsed.entries:
                    raise RuntimeError("no entries")
    return polls / (own_cpu_s() - before)


if __name__ == "__main__":
    main()
