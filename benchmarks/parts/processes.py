"""CPU time and memory of processes and of all that live below them."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int, without: str = "fleet.py") -> float:
    """Return the CPU time of a process and of all below it, but for those whose command line has `without`."""
    stats = _stats()
    return sum(sum(map(int, stats[one][11:13])) for one in _family(pid, stats, without)) / TICK


def rss_bytes(pid: int) -> tuple[int, int]:
    """Return the memory of a process, and with that of all below it, each counting what is its own."""
    stats = _stats()
    own = {one: int(Path(f"/proc/{one}/statm").read_text().split()[1]) * PAGE for one in _family(pid, stats, "")}
    return own.get(pid, 0), sum(own.values())


def own_cpu_s() -> float:
    """Return the CPU time of this process alone."""
    times = os.times()
    return times.user + times.system


def _stats() -> dict[int, list[str]]:
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
    return found


def _family(pid: int, stats: dict[int, list[str]], without: str) -> Collection[int]:
    below: dict[int, list[int]] = {}
    for one, fields in stats.items():
        below.setdefault(int(fields[1]), []).append(one)
    family, pending = [], [pid]
    while pending:
        one = pending.pop()
        try:
            command = Path(f"/proc/{one}/cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if one in stats and not (without and without in command):
            family.append(one)
            pending += below.get(one, [])
    return family
