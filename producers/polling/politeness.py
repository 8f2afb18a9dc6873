"""When a host may be asked again: few connections at a time, pauses between them, silence after a 429."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from deskwatch.feedrecords import Feed
from producers.feeds.domains import domain_of, host_of

CONNECTIONS: Final = 2
SPACING_S: Final = 2.0
DOMAIN_CONNECTIONS: Final = 4
MAX_HOLD_S: Final = 90_000.0  # a day and some spread

_FULL_S: Final = 0.5  # how soon to ask again while all connections are in use
_KEEP_S: Final = 3_600.0  # what is idle for longer is forgotten
_SWEEP: Final = 2  # idle entries looked at for each poll that begins


class Politeness:
    """What may be asked when; all calls cost the same however many hosts there are.

    Hosts of one's own network (loopback and private addresses, reached only where the operator allows that) are asked
    as often as their feeds say, unless a feed has limits of its own.

    Args:
        monotonic: Seconds that never step back.
        connections: To one host at a time, where a feed does not say.
        spacing_s: Between two polls of one host, where a feed does not say.
    """

    def __init__(
        self, monotonic: Callable[[], float], *, connections: int = CONNECTIONS, spacing_s: float = SPACING_S
    ) -> None:
        self._monotonic = monotonic
        self._connections = connections
        self._spacing_s = spacing_s
        self._places: OrderedDict[str, _Place] = OrderedDict()  # hosts and domains, the longest untouched first
        self._names: dict[str, tuple[str, str, bool]] = {}

    def __len__(self) -> int:
        """Return how many hosts and domains are remembered."""
        return len(self._places)

    def ready_in(self, feed: Feed, url: str) -> float:
        """Return the seconds until a poll of `url` may begin; 0 for now."""
        host_name, domain_name, private = self._name(url)
        host, domain = self._places.get(host_name), self._places.get(domain_name)
        now = self._monotonic()
        wait_s = max(host.held_until if host else -math.inf, domain.held_until if domain else -math.inf) - now
        if private and feed.connections is None and feed.spacing_s is None:
            return max(wait_s, 0.0)
        connections = feed.connections or self._connections
        if host is not None:
            wait_s = max(wait_s, host.began + (self._spacing_s if feed.spacing_s is None else feed.spacing_s) - now)
            if host.active >= connections:
                wait_s = max(wait_s, _FULL_S)
        if domain is not None and domain.active >= max(DOMAIN_CONNECTIONS, connections):
            wait_s = max(wait_s, _FULL_S)
        return max(wait_s, 0.0)

    def begin(self, feed: Feed, url: str) -> None:
        """Note that a poll begins."""
        host, domain = self._name(url)[:2]
        now = self._monotonic()
        for name in {host, domain}:
            place = self._touch(name)
            place.active += 1
            place.began = now
            place.keep_until = max(place.keep_until, now + max(_KEEP_S, feed.spacing_s or 0.0))
        self._forget(now)

    def end(self, feed: Feed, url: str) -> None:  # noqa: ARG002  # the pair of `begin`
        """Note that a poll is over; `feed` and `url` are those it began with."""
        host, domain = self._name(url)[:2]
        for name in {host, domain}:
            place = self._places.get(name)
            if place is not None:
                place.active = max(place.active - 1, 0)

    def hold(self, feed: Feed, url: str, seconds: float) -> None:
        """Let nobody ask the domain of `url` (or only its host, where the feed says so) for some time."""
        host, domain = self._name(url)[:2]
        if seconds > 0:  # also false for what is no number
            now = self._monotonic()
            place = self._touch(host if feed.throttle == "host" else domain)
            place.held_until = max(place.held_until, now + min(seconds, MAX_HOLD_S))
            place.keep_until = max(place.keep_until, place.held_until)
            self._forget(now)

    def _touch(self, name: str) -> _Place:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = _Place()
        else:
            self._places.move_to_end(name)
        return place

    def _forget(self, now: float) -> None:
        for _ in range(_SWEEP):
            name, place = next(iter(self._places.items()))
            if place.active == 0 and place.keep_until <= now:
                del self._places[name]
            else:
                self._places.move_to_end(name)

    def _name(self, url: str) -> tuple[str, str, bool]:
        """Return the names under which a URL's host and domain are remembered, and whether the host is private."""
        # Good enough to look up what was worked out before, and ten times as fast as taking the URL apart.
        netloc = url.split("/", 3)[2] if url.count("/") > 1 else url
        names = self._names.get(netloc)
        if names is None:
            if len(self._names) >= 65_536:
                self._names.clear()
            host = host_of(url)
            domain = domain_of(host)
            # A domain is another place than the host of the same name: example.org has two connections, its hosts four.
            names = self._names[netloc] = (host, f".{domain}", is_private(host))
        return names


class _Place:
    """What is going on at a host or in a domain."""

    __slots__ = ("active", "began", "held_until", "keep_until")

    def __init__(self) -> None:
        self.active = 0
        self.began = -math.inf
        self.held_until = -math.inf
        self.keep_until = 0.0


def is_private(host: str) -> bool:
    """Return whether a host is an address of one's own network, or this machine by name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_private or address.is_link_local
