"""What the service needs of the world around it: episodes, actions, and a place where its ledger is mirrored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol

from alerting.deciding.intake import Arrival
from alerting.ledger.ledger import Change
from deskwatch.records import Action, DeadLetter, Delivery

# What runs beside the service while it leads, until the event is set.
Companion = Callable[[asyncio.Event], Coroutine[None, None, None]]


class Source(Protocol):
    """Where spikes come from, and where what is none goes."""

    async def read(self) -> Sequence[Arrival]:
        """Return the next records, none after a short while without any."""

    async def commit(self) -> None:
        """Say that everything read so far is taken care of."""

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Return when the dead letters are safe."""

    async def earlier(self) -> Sequence[Arrival]:
        """Return the records before those that `read` gives: somebody has taken care of them."""

    def is_assigned(self) -> bool:
        """Return whether it is this service's turn; others stand by."""


class Mirror(Protocol):
    """Where the ledger's changes are published."""

    async def take_over(self) -> None:
        """Keep whoever published before from doing so again."""

    async def deliveries(self) -> Sequence[Delivery]:
        """Return what has been published, for each key in order."""

    async def publish(self, changes: Sequence[Change]) -> None:
        """Return when they are safe, or raise PublishError: also when another has taken over."""


class ActionSource(Protocol):
    """Where officers' actions come from."""

    async def read(self) -> Sequence[Action]:
        """Return those that are new; the first time, all that there are."""
