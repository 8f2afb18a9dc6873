"""The simulated outlets' feeds as real RSS 2.0 over HTTP, at the instant that the request asks for."""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from types import TracebackType
from typing import Final, Self
from xml.sax.saxutils import escape

from aiohttp import web

from demo.script import Outlet
from demo.world import Item, World

HOST: Final = "127.0.0.1"
TIME_HEADER: Final = "X-Deskwatch-Time"
WINDOW: Final = timedelta(hours=3)  # what a feed lists: all of these hours before its newest item,
AT_LEAST: Final = 10  # and at least so many
START_S: Final = 10.0


class Shelf:
    """The documents of one outlet's feed over time; each depends on its newest item alone, so that validators work."""

    def __init__(self, outlet: Outlet, items: tuple[Item, ...]) -> None:
        self._outlet = outlet
        self._items = items
        self._times = [item.at for item in items]
        self._parts = [_render(item) for item in items]

    def find(self, at: datetime) -> tuple[int, int]:
        """Return which items are listed at an instant: from the first number on, before the second."""
        end = bisect_right(self._times, at)
        if not end:
            return 0, 0
        return max(0, min(bisect_right(self._times, self._times[end - 1] - WINDOW), end - AT_LEAST)), end

    def document(self, first: int, end: int) -> str:
        """Return the feed that lists these items, newest first."""
        site = f"https://{self._outlet.id}.example/"
        built = f"<lastBuildDate>{_http_date(self._times[end - 1])}</lastBuildDate>" if end else ""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
            f"<title>{escape(self._outlet.name)}</title><link>{site}</link>"
            f"<description>All reports of {escape(self._outlet.name)}</description><language>en</language>{built}"
            f"{''.join(reversed(self._parts[first:end]))}</channel></rss>\n"
        )

    def modified(self, end: int) -> datetime | None:
        """Return when the newest item before `end` was printed."""
        return self._times[end - 1] if end else None

    def guids(self, first: int, end: int) -> set[str]:
        """Return the guids of these items."""
        return {item.guid for item in self._items[first:end]}


class WorldServer:
    """Serves a world's feeds on a free port of this machine from a thread of its own; a context manager.

    Attributes:
        port: Where it listens, once entered.
        polls: Requests answered with a feed or with "not modified".
        not_modified: How many of them were the latter.
        served: The guids of all items that were in an answer.
        asked: The latest instant that a request asked for.
    """

    def __init__(self, world: World) -> None:
        self._shelves = {outlet.id: Shelf(outlet, tuple(world.items[outlet.id])) for outlet in world.outlets}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="world", daemon=True)
        self._ready = threading.Event()
        self._error: Exception | None = None
        self.port = 0
        self.polls = 0
        self.not_modified = 0
        self.served: set[str] = set()
        self.asked = world.start

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(START_S)
        if self._error is not None:
            raise self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, outlet_id: str) -> str:
        """Return the address of an outlet's feed."""
        return f"http://{HOST}:{self.port}/{outlet_id}/rss.xml"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_get("/{outlet}/rss.xml", self._answer)
        runner = web.AppRunner(app, access_log=None)
        try:
            self._loop.run_until_complete(runner.setup())
            site = web.TCPSite(runner, HOST, 0)
            self._loop.run_until_complete(site.start())
            self.port = runner.addresses[0][1]
        except OSError as error:
            self._error = error
        finally:
            self._ready.set()
        if self._error is None:
            self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())

    async def _answer(self, request: web.Request) -> web.Response:
        shelf = self._shelves.get(request.match_info["outlet"])
        if shelf is None:
            raise web.HTTPNotFound
        try:
            at = _instant(request.headers.get(TIME_HEADER))
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{TIME_HEADER}: {error}\n") from error
        self.asked = max(self.asked, at)
        self.polls += 1
        first, end = shelf.find(at)
        headers = {"ETag": f'"{end}"'}
        if (modified := shelf.modified(end)) is not None:
            headers["Last-Modified"] = _http_date(modified)
        if _is_known(request, headers["ETag"], modified):
            self.not_modified += 1
            return web.Response(status=304, headers=headers)
        self.served |= shelf.guids(first, end)
        body = shelf.document(first, end)
        return web.Response(text=body, content_type="application/rss+xml", charset="utf-8", headers=headers)


def _instant(header: str | None) -> datetime:
    """Return the instant that a request asks for: now, if it does not say.

    Raises:
        ValueError: it is no time with a zone.
    """
    if header is None:
        return datetime.now(UTC)
    at = datetime.fromisoformat(header)
    if at.tzinfo is None:
        raise ValueError(f"'{header}' has no zone")
    return at


def _is_known(request: web.Request, etag: str, modified: datetime | None) -> bool:
    """Return whether the client has this document: by its ETag if it sent one, else by the time (RFC 9110, 13.2.2)."""
    if (tags := request.headers.get("If-None-Match")) is not None:
        return etag in [tag.strip().removeprefix("W/") for tag in tags.split(",")]
    if modified is None or (since := request.headers.get("If-Modified-Since")) is None:
        return False
    try:
        return modified <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False  # an unreadable date counts as none


def _render(item: Item) -> str:
    return (
        f"<item><title>{escape(item.title)}</title><link>{item.link}</link>"
        f'<guid isPermaLink="false">{item.guid}</guid><pubDate>{_http_date(item.at)}</pubDate>'
        f"<description>{escape(item.text)}</description></item>"
    )


def _http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)
