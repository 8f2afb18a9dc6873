"""How long an article takes from its document's arrival to the broker's acknowledgement, at 200 articles a second.

    python benchmarks/latency.py [--feeds 6000] [--seconds 60]

One `deskwatch produce` on one real broker; each feed is polled once a minute and brings two new items each time.
Quantiles are read off the producer's own histogram and are the upper bounds of its buckets.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "parts"))
from broker import Broker
from fleet import fleet
from producing import find_metrics, read_metrics, start_producer, write_config

BOUNDS = ("0.01", "0.025", "0.05", "0.1", "0.15", "0.25", "0.4", "0.5", "1.0", "5.0", "60.0", "3600.0")
NAME = "deskwatch_article_acknowledged_seconds"
SPREAD_S = 310  # over which the first polls are spread


def main() -> None:
    """Run the benchmark and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=6_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, fleet(items=6, pace=1.0) as url:
        directory = Path(name)
        broker = Broker(directory / "kafka")
        broker.start()
        write_config(directory / "config", url, options.feeds, interval_s=60)
        producer = start_producer(directory, broker.bootstrap)
        try:
            measure(producer, find_metrics(directory / "log"), options.seconds)
        finally:
            producer.terminate()
            producer.wait(60)
            broker.stop()


def measure(producer: subprocess.Popen[bytes], metrics: str, seconds: float) -> None:
    """Wait until every feed has been polled, then watch for some time and print quantiles."""
    time.sleep(SPREAD_S)
    before, began = read_metrics(metrics), time.monotonic()
    time.sleep(seconds)
    if producer.poll() is not None:
        sys.exit("the producer ended")
    after, took = read_metrics(metrics), time.monotonic() - began
    count = after(f"{NAME}_count") - before(f"{NAME}_count")
    print(f"{count / took:10,.0f} articles/s acknowledged over {took:.0f} s")
    for share in (0.5, 0.9, 0.99, 0.999):
        print(f"{quantile(before, after, share, count) * 1000:10,.0f} ms  p{share * 100:g} at most")


def quantile(before: Callable[[str], float], after: Callable[[str], float], share: float, count: float) -> float:
    """Return the upper bound of the bucket in which a quantile lies."""
    for bound in BOUNDS:
        sample = f'{NAME}_bucket{{le="{bound}"}}'
        if after(sample) - before(sample) >= share * count:
            return float(bound)
    return float("inf")


if __name__ == "__main__":
    main()
