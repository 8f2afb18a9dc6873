"""Which network addresses a feed may lead to: public ones, judged where the connection is made.

Judging the address at connect, not the name before, covers redirects and names that resolve differently the second
time.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
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
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local
        "ff00::/8",
    )
)


def is_public(host: str) -> bool:
    """Return whether an IP address, written as the system writes it, is one of the public internet."""
    try:
        address: _Address = ipaddress.ip_address(host.partition("%")[0])  # without the scope of fe80::1%eth0
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _DENIED)


def open_public_socket(address: tuple[Any, ...]) -> socket.socket:
    """Return an unconnected socket for one result of getaddrinfo: the `socket_factory` of aiohttp.

    Raises:
        PermissionError: the address is not public. An OSError, because aiohttp swallows others when several
            addresses race; EACCES tells it from a connection that failed.
    """
    family, kind, protocol, _, target = address
    if not is_public(str(target[0])):
        raise PermissionError(errno.EACCES, f"{target[0]} is not a public address")
    return socket.socket(family, kind, protocol)
