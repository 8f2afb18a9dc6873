"""What a desk costs: memory of many themes, bytes of one theme's saved state, and how long a start takes.

    python benchmarks/footprint.py [--themes 10000] [--recover 12] [--per-hour 30] [--feeds 40]

Themes are brought to a steady state with Poisson news of one an hour each over eight days, from so many feeds; of many,
a hundred are counted and the others have the state of one of them, read anew from its saved bytes, as after a start.
Recovery is `memory.load` over the saved values of so many themes with 72 hours of stories, each of 800 characters.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[1:1] = [str(ROOT)]

from streams import grouping  # noqa: E402 - needs the path
from streams.advancing import advance  # noqa: E402
from streams.facts import Fact, Health, NewGeneration, Sighting, order_of  # noqa: E402
from streams.memory import STORY, THEME, Desk, load, snapshot  # noqa: E402
from streams.rules import Rules  # noqa: E402

T0 = datetime(2026, 3, 2, tzinfo=UTC)
COUNTED = 100
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ra", "se", "ti", "vo", "zu")
WORDS = [f"{a}{b}{c}" for a in SYLLABLES for b in SYLLABLES for c in SYLLABLES]  # 4,913


def main() -> None:
    """Print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--themes", type=int, default=10_000)
    parser.add_argument("--recover", type=int, default=12)
    parser.add_argument("--per-hour", type=float, default=30.0, help="articles of each recovered theme")
    parser.add_argument("--feeds", type=int, default=40)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores")
    themes(options.themes, options.feeds)
    recover(options.recover, options.per_hour, options.feeds)


def themes(number: int, feeds: int) -> None:
    """Measure the state of themes."""
    names = [f"theme-{n}" for n in range(COUNTED)]
    values = saved(names, days=8, per_hour=1.0, feeds=feeds, text=False)
    states = [value for key, value in values.items() if key.startswith(THEME)]
    sizes = [len(state) for state in states]
    print(f"{statistics.mean(sizes):>10,.0f} bytes of saved state a theme, {max(sizes):,} at most (wanted: 8,192)")
    many = {f"{THEME}theme-{n}": states[n % COUNTED] for n in range(number)}
    gc.collect()
    before = resident()
    began = time.perf_counter()
    desk = load(many)
    took = time.perf_counter() - began
    held = resident() - before
    print(f"{held / 2**20:>10,.0f} MiB for {len(desk.themes):,} themes (wanted: 200 MB), read back in {took:.1f} s")
    began = time.perf_counter()
    desk.state.now = T0 + timedelta(days=8)
    advance(desk, [], desk.state.now + timedelta(minutes=5), Rules())
    print(f"{time.perf_counter() - began:>10.2f} s to close one bucket of each")
    held = resident() - before
    print(f"{held / 2**20:>10,.0f} MiB then")


def recover(number: int, per_hour: float, feeds: int) -> None:
    """Measure how long a start takes."""
    names = [f"theme-{n}" for n in range(number)]
    values = saved(names, days=3, per_hour=per_hour, feeds=feeds, text=True)
    stories = sum(key.startswith(STORY) for key in values)
    size = sum(map(len, values.values())) / 1e6
    grouping._signature.cache_clear()  # a process that starts has none
    began, worked = time.perf_counter(), time.process_time()
    load(values)
    took, worked = time.perf_counter() - began, time.process_time() - worked
    what = f"{number} themes with 72 h of {stories:,} stories, {size:,.0f} MB"
    print(f"{took:>10.1f} s to recover {what} (wanted: 10 s); {worked:.1f} s of it at work")


def saved(names: list[str], *, days: int, per_hour: float, feeds: int, text: bool) -> dict[str, bytes]:
    """Return what a desk has saved that counted such news."""
    facts = sorted(news(names, days, per_hour, feeds, text), key=order_of)
    desk, _ = advance(Desk(), facts, T0 + timedelta(days=days), Rules())
    return {key: value for key, value in snapshot(desk).items() if value is not None}


def news(names: list[str], days: int, per_hour: float, feeds: int, text: bool) -> Iterator[Fact]:
    """Yield a configuration, feeds that answer, and articles."""
    chance, number = random.Random(1), 0
    yield NewGeneration(at=T0, effective=T0, config_hash="one", themes=tuple(names))
    for feed in range(feeds):
        yield Health(at=T0, effective=T0, feed_id=f"https-feed-{feed}", ok=True)
    for name in names:
        at = T0
        while (at := at + timedelta(hours=chance.expovariate(per_hour))) < T0 + timedelta(days=days):
            number += 1
            words = " ".join(chance.choices(WORDS, k=160 if text else 12))
            yield Sighting(
                at=at, effective=at, article_id=f"{number:032x}", revision=0, themes=(name,), terms=(("strait",),),
                event_at=at, is_news=True, story_key=f"{number:016x}", owner=f"Owner {number % 200}",
                title=words[:60], url=f"https://example.org/{number}", language="en",
                feed=f"https-feed-{chance.randrange(feeds)}", body=words[60:860],
            )  # fmt: skip


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
