"""One conditional GET: bounded in time, size, hops and address, whatever the server does."""

from __future__ import annotations

import errno
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
import msgspec

from deskwatch.clock import Clock
from deskwatch.errors import FetchError, FetchReason
from producers.feeds.config import Feed
from producers.fetching.addresses import open_public_socket
from producers.settings import ProducerSettings

MAX_REDIRECTS: Final = 5
MAX_RETRY_AFTER_S: Final = 86_400.0
TIME_HEADER: Final = "X-Deskwatch-Time"

_CHUNK: Final = 65_536
_MAX_VALIDATOR: Final = 1_024
_ACCEPT: Final = (
    "application/rss+xml, application/atom+xml, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
)


class Validators(msgspec.Struct, frozen=True):
    """What a server said to recognise an unchanged feed by; sent back as it came, quotes and all."""

    etag: str = ""
    last_modified: str = ""


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: the body, or None when the server says that nothing changed (304)."""

    status: int
    url: str  # after redirects
    validators: Validators
    body: bytes | None = None
    content_type: str = ""
    transferred_bytes: int = 0


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

    async def fetch(self, feed: Feed, validators: Validators) -> Fetched:
        """Return the feed's present body, or that it is unchanged.

        Raises:
            FetchError: for every other outcome, with its reason.
        """
        try:
            headers = self._headers(validators)
            async with self._session.get(feed.url, headers=headers, max_redirects=MAX_REDIRECTS) as response:
                return await self._receive(feed, validators, response)
        except TimeoutError as error:
            raise FetchError(feed.id, FetchReason.TIMEOUT, f"{feed.url}: timed out") from error
        except aiohttp.TooManyRedirects as error:
            detail = f"{feed.url}: more than {MAX_REDIRECTS} redirects"
            raise FetchError(feed.id, FetchReason.REDIRECTS, detail) from error
        except aiohttp.InvalidURL as error:  # also a redirect to file:, ftp: and the like
            raise FetchError(feed.id, FetchReason.REDIRECTS, f"{feed.url}: leads to no http URL") from error
        except aiohttp.ClientConnectorError as error:
            reason = FetchReason.FORBIDDEN_ADDRESS if error.errno == errno.EACCES else FetchReason.CONNECT
            raise FetchError(feed.id, reason, f"{feed.url}: {error}") from error
        except aiohttp.ClientPayloadError as error:
            raise FetchError(feed.id, FetchReason.PROTOCOL, f"{feed.url}: the body broke off: {error}") from error
        except aiohttp.ClientConnectionError as error:
            raise FetchError(feed.id, FetchReason.CONNECT, f"{feed.url}: {error}") from error
        except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:  # ValueError: host names IDNA refuses
            raise FetchError(feed.id, FetchReason.PROTOCOL, f"{feed.url}: {error}") from error

    def _headers(self, validators: Validators) -> dict[str, str]:
        headers = {}
        if validators.etag:
            headers["If-None-Match"] = validators.etag
        if validators.last_modified:
            headers["If-Modified-Since"] = validators.last_modified
        if self._clock is not None:
            headers[TIME_HEADER] = self._clock.now().isoformat()
        return headers

    async def _receive(self, feed: Feed, validators: Validators, response: aiohttp.ClientResponse) -> Fetched:
        url = str(response.url)
        if response.status == 304 and validators != Validators():
            return Fetched(status=304, url=url, validators=_read_validators(response.headers, validators))
        if response.status != 200:
            raise FetchError(
                feed.id,
                FetchReason.STATUS,
                f"{url}: status {response.status}",
                status=response.status,
                retry_after_s=read_retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC)),
            )
        raw = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            raw += chunk
            if len(raw) > self._settings.max_body_bytes:
                detail = f"{url}: more than {self._settings.max_body_bytes:,} bytes"
                raise FetchError(feed.id, FetchReason.TOO_LARGE, detail, status=200)
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        body = decompress(bytes(raw), encoding, self._settings.max_document_bytes)
        if body is None:
            detail = f"{url}: more than {self._settings.max_document_bytes:,} bytes after decompression"
            raise FetchError(feed.id, FetchReason.TOO_LARGE, detail, status=200)
        return Fetched(
            status=200,
            url=url,
            validators=_read_validators(response.headers, Validators()),
            body=body,
            content_type=response.headers.get("Content-Type", ""),
            transferred_bytes=len(raw),
        )


def create_session(settings: ProducerSettings, version: str) -> aiohttp.ClientSession:
    """Return an HTTP session: no cookies, no proxies from the environment, public addresses only unless allowed."""
    contact = f" (+{settings.contact})" if settings.contact else ""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=settings.concurrency,
            limit_per_host=settings.connections_per_host,
            socket_factory=None if settings.allow_private_addresses else open_public_socket,
        ),
        timeout=aiohttp.ClientTimeout(
            total=settings.total_timeout_s,
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


def decompress(raw: bytes, encoding: str, limit: int) -> bytes | None:
    """Return the decoded body, or None if it would be larger than `limit` bytes.

    Raises:
        zlib.error: the bytes are not what `encoding` says, or break off.
        ValueError: the encoding is none that we asked for.
    """
    if encoding in ("", "identity"):
        return raw if len(raw) <= limit else None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"unknown content encoding {encoding!r}")
    is_raw = encoding == "deflate" and not _has_zlib_header(raw)  # some servers send deflate without its header
    wbits = -zlib.MAX_WBITS if is_raw else zlib.MAX_WBITS | 32
    out = bytearray()
    while raw:
        decoder = zlib.decompressobj(wbits)
        out += decoder.decompress(raw, limit + 1 - len(out))
        if len(out) > limit:
            return None
        if not decoder.eof:
            raise zlib.error("compressed data breaks off")
        raw = decoder.unused_data.lstrip(b"\0")  # a further member of the same file; some servers pad
    return bytes(out)


def read_retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most a day; None if it does not say."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def _has_zlib_header(raw: bytes) -> bool:
    return len(raw) >= 2 and raw[0] & 0x0F == 8 and int.from_bytes(raw[:2], "big") % 31 == 0


def _read_validators(headers: Mapping[str, str], before: Validators) -> Validators:
    """Return an answer's validators; a 304 may leave out those that still hold."""
    return Validators(
        etag=headers.get("ETag", before.etag)[:_MAX_VALIDATOR],
        last_modified=headers.get("Last-Modified", before.last_modified)[:_MAX_VALIDATOR],
    )
