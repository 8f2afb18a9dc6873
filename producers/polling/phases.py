"""Numbers that spread feeds over time, the same ones after every restart and in every producer."""

from __future__ import annotations

import hashlib


def phase(feed_id: str) -> float:
    """Return a number in [0, 1) that is always the same for a feed."""
    return int.from_bytes(hashlib.blake2b(feed_id.encode(), digest_size=4).digest(), "big") / 2**32
