"""Hosts, and the registrable domains that they belong to."""

from __future__ import annotations

import ipaddress
from functools import cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList


def host_of(url: str) -> str:
    """Return a URL's host as it is compared: lower case, as ASCII, without a dot at its end; "" if it has none."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
    return to_ascii(host)


def to_ascii(host: str) -> str:
    """Return a host name as DNS has it; one that has no such form as it is."""
    if host.isascii():
        return host.lower()
    try:
        return host.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return host.lower()


def domain_of(host: str) -> str:
    """Return the registrable domain of a host; an address, or a name that is none, is its own.

    Only public suffixes of registries count: all blogs of one service share its servers, and so its patience.
    """
    if is_address(host):
        return host
    found = _suffixes().privatesuffix(host)
    return found or host


def names_of(host: str) -> tuple[str, ...]:
    """Return a host and the domains above it up to its registrable one, the nearest first."""
    names, domain = [host], domain_of(host)
    while names[-1] != domain and "." in names[-1]:
        names.append(names[-1].partition(".")[2])
    return tuple(names)


def is_suffix(host: str) -> bool:
    """Return whether a name is one under which anybody may register, such as `co.uk`."""
    return (not is_address(host) and "." in host and _suffixes().privatesuffix(host) is None) or _is_top(host)


def is_address(host: str) -> bool:
    """Return whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_top(host: str) -> bool:
    return "." not in host and _suffixes().publicsuffix(host, accept_unknown=False) is not None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)  # 30 ms and some megabytes: only where it is needed
