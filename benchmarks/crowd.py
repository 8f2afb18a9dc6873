"""Twenty thousand feeds on five-minute polls by one `deskwatch produce` on a real Kafka: how late, how big, what lost.

    python benchmarks/crowd.py [--feeds 20000] [--items 30] [--minutes 12] [--outage 0]

Nine polls of ten end with 304, one brings two new items; the first poll of each feed brings all of its. With `--outage`
the broker is away for so many minutes after the first `--minutes`, then comes back, and what it has is compared with
what the feeds showed.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "parts"))
from broker import Broker
from fleet import fleet
from processes import cpu_s, rss_bytes
from producing import find_metrics, read_metrics, start_producer, write_config

from deskwatch.clients import read_topic
from deskwatch.records import Article
from deskwatch.settings import Settings

ROOT = Path(__file__).parents[1]
MB = 1024 * 1024


def main() -> None:
    """Run the benchmark and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--outage", type=float, default=0.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, fleet(items=options.items) as url:
        directory = Path(name)
        broker = Broker(directory / "kafka")
        broker.start()
        try:
            run(directory, broker, url, options)
        finally:
            broker.stop()


def run(directory: Path, broker: Broker, url: str, options: argparse.Namespace) -> None:
    """Let one producer work, and print what it needed and what came of it."""
    write_config(directory / "config", url, options.feeds)
    settings = Settings(kafka_bootstrap=broker.bootstrap)
    producer = start_producer(directory, broker.bootstrap)
    try:
        began = time.monotonic()
        metrics = find_metrics(directory / "log")
        peaks = Peaks(producer.pid)
        print(f"{options.feeds} feeds of {options.items} items; the first poll was possible after "
              f"{time.monotonic() - began:.1f} s")  # fmt: skip
        peaks.watch(options.minutes, "at work", metrics)
        if options.outage:
            broker.stop()
            peaks.watch(options.outage, "broker away", metrics)
            broker.start()
            peaks.watch(2.0, "broker back", metrics)
        tell(read_metrics(metrics), cpu_s(producer.pid), time.monotonic() - began)
    finally:
        producer.terminate()
        producer.wait(60)
    print(f"{state_bytes(directory / 'var' / 'producers.sqlite') / options.feeds:12,.0f} bytes of state a feed")
    compare(settings, url)


class Peaks:
    """The memory of a process and of those below it, watched for some minutes."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def watch(self, minutes: float, name: str, metrics: str) -> None:
        """Look twice a second, and print the most and the last."""
        until, most, all_most = time.monotonic() + 60 * minutes, 0, 0
        own = total = 0
        while time.monotonic() < until:
            own, total = rss_bytes(self._pid)
            most, all_most = max(most, own), max(all_most, total)
            time.sleep(0.5)
        value = read_metrics(metrics)
        waiting = value("deskwatch_outbox_articles")
        print(f"{most / MB:12,.0f} MB at most, {own / MB:,.0f} at the end ({name}); {waiting:,.0f} articles waiting")
        print(f"{all_most / MB:12,.0f} MB at most together with its parsers, shared pages counted for each")


def tell(value: Callable[[str], float], used_s: float, took_s: float) -> None:
    """Print what the metrics say of the polls."""
    name = "deskwatch_feed_poll_late_seconds"
    polls = value(f"{name}_count")
    for limit in ("1.0", "10.0", "30.0"):
        late = polls - value(f'{name}_bucket{{le="{limit}"}}')
        print(f"{late:12,.0f} of {polls:,.0f} polls began more than {limit} s late")
    acked = value("deskwatch_article_acknowledged_seconds_count")
    within = value('deskwatch_article_acknowledged_seconds_bucket{le="0.5"}')
    print(
        f"{acked:12,.0f} articles acknowledged, {within / max(acked, 1):.1%} within 0.5 s of their document's arrival"
    )
    print(f"{used_s / took_s:12.2f} cores used in all")


def state_bytes(path: Path) -> int:
    """Return the size of a state file without the pages that the outbox has left empty."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM INTO ?", (str(path.with_name("packed")),))
    return path.with_name("packed").stat().st_size


def compare(settings: Settings, url: str) -> None:
    """Print how the articles on the broker compare with what the feeds showed."""
    with urllib.request.urlopen(url.removesuffix("/f/") + "/shown") as response:
        shown = json.load(response)
    wanted = {f"urn:news:{feed}:{number}" for feed, last in shown.items() for number in range(last, 0, -1)}
    found: dict[str, int] = {}
    for _, record in read_topic(settings, "articles"):
        if isinstance(record, Article) and record.guid:
            found[record.guid] = found.get(record.guid, 0) + 1
    lost = len(wanted - found.keys())
    twice = sum(count > 1 for count in found.values())
    print(f"{len(wanted):12,} items shown, {len(found):,} on the broker: {lost} lost, {twice} twice")


if __name__ == "__main__":
    main()
