from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from fakes import hostile_feeds

from deskwatch.clock import Clock, SteppedClock
from deskwatch.errors import FetchError, FetchReason
from deskwatch.feedrecords import Feed
from producers.fetching.fetcher import Fetched, Fetcher, Validators, create_session
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


def fetch(
    url: str,
    validators: Validators = NONE,
    settings: ProducerSettings = QUICK,
    *,
    clock: Clock | None = None,
    **configured: Any,
) -> Fetched:
    async def run() -> Fetched:
        async with create_session(settings, "1.2") as session:
            feed = Feed(id="f", url=url, source="F", **configured)
            return await Fetcher(session, settings, clock).fetch(feed, url=url, validators=validators)

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
    error = refuse(f"http://{host}:{port}/x", settings=ProducerSettings(), ports=(int(port),))
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


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 400, b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + b"a" * 400],
    ids=["headers", "body"],
)
def test_an_answer_letter_by_letter_is_cut_off_in_time(said: bytes) -> None:
    patient = ProducerSettings(
        allow_private_addresses=True, connect_timeout_s=0.3, read_timeout_s=0.3, total_timeout_s=0.8
    )
    with hostile_feeds.Server(hostile_feeds.trickle(said, every_s=0.02)) as url:
        began = time.monotonic()
        assert refuse(url, settings=patient).reason is FetchReason.TIMEOUT
        assert time.monotonic() - began < 2


def test_an_endless_body_is_cut_off() -> None:
    with hostile_feeds.Server(hostile_feeds.endless()) as url:
        assert refuse(url).reason is FetchReason.TOO_LARGE


def test_redirects_are_permanent_only_if_each_is(site: Any) -> None:
    def pages(path: str, *_: object) -> Any:
        hops = path.strip("/").split("-")
        return (
            site.Answer(b"x")
            if hops == ["end"]
            else site.Answer(status=int(hops[0]), headers={"Location": f"/{'-'.join(hops[1:])}"})
        )

    site.pages = pages
    found = {path: fetch(f"{site.url}/{path}") for path in ("end", "301-308-end", "301-302-end", "307-end")}
    assert {path: (one.redirected, one.permanent) for path, one in found.items()} == {
        "end": (False, False),
        "301-308-end": (True, True),
        "301-302-end": (True, False),
        "307-end": (True, False),
    }


@pytest.mark.parametrize(("port", "is_allowed"), [(80, True), (443, True), (8443, True), (8080, False), (22, False)])
def test_ports_are_80_and_443_unless_the_feed_says_more(port: int, is_allowed: bool) -> None:
    error = refuse(f"http://127.0.0.1:{port}/", settings=ProducerSettings(), ports=(8443,))
    assert error.reason is (FetchReason.FORBIDDEN_ADDRESS if is_allowed else FetchReason.FORBIDDEN_PORT)


def test_a_password_goes_to_its_server_alone_and_shows_nowhere(site: Any) -> None:
    site.pages = lambda path, *_: (
        site.Answer(status=301, headers={"Location": f"{site.url}/there"}) if path == "/" else site.Answer(b"x")
    )
    found = fetch(site.url.replace("//", "//desk:secret@"))
    assert [headers.get("Authorization") for _, headers in site.requests] == ["Basic ZGVzazpzZWNyZXQ=", None]
    assert found.url == f"{site.url}/there"
    site.pages = lambda *_: site.Answer(status=404)
    assert "secret" not in str(refuse(site.url.replace("//", "//desk:secret@")))


def test_a_feed_that_needs_a_password_does_not_move(site: Any) -> None:
    site.pages = lambda path, *_: (
        site.Answer(status=301, headers={"Location": "/there"}) if path == "/" else site.Answer(b"x")
    )
    assert not fetch(site.url.replace("//", "//desk:secret@")).permanent


def test_a_feed_may_have_a_name_of_its_own_for_us(site: Any) -> None:
    site.pages = lambda *_: site.Answer(b"x")
    fetch(site.url, user_agent="Desk/7 (+https://desk.example)")
    assert site.requests[0][1]["User-Agent"] == "Desk/7 (+https://desk.example)"


def test_headers_about_the_next_visit_come_along(site: Any) -> None:
    site.pages = lambda *_: site.Answer(b"x", headers={"Cache-Control": "max-age=60", "Retry-After": "9"})
    headers = fetch(site.url).headers
    assert (headers["cache-control"], headers["retry-after"]) == ("max-age=60", "9")
    assert "server" not in headers


def test_a_proxy_is_trusted_with_its_own_address_but_not_with_those_behind_it(site: Any) -> None:
    site.pages = lambda *_: site.Answer(b"through the proxy")
    found = fetch("http://feeds.example/rss", settings=ProducerSettings(), proxy=site.url)
    assert found.body == b"through the proxy"
    assert [path for path, _ in site.requests] == ["http://feeds.example/rss"]
    for host in ("127.0.0.1", "0x7f000001", "2130706433", "localhost", "[::1]", "169.254.169.254", "db.internal"):
        error = refuse(f"http://{host}/rss", settings=ProducerSettings(), proxy=site.url)
        assert error.reason is FetchReason.FORBIDDEN_ADDRESS, host
    assert len(site.requests) == 1


def test_a_proxy_does_not_open_private_addresses_to_other_feeds(site: Any) -> None:
    async def run() -> None:
        settings = ProducerSettings()
        async with create_session(settings, "1") as session:
            fetcher = Fetcher(session, settings)
            through = Feed(id="a", url="http://feeds.example/", source="A", proxy=site.url)
            await fetcher.fetch(through, url=through.url, validators=NONE)
            direct = Feed(id="b", url="http://127.0.0.1/", source="B")
            with pytest.raises(FetchError) as caught:
                await fetcher.fetch(direct, url=direct.url, validators=NONE)
            assert caught.value.reason is FetchReason.FORBIDDEN_ADDRESS

    site.pages = lambda *_: site.Answer(b"x")
    asyncio.run(run())


def test_proxies_of_the_environment_are_ignored(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    site.pages = lambda *_: site.Answer(b"x")
    assert fetch(site.url).body == b"x"


@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_page_that_tests_for_a_browser_is_a_wall(site: Any, status: int) -> None:
    page = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"
    site.pages = lambda *_: site.Answer(page, status=status, headers={"Content-Type": "text/html; charset=UTF-8"})
    error = refuse(site.url)
    assert (error.reason, error.status) == (FetchReason.BLOCKED, status)


def test_a_validator_that_cannot_be_sent_back_does_not_break_the_next_poll(site: Any) -> None:
    said = b'HTTP/1.1 200 OK\r\nETag: "\xe9"\r\nContent-Length: 1\r\n\r\nx'
    with hostile_feeds.Server([said]) as url:
        assert fetch(url).validators == NONE


def test_many_small_chunks_are_read() -> None:
    with hostile_feeds.Server(hostile_feeds.one_byte_chunks(100_000)) as url:
        assert fetch(url).body == b"x" * 100_000


def test_announcements_of_an_answer_that_never_comes_are_cut_off() -> None:
    with hostile_feeds.Server(hostile_feeds.early_hints()) as url:
        began = time.monotonic()
        quick = ProducerSettings(allow_private_addresses=True, connect_timeout_s=0.2, read_timeout_s=0.2)
        assert refuse(url, settings=quick).reason in (FetchReason.TIMEOUT, FetchReason.PROTOCOL)
        assert time.monotonic() - began < 2
