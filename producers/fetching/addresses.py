"""Which network addresses a feed may lead to: public ones, judged where the connection is made.

Judging the address at connect, not the name before, covers redirects and names that resolve differently the second
time. Only where a proxy connects for us are there no addresses to judge: there the name is, as far as one can.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextvars import ContextVar
from typing import Any, Final

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# `is_global` of Python 3.11 says True for these, though each leads (or can be made to lead) somewhere private.
_DENIED: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64: an IPv4 address in disguise
        "64:ff9b:1::/48",
        "100::/64",  # discarded
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local
        "ff00::/8",
    )
)
_IPV6_INTERNET: Final = ipaddress.ip_network("2000::/3")  # all that was ever given out
_PRIVATE_NAMES: Final = ("localhost", "local", "internal", "intranet", "lan", "home.arpa")

_is_to_proxy: ContextVar[bool] = ContextVar("_is_to_proxy", default=False)


def is_public(host: str) -> bool:
    """Return whether an IP address, written as the system writes it, is one of the public internet."""
    try:
        address: _Address = ipaddress.ip_address(host.partition("%")[0])  # without the scope of fe80::1%eth0
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address not in _IPV6_INTERNET:
            return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _DENIED)


def may_be_public(host: str) -> bool:
    """Return whether the host of a URL can be public, as far as that shows without resolving it.

    Every form in which anything reads an IPv4 address counts as one: 127.1, 0x7f000001, 017700000001, 2130706433.
    """
    host = host.strip("[]").rstrip(".").lower()
    if not host or "%" in host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return is_public(host)
    try:
        return is_public(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, UnicodeError):
        pass
    return "." in host and not any(host.endswith(f".{name}") for name in _PRIVATE_NAMES)


def connect_to_proxy() -> None:
    """Let this task open sockets to any address from now on: an operator has named the proxy that it talks to."""
    _is_to_proxy.set(True)


def open_public_socket(address: tuple[Any, ...]) -> socket.socket:
    """Return an unconnected socket for one result of getaddrinfo: the `socket_factory` of aiohttp.

    Raises:
        PermissionError: the address is not public. An OSError, because aiohttp swallows others when several
            addresses race; EACCES tells it from a connection that failed.
    """
    family, kind, protocol, _, target = address
    if not is_public(str(target[0])) and not _is_to_proxy.get():
        raise PermissionError(errno.EACCES, f"{target[0]} is not a public address")
    return socket.socket(family, kind, protocol)
