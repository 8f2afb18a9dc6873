"""Slack's Socket Mode on 127.0.0.1: apps.connections.open and the WebSocket behind it, strict about answers."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

APP_TOKEN = "fake-app-token"


@dataclass
class FakeSocketMode:
    """An asynchronous context manager; `open_script` holds answers to the next calls of apps.connections.open.

    Attributes:
        connected: How many connections were greeted.
        acknowledged: The envelopes that were, in order.
        wrong: What Slack would not understand.
    """

    open_script: list[web.Response] = field(default_factory=list)
    connected: int = 0
    opened: int = 0
    acknowledged: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> FakeSocketMode:
        self._tickets: set[str] = set()
        self._ids = itertools.count(1)
        self._sockets: list[web.WebSocketResponse] = []
        self._changed = asyncio.Condition()
        app = web.Application()
        app.router.add_post("/api/apps.connections.open", self._open)
        app.router.add_get("/link", self._link)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/api/"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when a condition holds, which is looked at whenever something happens."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(condition)

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        """Send a frame on the last connection."""
        socket = self._sockets[-1]
        if isinstance(frame, bytes):
            await socket.send_bytes(frame)
        else:
            await socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def press(self, **press: Any) -> str:
        """Press a button, wait for the acknowledgement, and return the envelope's id."""
        envelope = f"envelope-{next(self._ids)}"
        await self.send(
            {
                "envelope_id": envelope,
                "type": "interactive",
                "accepts_response_payload": False,
                "payload": block_actions(**press),
            }
        )
        await self.until(lambda: envelope in self.acknowledged)
        return envelope

    def drop(self) -> None:
        """End the last connection without a word."""
        transport = self._requests_transport
        assert transport is not None
        transport.abort()

    async def _open(self, request: web.Request) -> web.Response:
        self.opened += 1
        await self._note()
        if request.headers.get("Authorization") != f"Bearer {APP_TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if self.open_script:
            return self.open_script.pop(0)
        ticket = f"ticket-{next(self._ids)}"
        self._tickets.add(ticket)
        return web.json_response({"ok": True, "url": f"ws://127.0.0.1:{self._port}/link?ticket={ticket}"})

    async def _link(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            self.wrong.append("a ticket is good for one connection")
            return web.Response(status=400)
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        self._requests_transport = request.transport
        await socket.send_str(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}}))
        self.connected += 1
        await self._note()
        async for frame in socket:
            self._take(frame.data if frame.type is WSMsgType.TEXT else "")
            await self._note()
        return socket

    def _take(self, text: str) -> None:
        try:
            answer = json.loads(text)
        except ValueError:
            self.wrong.append(text)
            return
        if not isinstance(answer, dict) or set(answer) != {"envelope_id"} or answer["envelope_id"] in self.acknowledged:
            self.wrong.append(text)
            return
        self.acknowledged.append(answer["envelope_id"])

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def block_actions(
    verb: str = "acknowledge", key: str = "spike-1|0|china-desk|slack", user: str = "ann", ts: str = "1.5"
) -> dict[str, Any]:
    """Return what Slack sends when somebody presses a button, as its documentation shows it."""
    return {
        "type": "block_actions",
        "user": {"id": f"U0{user.upper()}", "username": user, "name": user, "team_id": "T1"},
        "api_app_id": "A1",
        "token": "legacy",
        "container": {"type": "message", "message_ts": ts, "channel_id": "C1", "is_ephemeral": False},
        "trigger_id": "12466734323.1395872398",
        "team": {"id": "T1", "domain": "desk"},
        "channel": {"id": "C1", "name": "desk"},
        "message": {"type": "message", "ts": ts, "text": "…", "blocks": []},
        "response_url": "https://hooks.slack.com/actions/T1/1/x",
        "actions": [
            {
                "action_id": f"deskwatch.{verb}",
                "block_id": "b",
                "type": "button",
                "text": {"type": "plain_text", "text": "Acknowledge"},
                "value": key,
                "action_ts": "1548426417.840180",
            }
        ],
    }
