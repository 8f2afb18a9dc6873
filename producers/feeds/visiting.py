"""One address at a time, looked at for somebody who adds a feed: fetched and read under the same guards as a poll."""

from __future__ import annotations

import asyncio
import html
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from deskwatch import configfile
from deskwatch.errors import ParseError
from deskwatch.feedrecords import Feed
from producers.feeds.discovery import Visited
from producers.feeds.domains import host_of
from producers.feeds.entries import Entry, FeedFile, merge
from producers.fetching.fetcher import Fetcher, Validators, create_session
from producers.reading.encodings import to_utf8
from producers.reading.jobs import Job, Reading
from producers.reading.text import to_text
from producers.reading.workers import Workers
from producers.settings import ProducerSettings

_PAUSE_S: Final = 1.0  # between two requests to a site that somebody adds
_HEAD: Final = 65_536  # bytes of a document in which its title is looked for
_MAX_TITLE: Final = 200
_FIRST_ITEM: Final = re.compile(r"<(?:[\w.-]{1,40}:)?(?:item|entry)[\s>]", re.IGNORECASE)
_IMAGE: Final = re.compile(r"<image\b.{0,4000}?</image>", re.IGNORECASE | re.DOTALL)
_TITLE: Final = re.compile(
    r"<(?:(?:atom|rss):)?title\b[^<>]{0,200}>(.{0,2000}?)</(?:(?:atom|rss):)?title", re.I | re.DOTALL
)
_CDATA: Final = re.compile(r"<!\[CDATA\[(.*)\]\]>", re.DOTALL)


class Visitor:
    """Looks at addresses, with a pause between two.

    Args:
        manner: How an address is to be asked: with which user agent, by which proxy, at which ports.
        read: Reads a document; raises ParseError if it is no feed.
        pause: Returns when the next request may begin.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        manner: Callable[[str], Feed],
        *,
        read: Callable[[Job], Awaitable[Reading]],
        pause: Callable[[], Awaitable[None]],
        now: datetime,
    ) -> None:
        self._fetcher = fetcher
        self._manner = manner
        self._read = read
        self._pause = pause
        self._now = now
        self._begun = False

    async def visit(self, url: str) -> Visited:
        """Return what lies at an address; after permanent redirects it is the one they lead to.

        Raises:
            FetchError: there is no answer.
        """
        if self._begun:
            await self._pause()
        self._begun = True
        feed = self._manner(url)
        fetched = await self._fetcher.fetch(feed, url=url, validators=Validators())
        body = fetched.body or b""
        job = Job(
            feed_id=feed.id,
            body=body,
            url=fetched.url,
            content_type=fetched.content_type,
            whole=True,
            now=self._now,
        )
        try:
            reading, refusal = await self._read(job), ""
        except ParseError as error:
            reading, refusal = None, error.args[0].partition(f"{error.feed}: ")[2]
        return Visited(
            url=fetched.url if fetched.permanent else url,
            base=fetched.url,
            body=body,
            content_type=fetched.content_type,
            reading=reading,
            refusal=refusal,
        )


@asynccontextmanager
async def open_visitor(own: ProducerSettings, manner: Callable[[str], Feed], now: datetime) -> AsyncIterator[Visitor]:
    """Yield a visitor with a session and a parsing process of its own.

    Args:
        manner: See Visitor.
    """

    async def pause() -> None:
        if not own.allow_private_addresses:  # a simulated world has nobody to spare
            await asyncio.sleep(_PAUSE_S)

    async with create_session(own, version("deskwatch")) as session, Workers(processes=1) as workers:
        yield Visitor(Fetcher(session, own), manner, read=workers.read, pause=pause, now=now)


def read_manner(path: Path, typed: str) -> Callable[[str], Feed]:
    """Return how an address is asked: as its domain's entry in the feeds file says, and at the port that was typed."""
    document, _ = configfile.load(path)
    file, _ = configfile.convert(document, FeedFile)
    domains = file.domains if file is not None else {}
    port = urlsplit(typed).port

    def manner(url: str) -> Feed:
        host = host_of(url) or "unknown"
        feed = merge(FeedFile(feeds=[Entry(id=host, url=url, source=host)], domains=domains))[0]
        if port is None or port in feed.ports or urlsplit(url).port != port:
            return feed
        return msgspec.structs.replace(feed, ports=(*feed.ports, port))

    return manner


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say about a feed before it is followed."""

    title: str
    items: int
    newest: datetime | None
    undated: int
    language: str  # of most of its items; empty if there are none


def summarise_feed(feed: Visited, now: datetime) -> Summary:
    """Return a feed's own title, how much it holds, how fresh it is and in which language."""
    reading = feed.reading
    items = reading.items if reading is not None else ()
    dates = [item.published_at for item in items if item.published_at is not None and item.published_at <= now]
    languages = Counter(item.language for item in items if item.language not in ("", "und")).most_common(1)
    return Summary(
        title=read_title(feed.body, feed.content_type),
        items=reading.total if reading is not None else 0,
        newest=max(dates, default=None),
        undated=sum(item.published_at is None for item in items),
        language=languages[0][0] if languages else "",
    )


def read_title(body: bytes, content_type: str = "") -> str:
    """Return the title that a feed gives itself, as plain text; empty if it has none."""
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        try:
            found = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError):  # msgspec.DecodeError is a ValueError
            return ""
        title = found.get("title") if isinstance(found, dict) else None
        return to_text(title, _MAX_TITLE) if isinstance(title, str) else ""
    text = to_utf8(body[:_HEAD], content_type).body.decode("utf-8", "replace")
    head = _IMAGE.sub("", _FIRST_ITEM.split(text, maxsplit=1)[0])
    found = _TITLE.search(head)
    if found is None:
        return ""
    data = _CDATA.fullmatch(found[1].strip())
    return to_text(data[1] if data else html.unescape(found[1]), _MAX_TITLE)
