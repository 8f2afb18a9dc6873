"""The Apprise channel, for services that have none of their own: Matrix, Telegram, Discord and a hundred more.

Apprise tells neither why a message was refused nor whether one arrived, so what did not succeed is unknown, and going
again may make a duplicate. It is an extra that need not be installed.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from alerting.channels.statuses import not_allowed
from alerting.delivery import Found, Frozen, Lookup, Outcome, Reason
from alerting.rules.references import follow
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.records import DeliveryState


def load_apprise() -> Any:
    """Return the library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        library = importlib.import_module("apprise")
    except ImportError as error:
        message = "a target has 'apprise', which is not installed: pip install 'deskwatch[apprise]'"
        raise ConfigError([Problem("alerting", 1, 1, message)]) from error
    for name in ("apprise", "urllib3"):  # they write addresses with their secrets
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return library


class AppriseChannel:
    """Sends through the Apprise URL that the address of a delivery refers to."""

    def __init__(self, environ: Mapping[str, str], *, timeout_s: float, load: Callable[[], Any] = load_apprise) -> None:
        self._environ = environ
        self._timeout_s = timeout_s
        self._load = load

    async def send(self, frozen: Frozen) -> Outcome:
        """Send once, without Apprise's own retries."""
        try:
            library = self._load()
            url = follow(frozen.address, self._environ, "Apprise URL")
        except ConfigError as error:
            return not_allowed(str(error))
        service = library.Apprise.instantiate(url)
        if service is None:
            return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_TARGET, detail="no URL that Apprise knows")
        service.retry = 0
        return await self._notify(library, service, msgspec.json.decode(frozen.body))

    async def look_up(self, frozen: Frozen) -> Lookup:  # noqa: ARG002  # whichever it is
        """Say that nobody can tell."""
        return Lookup(found=Found.CANNOT_TELL)

    async def close(self) -> None:
        """Do nothing: every message has its own connection."""

    async def _notify(self, library: Any, service: Any, message: Mapping[str, str]) -> Outcome:
        sender = library.Apprise()
        sender.add(service)
        try:
            arrived = await asyncio.wait_for(
                asyncio.to_thread(sender.notify, body_format="text", **message), self._timeout_s
            )
        except TimeoutError:
            return Outcome(state=DeliveryState.UNKNOWN, reason=Reason.NO_ANSWER, detail="Apprise did not come back")
        except Exception as error:  # noqa: BLE001  # a hundred plugins of others, and their texts may hold the URL
            return Outcome(state=DeliveryState.UNKNOWN, reason=Reason.SERVER_FAULT, detail=type(error).__name__)
        if not arrived:
            return Outcome(state=DeliveryState.UNKNOWN, reason=Reason.SERVER_FAULT, detail="Apprise says no")
        return Outcome(state=DeliveryState.SENT)
