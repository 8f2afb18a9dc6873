"""What the demo shows: one line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.table import Table

from demo.counting import Line
from deskwatch.records import Spike


class Screen:
    """Where the demo writes; a context manager, because the progress bar must be taken down."""

    def __init__(self, console: Console, start: datetime, until: datetime) -> None:
        self._console = console
        self._start = start
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting", total=(until - start).total_seconds())
        self._day = start.date()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str, *, style: str = "") -> None:
        """Write a line that stays; nothing in it is markup."""
        self._console.print(text, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def status(self, text: str) -> None:
        """Replace the line that moves."""
        self._progress.update(self._task, description=text)

    def move(self, at: datetime, articles: int) -> None:
        """Show which instant the world has reached, and how many articles came through until then."""
        text = f"{at:%a %d %b %H:%M} in the simulated world, {articles:,} articles"
        self._progress.update(self._task, description=text, completed=(at - self._start).total_seconds())
        if not self._console.is_terminal and at.date() != self._day:
            self._day = at.date()
            self.say(text)

    def episodes(self, spikes: Sequence[Spike], told: Collection[str]) -> None:
        """Show how long the alerted episodes lasted, and how many others no desk had asked for."""
        for spike in spikes:
            if spike.spike_id in told:
                end = f"over {spike.resolved_at:%a %H:%M}" if spike.resolved_at else "still going on"
                self.say(
                    f"{spike.theme}: began {spike.onset_at:%a %H:%M}, noticed {spike.detected_at:%H:%M}, {end} (UTC)"
                )
        if others := len(spikes) - len(told):
            self.say(f"{others} smaller episodes stayed below what these desks want to hear of (min_severity: high).")

    def account(self, lines: Sequence[Line]) -> None:
        """Show the final account."""
        table = Table(title="Every article was counted" if all(line.holds for line in lines) else "It does not add up")
        table.add_column("what")
        table.add_column("found", justify="right")
        table.add_column("must be", justify="right")
        table.add_column("")
        for line in lines:
            table.add_row(line.what, f"{line.found:,}", f"{line.wanted:,}", "ok" if line.holds else "WRONG")
        self._console.print(table)
