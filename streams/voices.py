"""How many independent owners report to a desk: what one of them may say alone, and how many must agree, follows."""

from __future__ import annotations

from typing import Final

import msgspec

KEPT: Final = 40  # owners remembered: no more than tell the few from the many
HALF_LIFE_DAYS: Final = 28.0
FAINT: Final = 0.1  # an owner of whom less is left is forgotten
MORE: Final = (2.0, 5.0)  # of one day no more than twice what is usual, and 5 articles, count: a flood is no habit


class Voices(msgspec.Struct, kw_only=True):
    """Articles by owner, those of past days slowly forgotten. The running day has no say yet."""

    past: dict[str, float] = {}
    today: dict[str, int] = {}

    def hear(self, owner: str) -> None:
        """Take in an article."""
        self.today[owner] = self.today.get(owner, 0) + 1
        if len(self.today) > KEPT:
            del self.today[min(self.today, key=lambda name: (self.today[name], name))]

    def end_day(self) -> None:
        """Let a day pass."""
        fade = 0.5 ** (1 / HALF_LIFE_DAYS)
        factor, more = MORE
        for owner, count in self.today.items():
            usual = self.past.get(owner, 0.0) * (1 - fade)
            self.past[owner] = self.past.get(owner, 0.0) + min(count, factor * usual + more)
        self.today = {}
        largest = sorted(self.past.items(), key=lambda pair: (-pair[1], pair[0]))[:KEPT]
        self.past = {owner: round(count * fade, 6) for owner, count in largest if count >= FAINT}

    def number(self) -> int | None:
        """Return how many report; None while nothing is known.

        Those that say little among others that say much count little: it is the reciprocal of Simpson's index
        (Simpson 1949, Measurement of Diversity, Nature 163), rounded.
        """
        squares = sum(count * count for count in self.past.values())
        return round(sum(self.past.values()) ** 2 / squares) if squares else None
