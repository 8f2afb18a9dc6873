"""What can be wrong with a feeds file whose shape is right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from deskwatch.configfile import Document, Key, Problem
from producers.feeds.domains import host_of, is_address, is_suffix, to_ascii
from producers.feeds.entries import Entry, FeedFile, given, is_http, zone_of

MAX_USER_AGENT: Final = 256

_RANGES: Final = (("interval_s", 60, 86_400), ("connections", 1, 64), ("spacing_s", 0, 3_600))
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_HOST: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)


def find_problems(document: Document, file: FeedFile) -> Iterator[Problem]:
    """Yield all that is wrong with the feeds and domains of a file, each with its place."""
    ids: dict[str, int] = {}
    urls: dict[str, str] = {}
    for i, entry in enumerate(file.feeds):
        at: Key = ("feeds", i)
        if not _ID.fullmatch(entry.id):
            yield document.problem((*at, "id"), f"id '{entry.id}' must be lower-case letters, digits, '.', '_' or '-'")
        if entry.id in ids:
            line, _ = document.position(("feeds", ids[entry.id], "id"))
            yield document.problem((*at, "id"), f"id '{entry.id}' is taken by the feed in line {line}")
        ids.setdefault(entry.id, i)
        if not is_http(entry.url):
            yield document.problem((*at, "url"), f"'{entry.url}' is no http or https URL")
        elif entry.url in urls:
            yield document.problem((*at, "url"), f"the same URL as feed '{urls[entry.url]}'")
        urls.setdefault(entry.url, entry.id)
        yield from _check_texts(document, entry, at)
        yield from _check_requests(document, given(entry), at)
    for name, requests in file.domains.items():
        at = ("domains", name)
        yield from _check_domain(document, name, at)
        yield from _check_requests(document, given(requests), at)


def _check_texts(document: Document, entry: Entry, at: Key) -> Iterator[Problem]:
    if not entry.source.strip():
        yield document.problem((*at, "source"), "source must name the outlet")
    if entry.language and not _LANGUAGE.fullmatch(entry.language):
        yield document.problem((*at, "language"), f"'{entry.language}' is no language tag such as 'en' or 'zh-Hant'")
    if entry.timezone and zone_of(entry.timezone) is None:
        yield document.problem((*at, "timezone"), f"'{entry.timezone}' is no time zone such as 'Asia/Shanghai'")
    if entry.wire and "interval_s" in given(entry):
        what = "a feed with interval_s is polled exactly so often: 'wire' would mean nothing"
        yield document.problem((*at, "wire"), what)


def _check_requests(document: Document, asked: Mapping[str, Any], at: Key) -> Iterator[Problem]:
    for name, least, most in _RANGES:
        if name in asked and not least <= asked[name] <= most:  # also what is no number at all
            what = f"{name} must be between {least} and {most}, not {asked[name]}"
            yield document.problem((*at, name), what)
    if "user_agent" in asked and not _is_header_value(asked["user_agent"]):
        what = f"user_agent must be 1 to {MAX_USER_AGENT} printable ASCII characters on one line"
        yield document.problem((*at, "user_agent"), what)
    if "proxy" in asked and (what := _fault_of_proxy(asked["proxy"])):
        yield document.problem((*at, "proxy"), what)
    for i, port in enumerate(asked.get("ports", ())):
        if not 1 <= port <= 65_535:
            yield document.problem((*at, "ports", i), f"a port is between 1 and 65535, not {port}")


def _check_domain(document: Document, name: str, at: Key) -> Iterator[Problem]:
    place = (*at, "")  # the key, not what stands behind it
    if is_address(name):
        return
    if not _HOST.fullmatch(name):
        meant = host_of(name) if "//" in name else to_ascii(name.partition("/")[0].partition(":")[0]).strip(".")
        hint = meant if meant != name and _HOST.fullmatch(meant) else ""
        yield document.problem(place, f"'{name}' is no host or domain in lower case, such as 'example.org'", hint)
    elif is_suffix(name):
        yield document.problem(place, f"'{name}' is a public suffix: this would speak for everybody under it")


def _is_header_value(text: str) -> bool:
    return 0 < len(text) <= MAX_USER_AGENT and text.isascii() and text.isprintable() and text == text.strip()


def _fault_of_proxy(proxy: str) -> str:
    """Return what is wrong with a proxy; its text may hold a password, so it is not repeated."""
    if not is_http(proxy):
        return "proxy must be 'http://host:port' or 'https://host:port'"
    parts = urlsplit(proxy)
    if "@" in parts.netloc:
        return "proxy must not carry a password: this file is no place for secrets"
    if parts.port is None or parts.path not in ("", "/") or parts.query or parts.fragment:
        return "proxy must be 'http://host:port' or 'https://host:port', nothing behind it"
    return ""
