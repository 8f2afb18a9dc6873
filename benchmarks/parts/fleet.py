"""A web server on loopback with any number of news feeds that move on by themselves, for the other benchmarks.

    python benchmarks/parts/fleet.py [--port 0] [--items 30] [--pace 0.1]

`/f/<number>` is a feed. Each request moves it on with the chance `--pace` by two new items; else, if the request
carries the validator of the present state, the answer is 304. `/shown` says which item was shown last by which feed. It
is a process of its own, so that its CPU time is not counted as the poller's.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import uvloop

TEXT = (
    "council ministers said that new rules for steel and grain exports would be discussed again next week "
    "after a long debate about prices housing railway ports shipping energy insurance budgets harbours schools "
    "courts and elections while officials from both sides asked for more time and called the talks frank "
    "useful and open"
)
WORDS = TEXT.split()
START = datetime(2026, 3, 1, tzinfo=UTC)


def item_of(feed: int, number: int) -> str:
    """Return a feed's item, always the same for the same numbers; about 850 bytes, as in news feeds."""
    pick = random.Random(feed * 1_000_003 + number)
    title = " ".join(pick.choices(WORDS, k=9)).capitalize()
    text = " ".join(pick.choices(WORDS, k=60)).capitalize()
    link = f"https://news.example/{feed}/{number}?utm_source=rss"
    at = format_datetime(START + timedelta(minutes=7 * number), usegmt=True)
    return (
        f"<item><title>{title} {number}</title><link>{link.replace('&', '&amp;')}</link>"
        f'<guid isPermaLink="false">urn:news:{feed}:{number}</guid><pubDate>{at}</pubDate>'
        f'<description>&lt;p&gt;{text}.&lt;/p&gt; &lt;img src="https://news.example/i/{number}.jpg"/&gt;'
        f"</description><category>World</category><dc:creator>Desk</dc:creator></item>"
    )


def document_of(feed: int, last: int, items: int) -> bytes:
    """Return a feed's document whose newest item is number `last`."""
    body = "".join(item_of(feed, number) for number in range(last, last - items, -1))
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
        f"<title>News {feed}</title><link>https://news.example/{feed}</link><language>en</language>{body}"
        "</channel></rss>"
    ).encode()


class Site(asyncio.Protocol):
    """One connection."""

    def __init__(self, feeds: dict[int, int], items: int, pace: float, pick: random.Random) -> None:
        self._feeds, self._items, self._pace, self._pick = feeds, items, pace, pick
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head, self._rest = self._rest[:end], self._rest[end + 4 :]
            self._transport.write(self._answer(head))  # type: ignore[attr-defined]  # a TCP transport

    def _answer(self, head: bytes) -> bytes:
        lines = head.split(b"\r\n")
        path = lines[0].split(b" ")[1]
        if path == b"/shown":
            body = json.dumps(self._feeds).encode()
            return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        if not path.startswith(b"/f/"):
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        feed = int(path[3:])
        last = self._feeds.setdefault(feed, self._items)
        asked = next(
            (line.split(b":", 1)[1].strip() for line in lines if line.lower().startswith(b"if-none-match:")), b""
        )
        if asked and self._pick.random() < self._pace:
            last = self._feeds[feed] = last + 2
        tag = f'"{feed}-{last}"'.encode()
        if asked == tag:
            return b"HTTP/1.1 304 Not Modified\r\nETag: " + tag + b"\r\n\r\n"
        body = gzip.compress(document_of(feed, last, self._items), 1)
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml; charset=utf-8\r\nContent-Encoding: gzip\r\nETag: "
            + tag
            + f"\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )


async def serve(port: int, items: int, pace: float) -> None:
    """Serve until the process ends; the port is printed."""
    feeds: dict[int, int] = {}
    pick = random.Random(7)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Site(feeds, items, pace, pick), "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def fleet(*, items: int = 30, pace: float = 0.1) -> Iterator[str]:
    """Yield the URL of a fleet in a process of its own, without the feed's number."""
    command = [sys.executable, __file__, f"--items={items}", f"--pace={pace}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # this very file
    try:
        assert process.stdout is not None  # a pipe was asked for
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/f/"
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Serve a fleet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--items", type=int, default=30)
    parser.add_argument("--pace", type=float, default=0.1)
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.items, options.pace))


if __name__ == "__main__":
    main()
