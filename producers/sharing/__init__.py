"""Who polls which feed: producers share the feeds through a consumer group, and a shard's state moves with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Ownership(Protocol):
    """For which shards this process may speak."""

    shared: bool  # whether others have to be able to go on from what is sent

    def shards(self) -> Collection[int]:
        """Return the shards whose ticks and states may be sent at this moment."""


def shard_key(shard: int) -> bytes:
    """Return the key of a shard's own record in `feed-state`; no feed can have it, for the space in it."""
    return f"shard {shard}".encode()
