"""One HTTP request for one delivery: made once, over a connection of its own, without following a redirect.

Addresses and headers of these requests are secrets, and aiohttp puts the address into its errors. So nothing that it
says goes into a detail; the kind of error has to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec

from alerting.channels.statuses import read_retry_after
from alerting.delivery import Outcome, Reason
from deskwatch.records import DeliveryState

BODY_BYTES: Final = 1024 * 1024  # of an answer; more of it is not read


class Answer(NamedTuple):
    """What a server said; the body is None if it could not be read, or not to its end."""

    status: int
    retry_after_s: float = 0.0
    body: bytes | None = None


class Poster:
    """Makes requests; give it back with `close`."""

    def __init__(self, *, timeout_s: float, now: Callable[[], float] = time.time) -> None:
        # What ends while it still connects has surely sent nothing, and must not be taken for an unknown outcome.
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=timeout_s / 2)
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer | Outcome:
        """Return the answer, or what it means that there is none."""
        try:
            return await self._request("POST", url, {"Content-Type": "application/json"} | dict(headers), body)
        except (aiohttp.InvalidURL, ValueError) as error:
            return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_TARGET, detail=_kind(error))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Outcome(state=DeliveryState.RETRY, reason=Reason.CONNECT, detail=_kind(error))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Outcome(state=DeliveryState.UNKNOWN, reason=Reason.NO_ANSWER, detail=_kind(error))

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer | None:
        """Return the answer, None if there is none."""
        try:
            return await self._request("GET", url, headers, None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _request(self, verb: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        if self._session is None:
            # A connection for every request: one that was kept may be dead, and what dies with it is ambiguous.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                timeout=self._timeout,
                headers={"User-Agent": "Deskwatch", "Accept-Encoding": "identity"},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        async with self._session.request(verb, url, data=body, headers=headers, allow_redirects=False) as response:
            wait_s = read_retry_after(response.headers.get("Retry-After"), self._now())
            return Answer(response.status, wait_s, await _read(response))


def read_object(raw: bytes | None) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    try:
        found = msgspec.json.decode(raw or b"")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Return the body if it comes; the status has been said, and holds even if the rest never comes."""
    found = bytearray()
    try:
        async for chunk in response.content.iter_chunked(16_384):
            found += chunk
            if len(found) > BODY_BYTES:
                return None
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    return bytes(found)


def _kind(error: Exception) -> str:
    """Return what an error is, without a word of its text."""
    cause = getattr(error, "os_error", None)
    return type(error).__name__ + (f" ({type(cause).__name__})" if cause is not None else "")
