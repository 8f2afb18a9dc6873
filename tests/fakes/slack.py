"""Slack's Web API over HTTP on 127.0.0.1, as far as Deskwatch uses it, with Slack's limits and with faults.

It runs in a thread of its own, so that the test and processes under test can use it alike.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "fake-bot-token"
CHANNELS = {"#china-desk": "C0CHINADESK", "#eastern-europe": "C0EASTEURO", "#desk": "C0DESKDESK"}


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How often, in 0..1, a post goes wrong in a way, and how."""

    rate_limited: float = 0.0
    error_before: float = 0.0  # 500, nothing posted
    error_after: float = 0.0  # posted, then 500
    drop_after: float = 0.0  # posted, then the connection ends
    hang_after: float = 0.0  # posted, then no answer
    late: float = 0.0  # the connection ends, and it is posted a while later
    page_before: float = 0.0  # 200 with a proxy's HTML page

    retry_after_s: int = 1
    late_s: float = 0.3
    hang_s: float = 5.0

    def kinds(self) -> dict[str, float]:
        """Return the probability of each kind."""
        names = ("rate_limited", "error_before", "error_after", "drop_after", "hang_after", "late", "page_before")
        return {name: getattr(self, name) for name in names}


@dataclass
class FakeSlack:
    """A workspace; a context manager. `script` holds faults for the next posts, before those of chance.

    Attributes:
        messages: What officers see, in order of appearance; each as it was edited last.
        edits: Every edit that was made, in order.
        refused: Posts that Slack would have refused, with the reason.
        early: Posts to a channel before its Retry-After was over.
    """

    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    channels: dict[str, str] = field(default_factory=lambda: dict(CHANNELS))
    script: deque[str] = field(default_factory=deque)
    messages: list[dict[str, Any]] = field(default_factory=list)
    edits: list[dict[str, Any]] = field(default_factory=list)
    posts: int = 0
    refused: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    history_error: str = ""
    page: int = 7  # of a history; small, so that cursors get used
    url: str = ""

    def __enter__(self) -> FakeSlack:
        self._random = random.Random(self.seed)
        self._ts = itertools.count(1)
        self._quiet_until: dict[str, float] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-slack", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def keys(self) -> list[str]:
        """Return the delivery key of every message, in order."""
        return [message["metadata"]["event_payload"]["delivery_key"] for message in self.messages]

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/api/chat.postMessage", self._post_message)
        app.router.add_post("/api/chat.update", self._update)
        app.router.add_get("/api/conversations.history", self._history)
        app.router.add_get("/api/conversations.replies", self._history)
        app.router.add_get("/api/conversations.list", self._list)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/api/"

    async def _stop(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await self._runner.cleanup()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _post_message(self, request: web.Request) -> web.StreamResponse:
        payload = json.loads(await request.read())
        self.posts += 1
        if problem := self._refusal(request, payload):
            self.refused.append((problem, payload))
            return web.json_response({"ok": False, "error": problem})
        channel = self._id(payload["channel"])
        if time.monotonic() < self._quiet_until.get(channel, 0.0):
            self.early.append(channel)
        return await self._answer(request, payload, channel, self._fault())

    async def _answer(
        self, request: web.Request, payload: dict[str, Any], channel: str, fault: str
    ) -> web.StreamResponse:
        if fault == "rate_limited":
            self._quiet_until[channel] = time.monotonic() + self.faults.retry_after_s
            headers = {"Retry-After": str(self.faults.retry_after_s)}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        if fault == "error_before":
            return web.Response(status=500, text="oops")
        if fault == "page_before":
            return web.Response(text="<html>Please log in to the network</html>", content_type="text/html")
        if fault == "late":
            delay_s = self._random.uniform(0, self.faults.late_s)
            self._loop.call_later(delay_s, self._commit, payload, channel)
            return self._hang_up(request)
        message = self._commit(payload, channel)
        if fault == "error_after":
            return web.json_response({"ok": False, "error": "internal_error"}, status=500)
        if fault == "drop_after":
            return self._hang_up(request)
        if fault == "hang_after":
            await asyncio.sleep(self.faults.hang_s)
        return web.json_response({"ok": True, "channel": channel, "ts": message["ts"], "message": message})

    async def _update(self, request: web.Request) -> web.StreamResponse:
        payload = json.loads(await request.read())
        self.posts += 1
        problem = self._refusal(request, payload)
        if not problem and payload["channel"] not in self.channels.values():  # names are not taken here
            problem = "channel_not_found"
        message = next((one for one in self.messages if one["ts"] == payload.get("ts")), None)
        if not problem and (message is None or message["channel"] != payload["channel"]):
            problem = "message_not_found"
        if problem or message is None:
            self.refused.append((problem, payload))
            return web.json_response({"ok": False, "error": problem})
        fault = self._fault()
        if fault in ("rate_limited", "error_before", "page_before", "late"):
            return await self._answer(request, payload, payload["channel"], fault.replace("late", "error_before"))
        message.update({name: payload[name] for name in ("text", "blocks") if name in payload})
        self.edits.append(payload)
        if fault == "error_after":
            return web.json_response({"ok": False, "error": "internal_error"}, status=500)
        if fault == "drop_after":
            return self._hang_up(request)
        if fault == "hang_after":
            await asyncio.sleep(self.faults.hang_s)
        return web.json_response({"ok": True, "channel": payload["channel"], "ts": payload["ts"], "text": "t"})

    def _hang_up(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _commit(self, payload: dict[str, Any], channel: str) -> dict[str, Any]:
        now = time.time()
        message = {**payload, "channel": channel, "ts": f"{now:.0f}.{next(self._ts):06d}", "at": now}
        self.messages.append(message)
        return message

    def _fault(self) -> str:
        if self.script:
            return self.script.popleft()
        drawn = self._random.random()
        for kind, probability in self.faults.kinds().items():
            if drawn < probability:
                return kind
            drawn -= probability
        return ""

    def _refusal(self, request: web.Request, payload: dict[str, Any]) -> str:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return "invalid_auth"
        if not self._id(str(payload.get("channel", ""))):
            return "channel_not_found"
        thread = payload.get("thread_ts")
        if thread and not any(one["ts"] == thread and "thread_ts" not in one for one in self.messages):
            return "thread_not_found"
        return refusal(payload)

    def _id(self, channel: str) -> str:
        return self.channels.get(channel, channel if channel in self.channels.values() else "")

    async def _history(self, request: web.Request) -> web.Response:
        query = request.query
        if self.history_error:
            return web.json_response({"ok": False, "error": self.history_error})
        if query["channel"] not in self.channels.values():  # names are not taken here
            return web.json_response({"ok": False, "error": "channel_not_found"})
        size, start = min(int(query.get("limit", 100)), self.page), int(query.get("cursor", "0"))
        found = [
            one if query.get("include_all_metadata") == "true" else {k: v for k, v in one.items() if k != "metadata"}
            for one in reversed(self.messages)
            if one["channel"] == query["channel"]
            and float(one["ts"]) >= float(query.get("oldest", 0))
            and one.get("thread_ts") == query.get("ts")  # a history without a thread has no answers in it
        ]
        more = str(start + size) if start + size < len(found) else ""
        return web.json_response(
            {"ok": True, "messages": found[start : start + size], "response_metadata": {"next_cursor": more}}
        )

    async def _list(self, request: web.Request) -> web.Response:
        start = int(request.query.get("cursor") or 0)
        names = list(self.channels.items())
        page = [{"id": identity, "name": name.removeprefix("#")} for name, identity in names[start : start + 2]]
        more = str(start + 2) if start + 2 < len(names) else ""
        return web.json_response({"ok": True, "channels": page, "response_metadata": {"next_cursor": more}})


def refusal(payload: dict[str, Any]) -> str:
    """Return the error code with which Slack refuses a post, by its documented limits; empty if it takes it."""
    blocks = payload.get("blocks", [])
    if not payload.get("text"):
        return "no_text"
    if len(payload["text"]) > 4000:  # longer ones are taken, but cut
        return "msg_too_long"
    if len(blocks) > 50 or any(not _is_valid(block) for block in blocks):
        return "invalid_blocks"
    if sum(len(text) for block in blocks for text in _texts(block)) > 13_000:
        return "msg_blocks_too_long"
    return ""


def _is_valid(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    if kind == "header":
        return block["text"]["type"] == "plain_text" and 0 < len(block["text"]["text"]) <= 150
    if kind == "section":
        return 0 < len(block["text"]["text"]) <= 3000
    if kind == "context":
        return 0 < len(block["elements"]) <= 10 and all(0 < len(one["text"]) <= 2000 for one in block["elements"])
    if kind == "actions":
        return _are_buttons(block["elements"])
    if kind == "rich_text":
        return all(0 < len(text) <= 3000 for text in _texts(block)) and all(
            link["url"].startswith(("http://", "https://")) and len(link["url"]) <= 3000 for link in _links(block)
        )
    return False


def _are_buttons(buttons: list[dict[str, Any]]) -> bool:
    identities = [button["action_id"] for button in buttons]
    return 0 < len(buttons) <= 25 and len(set(identities)) == len(buttons) and all(map(_is_button, buttons))


def _is_button(button: dict[str, Any]) -> bool:
    return (
        button["type"] == "button"
        and button["text"]["type"] == "plain_text"
        and 0 < len(button["text"]["text"]) <= 75
        and 0 < len(button["action_id"]) <= 255
        and 0 < len(button["value"]) <= 2000
        and len(button.get("url", "")) <= 3000
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)


def _links(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("type") == "link":
            yield value
        for child in value.values():
            yield from _links(child)
    elif isinstance(value, list):
        for child in value:
            yield from _links(child)
