"""The clock as a collaborator: the machine's own, or one that steps through the past as fast as the work is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a service asks instead of `datetime.now` and `asyncio.sleep`."""

    def now(self) -> datetime:
        """Return the present, aware, in UTC."""

    async def sleep_until(self, at: datetime) -> None:
        """Return once `now() >= at`."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, at: datetime) -> None:
        """Return once `now() >= at`."""
        # The clock may be set meanwhile, so no single wait can be trusted, and nobody else knows when it is time.
        while (left := (at - self.now()).total_seconds()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, 60.0))  # a machine that slept notices within a minute


class SteppedClock:
    """A clock that jumps to the instant its one sleeper waits for: archives and simulated worlds in fast time.

    Before each jump `gate` is called in a thread, so that whoever drives the clock can hold it back.
    """

    def __init__(self, start: datetime, gate: Callable[[datetime], None] | None = None) -> None:
        self._now = start
        self._gate = gate

    def now(self) -> datetime:
        """Return the instant last jumped to."""
        return self._now

    async def sleep_until(self, at: datetime) -> None:
        """Jump to `at`; instants in the past are no jump."""
        if self._gate is not None:
            await asyncio.to_thread(self._gate, at)
        else:
            await asyncio.sleep(0)
        self._now = max(self._now, at)
