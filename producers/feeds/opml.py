"""OPML subscription lists to feeds and to the YAML of config/feeds.yaml."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit
from xml.parsers import expat

from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from producers.feeds.config import Feed, is_http

_MAX_ID: Final = 64


def read_opml(data: bytes, file: str) -> tuple[list[Feed], list[str]]:
    """Return the feeds of an OPML document, with fresh unique ids, and what was left out and why.

    Raises:
        ConfigError: it is not XML, or declares entities (which could expand without end).
    """
    feeds: list[Feed] = []
    skipped: list[str] = []
    categories: list[str] = []
    urls: set[str] = set()
    ids: set[str] = set()
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise expat.ExpatError("entity declarations are not accepted")

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag != "outline":
            return
        name = attributes.get("title") or attributes.get("text") or ""
        url = next((value.strip() for key, value in attributes.items() if key.lower() == "xmlurl"), "")
        categories.append("" if url else name)
        if not url:
            return
        if not is_http(url):
            skipped.append(f"'{name}': '{url}' is no http or https URL")
        elif url in urls:
            skipped.append(f"'{name}': '{url}' is there already")
        else:
            urls.add(url)
            source = name or urlsplit(url).hostname or url
            category = next((category for category in reversed(categories) if category), "")
            feeds.append(Feed(id=_fresh_id(source, url, ids), url=url, source=source, category=category))

    def end(tag: str) -> None:
        if tag == "outline":
            categories.pop()

    parser.StartElementHandler, parser.EndElementHandler, parser.EntityDeclHandler = start, end, refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        problem = Problem(file, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1, f"not OPML: {error}")
        raise ConfigError([problem]) from error
    return feeds, skipped


def to_yaml(feeds: list[Feed]) -> str:
    """Return the feeds as config/feeds.yaml has them; every text is quoted, so nothing is read as a number or null."""
    lines = ["feeds:"]
    for feed in feeds:
        fields = {"id": feed.id, "url": feed.url, "source": feed.source, "category": feed.category}
        written = [f"{key}: {_quote(value)}" for key, value in fields.items() if value]
        lines += [f"  - {written[0]}", *(f"    {line}" for line in written[1:])]
    return "\n".join(lines) + "\n" if feeds else "feeds: []\n"


def _fresh_id(source: str, url: str, taken: set[str]) -> str:
    """Return an id made of the outlet's name, or of the host where the name has no Latin letters."""
    stem = _slug(source) or _slug(urlsplit(url).hostname or "") or "feed"
    number, candidate = 1, stem
    while candidate in taken:
        number += 1
        candidate = f"{stem[: _MAX_ID - 8]}-{number}"
    taken.add(candidate)
    return candidate


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: _MAX_ID - 8].strip("-")


def _quote(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text)
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'
