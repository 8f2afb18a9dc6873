"""Phrases that depend on a number."""

from __future__ import annotations

import msgspec


class Plural(msgspec.Struct, frozen=True, kw_only=True):
    """A phrase for one, for several (`{n}`) and for none; `one` and `none` may do without the brace."""

    one: str
    many: str
    none: str

    def form(self, number: int) -> str:
        """Return the phrase that fits a number of things."""
        return self.none if number == 0 else self.one if number == 1 else self.many
