"""Slack's Socket Mode: clicks on buttons arrive over a connection that we open, so that nobody has to reach us.

slack_sdk is not used here either: what is needed of it is one call, one WebSocket and one line for each envelope.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog

from alerting.answers.clicking import Click, Disconnect, Envelope, Hello, Ignored, read_message
from alerting.metrics import AnsweringMetrics

VIA: Final = "slack"
HEARTBEAT_S: Final = 20.0  # of our own pings; a connection that does not answer is given up
MAX_BYTES: Final = 1024 * 1024
WAITING: Final = 1000  # clicks that are acknowledged and not filed yet

_log = structlog.get_logger()


class _End(Enum):
    """How a connection ended."""

    ASKED = auto()  # Slack said that it would end it, as it does every few hours: the next is opened at once
    DROPPED = auto()
    REFUSED = auto()  # it never greeted us


class SocketMode:
    """Listens for clicks while it runs.

    Args:
        token: Of the app, with connections:write.
        file: Returns whether a click is done with; it comes again if it is not. Raises nothing.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        timeout_s: float,
        file: Callable[[Click], Awaitable[bool]],
        metrics: AnsweringMetrics,
        retry_base_s: float = 1.0,
        retry_max_s: float = 60.0,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/apps.connections.open"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._file = file
        self._metrics = metrics
        self._retry_base_s = retry_base_s
        self._retry_max_s = retry_max_s
        self._waiting: asyncio.Queue[Click] = asyncio.Queue(WAITING)

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop` is set, connecting again whenever the connection ends."""
        self._metrics.listening.labels(VIA).set(0)
        listening, filing = asyncio.create_task(self._listen()), asyncio.create_task(self._work_off())
        stopping = asyncio.create_task(stop.wait())
        tasks = {listening, filing, stopping}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()  # neither ends but by a bug
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._metrics.listening.labels(VIA).set(0)

    async def _listen(self) -> None:
        failures = 0
        async with aiohttp.ClientSession(timeout=self._timeout) as session:
            while True:
                try:
                    ended = await self._connect(session)
                except (aiohttp.ClientError, TimeoutError, OSError, _RefusedError) as error:
                    ended = _End.REFUSED
                    _log.warning("slack.not_listening", detail=f"{type(error).__name__}: {error}")
                self._metrics.listening.labels(VIA).set(0)
                failures = failures + 1 if ended is _End.REFUSED else int(ended is _End.DROPPED)
                await asyncio.sleep(self._backoff_s(failures))

    async def _connect(self, session: aiohttp.ClientSession) -> _End:
        """Listen on one connection until it ends, and return how it did."""
        ended = _End.REFUSED
        url = await self._open(session)
        async with session.ws_connect(url, heartbeat=HEARTBEAT_S, max_msg_size=MAX_BYTES) as socket:
            async for frame in socket:
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    self._count("ignored")
                    continue
                match read_message(frame.data):
                    case Hello():
                        ended = _End.DROPPED
                        self._metrics.listening.labels(VIA).set(1)
                        _log.info("slack.listening")
                    case Disconnect(reason=reason):
                        _log.info("slack.asked_to_reconnect", reason=reason)
                        return _End.ASKED if ended is _End.DROPPED else ended
                    case Envelope(envelope_id=envelope_id, click=click):
                        # At once: Slack shows a failure to the officer, and sends again, after three seconds.
                        await socket.send_json({"envelope_id": envelope_id})
                        self._take(click)
                    case Ignored():
                        self._count("ignored")
        return ended

    async def _open(self, session: aiohttp.ClientSession) -> str:
        """Return the address to connect to; it is good for once and for some seconds."""
        async with session.post(self._url, headers=self._headers, allow_redirects=False) as response:
            try:
                answer: Any = msgspec.json.decode(await response.read())
            except msgspec.DecodeError:
                answer = None
        answer = answer if isinstance(answer, dict) else {}
        url = answer.get("url")
        if response.status != 200 or answer.get("ok") is not True or not isinstance(url, str):
            raise _RefusedError(f"apps.connections.open: HTTP {response.status} {str(answer.get('error', ''))[:80]}")
        # Plain text only where the API itself is spoken to in plain text: by a test, on this machine.
        if urlsplit(url).scheme != ("ws" if self._url.startswith("http:") else "wss"):
            raise _RefusedError("apps.connections.open: no wss address")
        return url

    def _take(self, click: Click | None) -> None:
        if click is None:
            self._count("ignored")
            return
        try:
            self._waiting.put_nowait(click)
        except asyncio.QueueFull:
            self._count("failed")
            _log.error("action.not_published", detail="too many clicks wait for the broker")

    async def _work_off(self) -> None:
        """File clicks one by one; what the broker does not take now is tried until it does."""
        while True:
            click, failures = await self._waiting.get(), 0
            while not await self._file(click):
                failures += 1
                await asyncio.sleep(self._backoff_s(failures))

    def _count(self, outcome: str) -> None:
        self._metrics.clicks.labels(VIA, outcome).inc()

    def _backoff_s(self, failures: int) -> float:
        if not failures:
            return 0.0
        doubled = self._retry_base_s * 2.0 ** min(failures - 1, 30)
        return min(doubled, self._retry_max_s) * random.uniform(0.8, 1.2)


class _RefusedError(Exception):
    """Slack does not let us listen."""
