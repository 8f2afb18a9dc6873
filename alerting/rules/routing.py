"""Who would be told of an episode, by which line of which file, now or when: the rules tried without sending. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from alerting.rules.matching import match, refusal
from alerting.rules.restraining import Situation, hold_of, until_digest
from alerting.rules.roster import Placed, Roster
from deskwatch.records import Spike


class Route(NamedTuple):
    """What one target (`subscriber/target`) would get of an episode, and the lines of the files that say so."""

    name: str
    verdict: str
    because: str


def routes(spike: Spike, roster: Roster, at: datetime) -> Iterator[Route]:
    """Yield one route per target of every subscriber, those that get something first."""
    found = {one.name: one for one in match(spike, roster)}
    silent = []
    for subscriber, target in roster.targets():
        name = f"{subscriber.name}/{target.name}"
        if name in found:
            held = hold_of(spike.severity, subscriber, target, Situation(now=at))
            verdict = f"held until {held.until:%Y-%m-%d %H:%M} UTC ({held.reason})" if held else "sent at once"
            yield Route(name, verdict, _places(found[name].because))
            continue
        rules = [placed for placed in roster.subscriptions if placed.subscription.subscriber == subscriber.name]
        near = [placed for placed in rules if spike.theme in placed.subscription.themes]
        if not near:
            silent.append(Route(name, "nothing", "no subscription names the theme"))
            continue
        why = "; ".join(f"{placed.place}: {refusal(placed.subscription, spike)}" for placed in near)
        digest_at = until_digest(subscriber, target, at)
        verdict = f"named in the digest of {digest_at:%Y-%m-%d %H:%M} UTC" if digest_at else "nothing"
        silent.append(Route(name, verdict, why))
    yield from silent


def _places(because: tuple[Placed, ...]) -> str:
    return ", ".join(f"{placed.place} “{placed.subscription.name}”" for placed in because)
