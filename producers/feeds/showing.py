"""How feeds are doing, as a table for people, as columns and as records for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deskwatch.feedrecords import Feed, FeedState
from producers.feeds.kinds import Kind, say_duration
from producers.feeds.status import Status


def row_of(feed: Feed, state: FeedState | None, status: Status, *, show: Callable[[datetime | None], str]) -> list[str]:
    """Return the columns of one feed.

    Args:
        show: Writes a time, or a dash for none.
    """
    state = state or FeedState(feed_id=feed.id)
    return [
        feed.id,
        status.kind,
        show(status.since),
        show(state.last_success_at),
        show(state.last_new_at),
        "-" if state.per_day is None else f"{state.per_day:.1f}",
        "-" if state.delay_s is None else say_duration(state.delay_s),
        show(state.next_poll_at),
        "".join(char if char.isprintable() else " " for char in status.detail),
    ]


def record_of(feed: Feed, state: FeedState | None, status: Status) -> dict[str, object]:
    """Return all that is known of one feed, for JSON."""
    state = state or FeedState(feed_id=feed.id)
    return {
        "id": feed.id,
        "url": feed.url,
        "state": status.kind,
        "since": status.since,
        "last_success_at": state.last_success_at,
        "last_new_at": state.last_new_at,
        "per_day": state.per_day,
        "delay_s": state.delay_s,
        "next_poll_at": state.next_poll_at,
        "interval_s": state.interval_s,
        "errors": state.errors,
        "undated": state.undated,
        "moved_to": state.moved_to or None,
        "reason": status.detail,
    }


def print_table(entries: Sequence[tuple[Feed, FeedState | None, Status]], now: datetime) -> None:
    """Print feeds to the terminal, times as distances from `now`."""

    def ago(at: datetime | None) -> str:
        if at is None:
            return "-"
        seconds = (now - at).total_seconds()
        return f"{say_duration(seconds)} ago" if seconds >= 0 else f"in {say_duration(-seconds)}"

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "state", "since", "last success", "last new", "per day", "delay", "next poll", "reason"):
        table.add_column(name, justify="right" if name == "per day" else "left", overflow="fold")
    for entry in entries:
        style = None if entry[2].kind in (Kind.OK, Kind.NEW) else "yellow"
        table.add_row(*(Text(cell) for cell in row_of(*entry, show=ago)), style=style)
    Console().print(table)


def stamp(at: datetime | None) -> str:
    """Return a time in UTC, or a dash for none."""
    return "-" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
