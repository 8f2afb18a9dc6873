"""Webhooks: a POST to a secret address, signed if its receiver shares a secret with us; Teams takes the same, unsigned.

Nobody can be asked what became of a POST. But it has the same delivery id at each attempt, so that its receiver can
tell a second one.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote

from alerting.channels.posting import Poster
from alerting.channels.statuses import judge, not_allowed
from alerting.delivery import Found, Frozen, Lookup, Outcome
from alerting.rules.references import follow, follow_to_url
from deskwatch.errors import ConfigError


class HookChannel:
    """Posts to where the address of a delivery refers to: `URL` or `URL SECRET`."""

    def __init__(self, poster: Poster, environ: Mapping[str, str], *, now: Callable[[], float] = time.time) -> None:
        self._poster = poster
        self._environ = environ
        self._now = now

    async def send(self, frozen: Frozen) -> Outcome:
        """Post once."""
        where, _, signed_with = frozen.address.partition(" ")
        try:
            url = follow_to_url(where, self._environ, "address of the webhook")
            secret = follow(signed_with, self._environ, "secret of the webhook") if signed_with else ""
        except ConfigError as error:
            return not_allowed(str(error))
        headers = {"X-Deskwatch-Delivery": delivery_id(frozen.key)}
        if secret:
            headers |= signature(secret, int(self._now()), frozen.body)
        answer = await self._poster.post(url, frozen.body, headers)
        return answer if isinstance(answer, Outcome) else judge(answer.status, answer.retry_after_s)

    async def look_up(self, frozen: Frozen) -> Lookup:  # noqa: ARG002  # whichever it is
        """Say that nobody can tell."""
        return Lookup(found=Found.CANNOT_TELL)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


def delivery_id(key: str) -> str:
    """Return a delivery's key as a header's value."""
    return quote(key, safe="|:/+~=@!,;")


def signature(secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver knows who sent a body, and when: HMAC-SHA256 of `timestamp.body`."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Deskwatch-Timestamp": str(timestamp), "X-Deskwatch-Signature": f"sha256={signed}"}
