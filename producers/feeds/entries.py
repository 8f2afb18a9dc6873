"""A feed as config/feeds.yaml has it, and the `Feed` that it makes together with the entry of its domain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from deskwatch.feedrecords import Feed
from producers.feeds.domains import host_of, names_of

MAX_URL: Final = 2_048


# `int | None` would be the honest type, but what is wrong in a union is found without its place in the file.
_LEFT_OUT: Any = None


class Requests(msgspec.Struct, kw_only=True):
    """How to ask for feeds: what a feed may say for itself, and a domain or host for all its feeds; see `given`."""

    interval_s: int = _LEFT_OUT
    user_agent: str = _LEFT_OUT
    proxy: str = _LEFT_OUT
    ports: list[int] = _LEFT_OUT
    connections: int = _LEFT_OUT
    spacing_s: float = _LEFT_OUT
    conditional: bool = _LEFT_OUT
    throttle: Literal["host", "domain"] = _LEFT_OUT


class Entry(Requests, kw_only=True):
    """One feed as the file has it."""

    id: str
    url: str
    source: str
    language: str = ""
    timezone: str = ""
    category: str = ""
    wire: bool = False
    identity: Literal["", "guid", "url"] = ""


class FeedFile(msgspec.Struct, kw_only=True):
    """The whole of config/feeds.yaml."""

    feeds: list[Entry]
    domains: dict[str, Requests] = {}


def merge(file: FeedFile) -> tuple[Feed, ...]:
    """Return the feeds, each with what its host and its domain add; the nearest word counts."""
    domains = {name: given(requests) for name, requests in file.domains.items()}
    return tuple(_merge(entry, domains) for entry in file.feeds)


def given(requests: Requests) -> dict[str, Any]:
    """Return the settings that the file has."""
    settings = {name: getattr(requests, name) for name in Requests.__struct_fields__}
    return {name: value for name, value in settings.items() if value is not None}


def is_http(url: str) -> bool:
    """Return whether this is an absolute http or https URL with a host, of bearable length."""
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def zone_of(name: str) -> tzinfo | None:
    """Return the time zone of an IANA name; None for an empty or unknown one."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name that is a directory of the database
        return None


def _merge(entry: Entry, domains: Mapping[str, dict[str, Any]]) -> Feed:
    asked: dict[str, Any] = {}
    if domains:
        for name in reversed(names_of(host_of(entry.url))):
            asked |= domains.get(name, {})
    asked |= given(entry)
    if "ports" in asked:
        asked["ports"] = tuple(asked["ports"])
    return Feed(
        id=entry.id,
        url=entry.url,
        source=entry.source,
        language=entry.language,
        timezone=entry.timezone,
        category=entry.category,
        wire=entry.wire,
        identity=entry.identity,
        **asked,
    )
