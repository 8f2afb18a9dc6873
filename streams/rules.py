"""The numbers that the desk counts by; one value of `Rules` is part of every generation's hash."""

from __future__ import annotations

import hashlib
import math
from typing import Final

import msgspec

BUCKET_S: Final = 300
INSTANT_S: Final = 60  # decisions fall on whole minutes of log time
YOUNG_DAYS: Final = 2.0  # a baseline this old asks 1.37 times the threshold


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as evidence and what counts as a spike.

    Source: research of our own on a simulator with known events; `docs/decisions/0006-first-detector.md` says which
    parts stand and which are still to come.
    """

    grace_s: int = 120  # a bucket closes when the watermark passes its end by this
    settle_s: int = 6 * 3600  # later than this nothing amends a bucket; only then the baseline learns from it
    reach_s: int = 1800  # a window that ended at most this long ago may still open an episode
    story_s: int = 72 * 3600  # how long a story takes in copies, and an article id is known
    owner_cap: int = 2  # new stories of one owner that count within `owner_cap_s`
    owner_cap_s: int = 6 * 3600
    windows: tuple[int, ...] = (3, 6, 12, 24, 48)  # buckets: 15 min to 4 h
    min_stories: int = 3
    min_owners: int = 3
    threshold: float = 3.6  # -log10 of the tail probability: about 0.7 false alerts a theme and month, measured
    silent_s: int = 24 * 3600  # observed time before a theme may alert at all
    quiet_s: int = 3 * 3600  # an episode ends after this long below everything
    longest_s: int = 48 * 3600  # after this an episode is the new normal
    min_health: float = 0.3  # with a smaller share of the feeds answering, a bucket is unobserved

    def needed(self, age_days: float) -> float:
        """Return -log10 of the probability to reach; higher while a baseline is young."""
        return self.threshold * (1 + math.exp(-age_days / YOUNG_DAYS))

    def fingerprint(self) -> str:
        """Return a short hash of these numbers, and of none that a subclass adds."""
        numbers = {field.name: getattr(self, field.name) for field in msgspec.structs.fields(Rules)}
        return hashlib.blake2b(msgspec.json.encode(numbers), digest_size=6).hexdigest()
