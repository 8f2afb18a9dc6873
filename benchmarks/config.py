"""Subscription files of a ministry: how long a check and a reload take, and how well mistakes are told.

Makes 1,000 subscribers with two targets and three subscriptions each, in one file and in a thousand, with the themes of
`config/`; measures the check in processor time, each in a process of its own, and the time from an edit to its taking
over, or to its refusal, in wall time. For comparison the same file is read by ruamel.yaml alone. Then it
spoils a rich file: by hand-made mutations, and by every deletion, insertion and change of place of one letter.

    python benchmarks/config.py [--subscribers 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fakes.mutations import MUTATIONS, RICH, is_located, is_useful, told
from prometheus_client import CollectorRegistry

from alerting.metrics import Metrics
from alerting.reloading import Reloader
from alerting.rules.subscriptions import check, load
from deskwatch.clock import SystemClock
from deskwatch.nodes import compose

THEMES = Path(__file__).parent.parent / "config" / "themes"
RUNS = 5
LETTERS = "abc1 :,-#\"'[]{}\n&*!|>%@"


def desks(first: int, last: int) -> str:
    """Return a subscription file with these desks."""
    subscribers, subscriptions = ["subscribers:"], ["subscriptions:"]
    for i in range(first, last):
        subscribers.append(
            f"  - name: desk-{i}\n    timezone: Europe/Paris\n    targets:\n"
            f"      - {{name: mail, email: desk-{i}@example.org, max_per_hour: 6}}\n"
            f'      - {{name: slack, slack: "#desk-{i}", quiet_hours: {{days: mon-fri, from: "20:00", to: "07:00"}}}}'
        )
        subscriptions += [
            f"  - name: desk-{i}-{j}\n    subscriber: desk-{i}\n    themes: [taiwan, tariffs]\n"
            "    min_severity: medium\n    only: {languages: [en, zh]}"
            for j in range(3)
        ]
    return "\n".join([*subscribers, *subscriptions, ""])


def make(directory: Path, subscribers: int, files: int) -> Path:
    """Write a configuration and return its directory."""
    (directory / "subscriptions").mkdir(parents=True)
    shutil.copytree(THEMES, directory / "themes")
    each = subscribers // files
    for number in range(files):
        text = desks(number * each, (number + 1) * each)
        (directory / "subscriptions" / f"desks-{number}.yaml").write_text(text)
    return directory


def check_once(directory: Path) -> float:
    """Return the processor seconds of a check, in a new process without what an earlier one remembers."""
    began = time.process_time()
    assert check(directory) == []
    return time.process_time() - began


async def reload_once(
    directory: Path, edit: Callable[[], object], is_done: Callable[[CollectorRegistry], bool]
) -> float:
    """Return the seconds from an edit until it is taken over or refused."""
    stop, accepted, registry = asyncio.Event(), list[object](), CollectorRegistry()
    reloader = Reloader(directory, load(directory), accepted.append, Metrics(registry), SystemClock())
    running = asyncio.create_task(reloader.run(stop))
    await asyncio.sleep(random.random())
    edit()
    began = time.monotonic()
    while not (accepted or is_done(registry)):  # noqa: ASYNC110  # a gauge tells nobody of its change
        await asyncio.sleep(0.005)
    took = time.monotonic() - began
    stop.set()
    await running
    return took


def is_refused(registry: CollectorRegistry) -> bool:
    """Return whether the last change was not taken over."""
    return registry.get_sample_value("deskwatch_config_last_reload_successful") == 0


def time_edits(path: Path, directory: Path) -> None:
    """Print how long it takes until an edit of a file is taken over or refused."""
    text = path.read_text()
    edits = {
        "good edit taken over": text.replace("max_per_hour: 6", "max_per_hour: 7", 1),
        "typo refused": text.replace("targets:", "targts:", 1),
        "broken YAML refused": text.replace("targets:", "targets", 1),
    }
    for what, changed in edits.items():
        took = []
        for _ in range(3):
            path.write_text(text)
            took.append(asyncio.run(reload_once(directory, partial(path.write_text, changed), is_refused)))
        print(f"  {what} after {median(took):.2f} s, at most {max(took):.2f} s")
    path.write_text(text)


def letters() -> Iterator[tuple[str, int, bytes]]:
    """Yield the rich file with one letter deleted, put in or changed over: how, in which line, and the bytes."""
    chance = random.Random(3)
    for i in range(len(RICH) - 1):
        line = RICH.count("\n", 0, i) + 1
        yield "deleted", line, (RICH[:i] + RICH[i + 1 :]).encode()
        yield "put in", line, (RICH[:i] + chance.choice(LETTERS) + RICH[i:]).encode()
        if RICH[i] != RICH[i + 1]:
            yield "changed over", line, (RICH[:i] + RICH[i + 1] + RICH[i] + RICH[i + 2 :]).encode()


def tell_mutations(directory: Path) -> None:
    """Print how well mistakes are told."""
    found = [(mutation, told(directory, mutation.raw)) for mutation in MUTATIONS]
    located = sum(is_located(mutation, problems) for mutation, problems in found) / len(found)
    useful = sum(is_useful(mutation, problems) for mutation, problems in found) / len(found)
    print(f"{len(found)} mutations: {located:.1%} at their line, {useful:.1%} with what was meant")
    counts: dict[str, list[int]] = {}
    for how, line, raw in letters():
        problems = told(directory, raw)
        count = counts.setdefault(how, [0, 0, 0])
        count[0] += not problems
        count[1] += bool(problems)
        count[2] += bool(problems) and problems[0].line == line
    for how, (valid, refused, right) in counts.items():
        print(
            f"one letter {how}: {refused} files refused, {right / refused:.1%} first at the line ({valid} still valid)"
        )


def main() -> None:
    """Measure all and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for files in (1, options.subscribers):
            directory = make(Path(name, f"in-{files}"), options.subscribers, files)
            with ProcessPoolExecutor(1, max_tasks_per_child=1) as pool:
                took = list(pool.map(check_once, [directory] * RUNS))
            print(
                f"check of {options.subscribers:,} subscribers in {files:,} files: {median(took):.2f} s processor time"
            )
            time_edits(directory / "subscriptions" / "desks-0.yaml", directory)
        began = time.process_time()
        compose(desks(0, options.subscribers))
        print(f"ruamel.yaml alone, the one file: {time.process_time() - began:.2f} s processor time")
        tell_mutations(Path(name, "in-1").with_name("spoilt"))


if __name__ == "__main__":
    main()
