"""A feed of a few items on 127.0.0.1, for tests of what becomes of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape


def rss(items: Sequence[tuple[str, str]], published: datetime) -> bytes:
    """Return an RSS 2.0 document of titles and texts."""
    entries = "".join(
        f"<item><guid isPermaLink='false'>item-{number}</guid><title>{escape(title)}</title>"
        f"<link>https://paper.example/{number}</link><pubDate>{format_datetime(published)}</pubDate>"
        f"<description>{escape(text[:300])}</description>"
        f"<content:encoded>{escape(''.join(f'<p>{escape(line)}</p>' for line in text.splitlines() if line))}"
        "</content:encoded></item>"
        for number, (title, text) in enumerate(items)
    )
    return (
        "<?xml version='1.0' encoding='utf-8'?><rss version='2.0' xmlns:content='http://purl.org/rss/1.0/modules/content/'>"
        f"<channel><title>Paper</title><link>https://paper.example/</link>{entries}</channel></rss>"
    ).encode()


@contextmanager
def serve(body: bytes) -> Iterator[str]:
    """Yield the URL at which a body is served."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/rss"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
