"""Held facts to the desk, a bounded portion at a time: the one way in, for the stream and for a backtest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from streams.advancing import Outputs, advance
from streams.facts import Sighting
from streams.holding import Held
from streams.memory import Desk
from streams.rules import Rules

SLICE: Final = timedelta(hours=6)  # log time decided without giving way to others
SLICE_FACTS: Final = 2_000


def steps(desk: Desk, held: Held, until: datetime, rules: Rules) -> Iterator[tuple[Outputs, list[Sighting]]]:
    """Advance `desk` to `until`; yield after each portion what it produced, and the articles it took in."""
    while True:
        start = desk.state.now
        slice_end = until if start is None else min(until, start + SLICE)
        facts = held.take(slice_end, SLICE_FACTS)
        end = facts[-1].effective if len(facts) == SLICE_FACTS else slice_end
        _, out = advance(desk, facts, end, rules)
        yield out, [fact for fact in facts if isinstance(fact, Sighting)]
        if end >= until and len(facts) < SLICE_FACTS:
            return
