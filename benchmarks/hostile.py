"""What hostile feeds cost: each through a parsing process, with a healthy feed read beside it all the while.

    python benchmarks/hostile.py [--only WORD] [--peer]

CPU and memory are those of the process that read the document; `delay` is the longest that the healthy feed took.
With `--peer`, plain feedparser reads each document too, in a process that is killed after 10 s.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[1:1] = [str(ROOT), str(ROOT / "tests")]  # the hostile documents live with the tests

from fakes import hostile_feeds  # noqa: E402

from deskwatch.errors import ParserKilled  # noqa: E402 - needs the path
from producers.reading.jobs import Job  # noqa: E402
from producers.reading.workers import Workers  # noqa: E402

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HEALTHY = hostile_feeds.rss(*(hostile_feeds.item(f"Title {number}") for number in range(20)))
PEER_S = 10.0


def main() -> None:
    """Print one line per document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="documents whose name has this in it")
    parser.add_argument("--peer", action="store_true", help="plain feedparser beside")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = f"{ROOT}:{ROOT / 'tests'}"
    names = [name for name in hostile_feeds.DOCUMENTS if options.only in name]
    asyncio.run(measure(names, peer=options.peer))


async def measure(names: list[str], *, peer: bool) -> None:
    """Read the documents one after the other."""
    print(f"{os.cpu_count()} cores")
    print(f"{'document':36}{'MB':>7}  {'outcome':22}{'CPU s':>7}{'peak MB':>9}{'delay s':>9}", "  feedparser s" * peer)
    async with Workers(processes=1, read="fakes.measured_reads:read", recycle=1) as workers:
        for name in names:
            body = hostile_feeds.DOCUMENTS[name]()
            outcome, cpu, peak, delay_s = await read(workers, name, body)
            beside = f"  {await asyncio.to_thread(time_peer, body):>12}" if peer else ""
            print(f"{name:36}{len(body) / 1e6:>7.2f}  {outcome:22}{cpu:>7}{peak:>9}{delay_s:>9.2f}{beside}", flush=True)


async def read(workers: Workers, name: str, body: bytes) -> tuple[str, str, str, float]:
    """Return the outcome, CPU seconds and peak MB of a document, and the longest that the healthy feed took."""
    task = asyncio.create_task(workers.read(_job(name, body)))
    longest = 0.0
    while not task.done():
        began = time.perf_counter()
        await workers.read(_job("healthy", HEALTHY))
        longest = max(longest, time.perf_counter() - began)
        await asyncio.wait([task], timeout=0.02)
    try:
        found = task.result()
    except ParserKilled as error:
        return f"killed: {error.reason}", "", "", longest
    cpu, peak = found.parser.split()
    return "refused" if found.total < 0 else f"{len(found.items)} items", cpu, peak, longest


def time_peer(body: bytes) -> str:
    """Return how long plain feedparser takes, or how it ends."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_parse, args=(body,))
    process.start()
    began = time.perf_counter()
    process.join(PEER_S)
    took = time.perf_counter() - began
    if process.is_alive():
        process.kill()
        process.join()
        return f"> {PEER_S:.0f}"
    return f"{took:.2f}" if process.exitcode == 0 else "raises"


def _parse(body: bytes) -> None:
    import io

    import feedparser

    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for the process's whole life
    feedparser.parse(io.BytesIO(body))


def _job(feed_id: str, body: bytes) -> Job:
    return Job(feed_id=feed_id, body=body, url="http://post.example/feed", content_type="text/xml", now=NOW)


if __name__ == "__main__":
    main()
