"""Facts for tests of counting, with everything that does not matter filled in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.facts import Fact, Health, NewGeneration, Sighting, order_of

T0 = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)


def sighting(number: int, at: datetime, **changes: Any) -> Sighting:
    """Return an article of theme `taiwan`, with a story and an owner of its own."""
    values: dict[str, Any] = {
        "at": at,
        "effective": at,
        "article_id": f"article-{number}",
        "revision": 0,
        "themes": ("taiwan",),
        "event_at": at,
        "is_news": True,
        "story_key": f"story-{number}",
        "owner": f"owner-{number}",
        "title": f"Headline {number}",
        "url": f"https://example.org/{number}",
        "language": "en",
    } | changes
    values.setdefault("terms", tuple(("strait",) for _ in values["themes"]))
    return Sighting(**values)


def beginning(themes: Sequence[str] = ("taiwan",), feeds: Sequence[str] = ("wire",)) -> list[Fact]:
    """Return what a desk log starts with: a configuration, and feeds that answer."""
    facts: list[Fact] = [NewGeneration(at=T0, effective=T0, config_hash="one", themes=tuple(themes))]
    facts += [Health(at=T0, effective=T0, feed_id=feed, ok=True) for feed in feeds]
    return facts


def quiet_days(days: int, *, per_hour: float = 2.0, seed: int = 1, themes: Sequence[str] = ("taiwan",)) -> list[Fact]:
    """Return a beginning and days of Poisson news at a constant rate, ordered."""
    chance = random.Random(seed)
    facts = beginning(themes)
    number = 0
    for theme in themes:
        at = T0
        while (at := at + timedelta(hours=chance.expovariate(per_hour))) < T0 + timedelta(days=days):
            number += 1
            facts.append(sighting(number, at, themes=(theme,), owner=f"owner-{number % 40}"))
    return sorted(facts, key=order_of)


def burst(
    start: datetime, count: int, *, first: int = 100_000, every: timedelta = MINUTE, **changes: Any
) -> list[Fact]:
    """Return `count` independent reports, one every minute."""
    return [sighting(first + i, start + i * every, **changes) for i in range(count)]
