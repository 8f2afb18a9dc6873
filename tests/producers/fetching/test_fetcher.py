from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.clock import SteppedClock
from deskwatch.errors import FetchError, FetchReason
from producers.feeds.config import Feed
from producers.fetching.fetcher import Fetched, Fetcher, Validators, create_session, decompress, read_retry_after
from producers.settings import ProducerSettings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NONE = Validators()
QUICK = ProducerSettings(
    allow_private_addresses=True,
    read_timeout_s=0.3,
    total_timeout_s=1,
    max_body_bytes=200_000,
    max_document_bytes=400_000,
)


def fetch(url: str, validators: Validators = NONE, settings: ProducerSettings = QUICK, **more: Any) -> Fetched:
    async def run() -> Fetched:
        async with create_session(settings, "1.2") as session:
            return await Fetcher(session, settings, **more).fetch(Feed(id="f", url=url, source="F"), validators)

    return asyncio.run(run())


def refuse(url: str, **more: Any) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch(url, **more)
    return caught.value


def test_a_body_comes_with_its_validators_and_under_an_honest_name(site: Any) -> None:
    site.pages = lambda *_: site.Answer(b"<rss/>", headers={"ETag": 'W/"a b"', "Content-Type": "text/xml"})
    found = fetch(f"{site.url}/x", settings=ProducerSettings(allow_private_addresses=True, contact="desk@example.org"))
    assert (found.status, found.body, found.content_type) == (200, b"<rss/>", "text/xml")
    assert found.validators == Validators('W/"a b"', "")
    _, headers = site.requests[0]
    assert headers["User-Agent"] == "Deskwatch/1.2 (+desk@example.org)"
    assert "If-None-Match" not in headers


def test_validators_go_back_as_they_came_and_a_304_renews_them(site: Any) -> None:
    site.pages = lambda *_: site.Answer(status=304, headers={"ETag": '"new"'})
    found = fetch(f"{site.url}/x", Validators('"old"', "a date that is none"))
    assert (found.status, found.body) == (304, None)
    assert found.validators == Validators('"new"', "a date that is none")
    _, headers = site.requests[0]
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"old"', "a date that is none")


def test_a_304_that_nobody_asked_for_is_an_error(site: Any) -> None:
    site.pages = lambda *_: site.Answer(status=304)
    assert refuse(f"{site.url}/x").status == 304


def test_the_replayed_time_is_told_only_in_a_replay(site: Any) -> None:
    site.pages = lambda *_: site.Answer(b"x")
    fetch(f"{site.url}/x", clock=SteppedClock(NOW))
    fetch(f"{site.url}/x")
    assert [headers.get("X-Deskwatch-Time") for _, headers in site.requests] == ["2026-03-01T00:00:00+00:00", None]


@pytest.mark.parametrize(("encode", "encoding"), [(gzip.compress, "gzip"), (zlib.compress, "deflate")])
def test_compressed_bodies_are_read(site: Any, encode: Callable[[bytes], bytes], encoding: str) -> None:
    site.pages = lambda *_: site.Answer(encode(b"<rss/>" * 100), headers={"Content-Encoding": encoding})
    assert fetch(f"{site.url}/x").body == b"<rss/>" * 100


def test_a_gzip_bomb_is_stopped(site: Any) -> None:
    site.pages = lambda *_: site.Answer(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"})
    assert refuse(f"{site.url}/x").reason is FetchReason.TOO_LARGE


def test_a_large_body_is_stopped(site: Any) -> None:
    site.pages = lambda *_: site.Answer(bytes(300_000))
    assert refuse(f"{site.url}/x").reason is FetchReason.TOO_LARGE


@pytest.mark.parametrize(
    ("headers", "body"), [({"Content-Encoding": "gzip"}, b"no gzip"), ({"Content-Encoding": "br"}, b"x")]
)
def test_a_body_in_the_wrong_encoding_is_an_error(site: Any, headers: dict[str, str], body: bytes) -> None:
    site.pages = lambda *_: site.Answer(body, headers=headers)
    assert refuse(f"{site.url}/x").reason is FetchReason.PROTOCOL


def test_an_error_status_says_when_to_come_back(site: Any) -> None:
    site.pages = lambda *_: site.Answer(status=429, headers={"Retry-After": "120"})
    error = refuse(f"{site.url}/x")
    assert (error.reason, error.status, error.retry_after_s) == (FetchReason.STATUS, 429, 120)


def test_redirects_are_followed_and_the_last_url_is_told(site: Any) -> None:
    site.pages = lambda path, *_: (
        site.Answer(status=302, headers={"Location": "/there"}) if path == "/here" else site.Answer(b"x")
    )
    assert fetch(f"{site.url}/here").url == f"{site.url}/there"


def test_a_redirect_loop_ends(site: Any) -> None:
    site.pages = lambda *_: site.Answer(status=302, headers={"Location": "/again"})
    assert refuse(f"{site.url}/x").reason is FetchReason.REDIRECTS
    assert len(site.requests) <= 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:alert(1)", "http://"])
def test_a_redirect_out_of_http_is_refused(site: Any, target: str) -> None:
    site.pages = lambda *_: site.Answer(status=302, headers={"Location": target})
    assert refuse(f"{site.url}/x").reason in (FetchReason.REDIRECTS, FetchReason.PROTOCOL)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "[::ffff:127.0.0.1]", "0.0.0.0"])
def test_private_addresses_are_refused_where_the_connection_is_made(site: Any, host: str) -> None:
    port = site.url.rpartition(":")[2]
    error = refuse(f"http://{host}:{port}/x", settings=ProducerSettings())
    assert error.reason in (FetchReason.FORBIDDEN_ADDRESS, FetchReason.REDIRECTS)  # or no URL at all
    assert site.requests == []


def test_a_server_that_is_not_there_is_a_connect_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert refuse(f"http://127.0.0.1:{unused.getsockname()[1]}/").reason is FetchReason.CONNECT


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", FetchReason.TIMEOUT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", FetchReason.TIMEOUT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf-END", FetchReason.PROTOCOL),
        (b"\x00\x01\x02 nonsense\r\n\r\n-END", FetchReason.PROTOCOL),
    ],
    ids=["silent", "stalled", "broken off", "no http"],
)
def test_servers_that_stall_or_talk_nonsense(said: bytes, reason: FetchReason) -> None:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(said.removesuffix(b"-END"))
                if not said.endswith(b"-END"):
                    done.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        error = refuse(f"http://127.0.0.1:{server.getsockname()[1]}/")
        done.set()
        thread.join()
    assert error.reason is reason


@given(st.binary(max_size=2_000))
def test_decompression_gives_back_what_was_compressed(body: bytes) -> None:
    assert decompress(gzip.compress(body) + gzip.compress(body), "gzip", 4_000) == body + body
    assert decompress(zlib.compress(body), "deflate", 2_000) == body
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert decompress(raw.compress(body) + raw.flush(), "deflate", 2_000) == body


def test_the_bound_on_decompression_is_exact() -> None:
    packed = gzip.compress(bytes(1_000))
    assert decompress(packed, "gzip", 1_000) == bytes(1_000)
    assert decompress(packed, "gzip", 999) is None
    assert decompress(packed + packed, "gzip", 1_999) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("99999999999999", 86_400.0),
        ("Sun, 01 Mar 2026 00:01:00 GMT", 60.0),
        ("Sat, 28 Feb 2026 00:01:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds
