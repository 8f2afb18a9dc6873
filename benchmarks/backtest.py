"""How long `deskwatch backtest` takes for an archive of a million articles, with classification and on stored themes.

    python benchmarks/backtest.py [CORPUS.jsonl.gz...] [--articles 1000000] [--days 365] [--by fit]

The corpora are repeated in time until there are enough articles: each copy is new (id, title, time), and
they are spread over so many days. Peak memory is that of the whole family of processes, sampled.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DESKWATCH = str(Path(sys.executable).parent / "deskwatch")
DATA = Path(os.environ.get("DESKWATCH_DATA") or Path(__file__).parents[2] / "shared" / "data")
START = datetime(2025, 1, 1, tzinfo=UTC)
PROBE_S = 0.5
PAGE_BYTES = 4096


def main() -> None:
    """Run the benchmark and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="*", default=sorted(DATA.glob("corpora/*.jsonl.gz")))
    parser.add_argument("--articles", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--by", default="fit")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        archive, stored = Path(directory) / "archive.jsonl", Path(directory) / "stored.jsonl"
        write(archive, articles(options.corpora, options.articles, options.days))
        print(f"{options.articles:,} articles over {options.days} days, {archive.stat().st_size / 1e6:,.0f} MB")
        run("with classification", archive, options.by)
        judged = subprocess.Popen([DESKWATCH, "classify", str(archive)], stdout=subprocess.PIPE)
        write(stored, with_themes(archive, judged.stdout))
        run("on stored themes", stored, options.by)


def articles(corpora: list[Path], count: int, days: int) -> Iterator[dict[str, Any]]:
    """Yield the articles of the corpora again and again, each time others, spread evenly over the days."""
    chance = random.Random(1)
    lines = [json.loads(line) for path in corpora for line in gzip.decompress(path.read_bytes()).splitlines()]
    chance.shuffle(lines)
    for number, line in enumerate(itertools.islice(itertools.cycle(lines), count)):
        text = line.get("text") or line.get("summary") or ""
        at = START + timedelta(days=days) * (number / count) + timedelta(seconds=chance.randrange(3600))
        yield {
            "id": f"a{number}",
            "title": f"{line.get('title') or text[:80]} ({number // len(lines)})",
            "text": text[:1000],
            "source": line.get("source"),
            "published": at.isoformat(),
        }


def with_themes(archive: Path, verdicts: Any) -> Iterator[dict[str, Any]]:
    """Yield the articles with the themes that `deskwatch classify` gave them."""
    with archive.open() as file:
        for line, verdict in zip(file, verdicts, strict=True):
            names = [{"theme": one["theme"], "score": one["score"]} for one in json.loads(verdict)["themes"]]
            yield json.loads(line) | {"themes": names}


def write(path: Path, lines: Iterator[dict[str, Any]]) -> None:
    """Write JSON lines."""
    with path.open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def run(name: str, archive: Path, by: str) -> None:
    """Time one run of the command."""
    began = time.monotonic()
    process = subprocess.Popen(
        [DESKWATCH, "backtest", str(archive), "--by", by], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peak = [0]
    watcher = threading.Thread(target=watch, args=(process, peak))
    watcher.start()
    out, said = process.communicate()
    took = time.monotonic() - began
    watcher.join()
    if process.returncode:
        sys.exit(said)
    print(f"{took:>8.0f} s, {peak[0] / 2**20:,.0f} MiB at most, {len(out.splitlines())} episodes: {name}")
    print("         " + said.splitlines()[0])


def watch(process: subprocess.Popen[str], peak: list[int]) -> None:
    """Keep the largest sum of resident memory of a process and its children."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(resident, [process.pid, *children(process.pid)])))
        time.sleep(PROBE_S)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


if __name__ == "__main__":
    main()
