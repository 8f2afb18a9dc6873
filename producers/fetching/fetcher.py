"""One conditional GET: bounded in time, size, hops, ports and address, whatever the server does."""

from __future__ import annotations

import asyncio
import errno
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from deskwatch.clock import Clock
from deskwatch.errors import FetchError, FetchReason
from deskwatch.feedrecords import Feed
from producers.fetching.addresses import connect_to_proxy, may_be_public, open_public_socket
from producers.fetching.decoding import decompress
from producers.fetching.headers import is_challenge, keep_few, read_retry_after, read_validator
from producers.fetching.resolving import Resolver
from producers.settings import ProducerSettings

MAX_REDIRECTS: Final = 5
SLOW_WINDOW_S: Final = 5.0  # in which a body has to bring SLOW_BYTES
SLOW_BYTES: Final = 500
TIME_HEADER: Final = "X-Deskwatch-Time"

_PERMANENT: Final = (301, 308)
_REDIRECTS: Final = (*_PERMANENT, 302, 303, 307)
_PORTS: Final = (80, 443)
_MAX_PER_HOST: Final = 8  # a backstop for where redirects lead; politeness is the poller's
_KEEP_ALIVE_S: Final = 5.0  # polls of one host come every few seconds, or much later
_DNS_CACHE_S: Final = 60
_PEEK_BYTES: Final = 4_096  # of an error page
_ACCEPT: Final = (
    "application/rss+xml, application/atom+xml, application/rdf+xml, application/feed+json, application/xml;q=0.9, "
    "text/xml;q=0.9, */*;q=0.1"
)


class Validators(msgspec.Struct, frozen=True):
    """What a server said to recognise an unchanged feed by; sent back as it came, quotes and all."""

    etag: str = ""
    last_modified: str = ""


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: the body, or None when the server says that nothing changed (304)."""

    status: int
    url: str  # after redirects, without user and password
    validators: Validators
    body: bytes | None = None
    content_type: str = ""
    transferred_bytes: int = 0
    headers: Mapping[str, str] = {}  # those that say when to come again, by lower-case name
    redirected: bool = False
    permanent: bool = False  # redirected, and each hop said that it is for good


class Fetcher:
    """Gets feeds over one session.

    Args:
        session: From `create_session`.
        clock: If given, its time goes into every request, so that an archive or simulated world knows which instant
            to serve.
    """

    def __init__(self, session: aiohttp.ClientSession, settings: ProducerSettings, clock: Clock | None = None) -> None:
        self._session = session
        self._settings = settings
        self._clock = clock

    async def fetch(self, feed: Feed, *, url: str, validators: Validators) -> Fetched:
        """Return a feed's present body, or that it is unchanged.

        Args:
            feed: Whose it is, for its proxy, ports and user agent.
            url: Where it is.
            validators: Of the last answer; empty ones ask for the body in any case.

        Raises:
            FetchError: for every other outcome, with its reason.
        """
        try:
            if feed.proxy:  # in a task of its own, so that the permission to reach the proxy ends with it
                return await asyncio.create_task(self._fetch_through_proxy(feed, url, validators))
            return await self._fetch(feed, URL(url), validators)
        except TimeoutError as error:
            raise FetchError(feed.id, FetchReason.TIMEOUT, f"{_shown(url)}: timed out") from error
        except aiohttp.InvalidURL as error:
            raise FetchError(feed.id, FetchReason.REDIRECTS, f"{_shown(url)}: leads to no http URL") from error
        except aiohttp.ClientConnectorError as error:
            reason = FetchReason.FORBIDDEN_ADDRESS if error.errno == errno.EACCES else FetchReason.CONNECT
            raise FetchError(feed.id, reason, f"{_shown(url)}: {error}") from error
        except aiohttp.ClientPayloadError as error:
            raise FetchError(feed.id, FetchReason.PROTOCOL, f"{_shown(url)}: the body broke off: {error}") from error
        except aiohttp.ClientConnectionError as error:
            raise FetchError(feed.id, FetchReason.CONNECT, f"{_shown(url)}: {error}") from error
        except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:  # ValueError: host names IDNA refuses
            raise FetchError(feed.id, FetchReason.PROTOCOL, f"{_shown(url)}: {error}") from error

    async def _fetch_through_proxy(self, feed: Feed, url: str, validators: Validators) -> Fetched:
        connect_to_proxy()
        return await self._fetch(feed, URL(url), validators)

    async def _fetch(self, feed: Feed, url: URL, validators: Validators) -> Fetched:
        headers = self._headers(feed, validators)
        own, proxy = self._settings, feed.proxy or None
        began = asyncio.get_running_loop().time()
        # Until the headers are complete, so that sending them letter by letter wins nothing.
        async with asyncio.timeout_at(began + own.connect_timeout_s + own.read_timeout_s) as deadline:
            hops: list[int] = []
            while True:
                self._check(feed, url)
                async with self._session.get(url, headers=headers, proxy=proxy, allow_redirects=False) as response:
                    if response.status not in _REDIRECTS or "Location" not in response.headers:
                        fetched = await self._receive(feed, validators, response, deadline, began)
                        break
                    hops.append(response.status)
                    target = _follow(url, response.headers["Location"])
                if len(hops) > MAX_REDIRECTS:
                    detail = f"{_shown(url)}: more than {MAX_REDIRECTS} redirects"
                    raise FetchError(feed.id, FetchReason.REDIRECTS, detail)
                if target is None:
                    raise FetchError(feed.id, FetchReason.REDIRECTS, f"{_shown(url)}: leads to no http URL")
                url = target
        if not hops:
            return fetched
        # Where a password is needed, moving without it would lose the feed.
        permanent = all(hop in _PERMANENT for hop in hops) and url.user is None
        return msgspec.structs.replace(fetched, redirected=True, permanent=permanent)

    def _headers(self, feed: Feed, validators: Validators) -> dict[str, str]:
        headers = {}
        if validators.etag:
            headers["If-None-Match"] = validators.etag
        if validators.last_modified:
            headers["If-Modified-Since"] = validators.last_modified
        if feed.user_agent:
            headers["User-Agent"] = feed.user_agent
        if self._clock is not None:
            headers[TIME_HEADER] = self._clock.now().isoformat()
        return headers

    def _check(self, feed: Feed, url: URL) -> None:
        """Refuse what no connection is needed to see."""
        if self._settings.allow_private_addresses:
            return
        if url.port not in _PORTS and url.port not in feed.ports:
            detail = f"{_shown(url)}: port {url.port} is allowed only if the feed's `ports` say so"
            raise FetchError(feed.id, FetchReason.FORBIDDEN_PORT, detail)
        if feed.proxy and not may_be_public(url.host or ""):
            raise FetchError(feed.id, FetchReason.FORBIDDEN_ADDRESS, f"{_shown(url)}: not a public host")

    async def _receive(
        self,
        feed: Feed,
        validators: Validators,
        response: aiohttp.ClientResponse,
        deadline: asyncio.Timeout,
        began: float,
    ) -> Fetched:
        status, headers, url = response.status, response.headers, _shown(response.url)
        if status == 304 and validators != Validators():
            return Fetched(
                status=304, url=url, validators=_read_validators(headers, validators), headers=keep_few(headers)
            )
        if status != 200:
            start = await self._peek(response) if status in (403, 503) else b""
            is_wall = is_challenge(headers, start)
            raise FetchError(
                feed.id,
                FetchReason.BLOCKED if is_wall else FetchReason.STATUS,
                f"{url}: {'a test for browsers, ' if is_wall else ''}status {status}",
                status=status,
                retry_after_s=read_retry_after(headers.get("Retry-After", ""), datetime.now(UTC)),
            )
        raw = await self._read(feed, response, deadline, began)
        body = decompress(raw, headers.get("Content-Encoding", "").strip().lower(), self._settings.max_document_bytes)
        if body is None:
            detail = f"{url}: more than {self._settings.max_document_bytes:,} bytes after decompression"
            raise FetchError(feed.id, FetchReason.TOO_LARGE, detail, status=200)
        if is_challenge(headers, body):
            raise FetchError(feed.id, FetchReason.BLOCKED, f"{url}: a test for browsers", status=200)
        return Fetched(
            status=200,
            url=url,
            validators=_read_validators(headers, Validators()),
            body=body,
            content_type=headers.get("Content-Type", ""),
            transferred_bytes=len(raw),
            headers=keep_few(headers),
        )

    async def _read(
        self, feed: Feed, response: aiohttp.ClientResponse, deadline: asyncio.Timeout, began: float
    ) -> bytes:
        """Return the body as transferred, if it comes fast enough and is not too large."""
        loop = asyncio.get_running_loop()
        last = began + self._settings.total_timeout_s
        deadline.reschedule(min(loop.time() + SLOW_WINDOW_S, last))
        raw, counted = bytearray(), 0
        while chunk := await response.content.readany():
            raw += chunk
            if len(raw) > self._settings.max_body_bytes:
                detail = f"{_shown(response.url)}: more than {self._settings.max_body_bytes:,} bytes"
                raise FetchError(feed.id, FetchReason.TOO_LARGE, detail, status=200)
            if len(raw) - counted >= SLOW_BYTES and not response.content.at_eof():
                counted = len(raw)
                deadline.reschedule(min(loop.time() + SLOW_WINDOW_S, last))
        return bytes(raw)

    async def _peek(self, response: aiohttp.ClientResponse) -> bytes:
        """Return the beginning of an error page."""
        if "html" not in response.headers.get("Content-Type", "").lower():
            return b""
        start = await response.content.read(_PEEK_BYTES)
        try:
            return decompress(start, response.headers.get("Content-Encoding", "").strip().lower(), _PEEK_BYTES) or b""
        except (ValueError, zlib.error):  # cut off in the middle; what its headers say has to do
            return b""


def create_session(settings: ProducerSettings, version: str) -> aiohttp.ClientSession:
    """Return an HTTP session: no cookies, no proxies from the environment, public addresses only unless allowed."""
    contact = f" (+{settings.contact})" if settings.contact else ""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,
            limit_per_host=max(_MAX_PER_HOST, settings.connections_per_host),
            keepalive_timeout=_KEEP_ALIVE_S,
            ttl_dns_cache=_DNS_CACHE_S,
            resolver=Resolver(),
            socket_factory=None if settings.allow_private_addresses else open_public_socket,
        ),
        timeout=aiohttp.ClientTimeout(
            total=None,  # the fetcher's own deadline moves with the answer
            sock_connect=settings.connect_timeout_s,
            sock_read=settings.read_timeout_s,
        ),
        headers={
            "User-Agent": f"Deskwatch/{version}{contact}",
            "Accept": _ACCEPT,
            "Accept-Encoding": "gzip, deflate",
        },
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # aiohttp would decompress a bomb before anyone could count
    )


def _follow(url: URL, location: str) -> URL | None:
    """Return where a redirect leads, None if that is nothing for us."""
    try:
        target = URL(location)
        if not target.absolute:
            return url.join(target)  # the same server; user and password come along
    except ValueError:
        return None
    if target.scheme not in ("http", "https") or not target.host:
        return None
    return target.with_user(None)  # nobody else says who we are


def _shown(url: str | URL) -> str:
    """Return a URL without its user and password."""
    try:
        url = URL(url)
        return str(url.with_user(None) if url.user is not None or url.password is not None else url)
    except ValueError:
        return "(no URL)"


def _read_validators(headers: Mapping[str, str], before: Validators) -> Validators:
    """Return an answer's validators; a 304 may leave out those that still hold."""
    return Validators(
        etag=read_validator(headers, "ETag", before.etag),
        last_modified=read_validator(headers, "Last-Modified", before.last_modified),
    )
