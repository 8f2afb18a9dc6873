"""Signed tokens for the links in messages: what a link would do, for whom and until when, in some hundred characters.

A token is no secret and holds none: who has it can do what it says, and nothing else. Its signature is what keeps
people from writing their own.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Final

import msgspec

from deskwatch.records import Verb

LIFE: Final = timedelta(days=30)
SECRET_BYTES: Final = 16  # fewer can be guessed
MAX_TOKEN: Final = 1000

_SIGNATURE_BYTES: Final = 16
_PURPOSE: Final = b"deskwatch link 1"


class Order(msgspec.Struct, frozen=True, array_like=True):
    """What a link does: without a verb it shows the episode. Positional, so fields are only ever added at the end."""

    subscriber: str
    target: str
    theme: str
    spike_id: str
    verb: Verb | None
    expires: int  # minutes since the epoch

    @property
    def expires_at(self) -> datetime:
        """Return the time from which the link does nothing any more."""
        return datetime.fromtimestamp(self.expires * 60, UTC)


class Fault(StrEnum):
    """Why a link does nothing; also a metric label."""

    BROKEN = "broken"  # cut off, tampered with, or signed with another secret
    EXPIRED = "expired"


class TokenError(Exception):
    """A token that orders nothing."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(f"the link is {fault}")


def order(
    subscriber: str,
    target: str,
    theme: str,
    spike_id: str,
    verb: Verb | None,
    made_at: datetime,
    life: timedelta = LIFE,
) -> Order:
    """Return an order that holds for 30 days from when its message was made."""
    expires = int((made_at + life).timestamp() // 60)
    return Order(subscriber, target, theme, spike_id, verb, expires)


class Signer:
    """Writes tokens with one secret, and reads those that were written with it."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SECRET_BYTES:
            raise ValueError(f"a secret of {len(secret)} bytes can be guessed: take {SECRET_BYTES} or more")
        self._secret = secret

    def sign(self, what: Order) -> str:
        """Return the token of an order, of letters, digits, `-` and `_`; the same each time."""
        body = msgspec.msgpack.encode(what)
        return base64.urlsafe_b64encode(self._signature(body) + body).rstrip(b"=").decode()

    def read(self, token: str, now: datetime) -> Order:
        """Return the order of a token.

        Raises:
            TokenError: it is not one of ours, or its time is over.
        """
        if len(token) > MAX_TOKEN or not token.isascii():
            raise TokenError(Fault.BROKEN)
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise TokenError(Fault.BROKEN) from error
        signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(body)):
            raise TokenError(Fault.BROKEN)
        try:
            what = msgspec.msgpack.decode(body, type=Order)
        except msgspec.DecodeError as error:  # of a version that knew other verbs
            raise TokenError(Fault.BROKEN) from error
        if what.expires_at <= now:
            raise TokenError(Fault.EXPIRED)
        if self.sign(what) != token:  # base64 has spare bits: one order, one token, one action
            raise TokenError(Fault.BROKEN)
        return what

    def _signature(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, _PURPOSE + body, "sha256")[:_SIGNATURE_BYTES]


def action_id(what: str) -> str:
    """Return the id of the action that a token, or another name of a click, stands for."""
    return blake2b(what.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
