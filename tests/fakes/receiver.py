"""HTTP receivers on 127.0.0.1 as strict as the services they stand for, with faults: webhook, Teams, ntfy, PagerDuty.

They run in a thread of their own, so that the test and processes under test can use them alike.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aiohttp import web

SECRET = "whsec-of-tests"
TOKEN = "tk_of_tests"
ROUTING_KEY = "R0123456789ABCDEF0123456789ABCDE"


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """Takes what it is sent; a context manager. `script` holds what goes wrong with the next requests.

    A number is the status of a refusal; `drop_after`, `hang_after` and `error_after` happen once the message is taken.

    Attributes:
        taken: What people or programs get, in order of arrival.
        seen: Every request.
    """

    script: deque[int | str] = field(default_factory=deque)
    taken: list[dict[str, Any]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)  # of refusals
    url: str = ""
    accepted: ClassVar[int] = 200

    def __enter__(self) -> Receiver:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-receiver", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def refuse(self, seen: Seen, payload: dict[str, Any]) -> web.Response | None:
        """Return the refusal of a request that the service would not take."""
        return None

    def take(self, seen: Seen, payload: dict[str, Any]) -> dict[str, Any]:
        """Take a message in, and return the answer."""
        self.taken.append(payload)
        return {}

    async def _start(self) -> None:
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_post("/{path:.*}", self._post)
        app.router.add_get("/{path:.*}", self._get)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await self._runner.cleanup()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.path_qs, request.headers, await request.read())
        self.seen.append(seen)
        fault = self.script.popleft() if self.script else ""
        if isinstance(fault, int):
            return web.Response(status=fault, headers=self.headers, text="echo: " + request.path_qs)
        try:
            payload = json.loads(seen.body)
        except ValueError:
            return web.Response(status=400)
        if (refusal := self.refuse(seen, payload)) is not None:
            return refusal
        answer = self.take(seen, payload)
        match fault:
            case "error_after":
                return web.Response(status=500)
            case "drop_after":
                assert request.transport is not None
                request.transport.abort()
            case "hang_after":
                await asyncio.sleep(60)
            case "huge":
                return web.Response(status=self.accepted, body=b" " * (2 * 1024 * 1024))
        return web.json_response(answer, status=self.accepted)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=405)


class FakeWebhook(Receiver):
    """A receiver that checks the signature, and takes each delivery id once."""

    def refuse(self, seen: Seen, payload: dict[str, Any]) -> web.Response | None:
        timestamp = seen.headers.get("X-Deskwatch-Timestamp", "")
        good = hmac.new(SECRET.encode(), timestamp.encode() + b"." + seen.body, hashlib.sha256).hexdigest()
        given = seen.headers.get("X-Deskwatch-Signature", "")
        if not hmac.compare_digest(given, f"sha256={good}") or abs(time.time() - int(timestamp)) > 300:
            return web.Response(status=401)
        return None

    def take(self, seen: Seen, payload: dict[str, Any]) -> dict[str, Any]:
        if all(one["delivery"] != payload["delivery"] for one in self.taken):
            super().take(seen, payload)
        return {}


class FakeTeams(Receiver):
    """A workflow that posts cards, by the rules of Adaptive Cards 1.4 as far as we use them."""

    accepted: ClassVar[int] = 202

    def refuse(self, seen: Seen, payload: dict[str, Any]) -> web.Response | None:
        if len(seen.body) > 28 * 1024:
            return web.Response(status=413)
        if "sig=good" not in seen.path:
            return web.Response(status=401)
        return web.Response(status=400) if card_problem(payload) else None


class FakeNtfy(Receiver):
    """A server whose topics need a token; `can_read` says whether they may also be read."""

    can_read: bool = True
    knows_sequences: bool = True

    def refuse(self, seen: Seen, payload: dict[str, Any]) -> web.Response | None:
        if seen.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"code": 40301, "http": 403, "error": "forbidden"}, status=403)
        return web.json_response({"code": 40024, "http": 400}, status=400) if ntfy_problem(payload) else None

    def take(self, seen: Seen, payload: dict[str, Any]) -> dict[str, Any]:
        message = {"id": f"id{len(self.taken)}", "time": int(time.time()), "event": "message"} | payload
        if not self.knows_sequences:
            del message["sequence_id"]
        message["message"] = message["message"].strip()
        self.taken.append(message)
        return message

    async def _get(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(Seen(request.path_qs, request.headers, b""))
        fault = self.script.popleft() if self.script else ""
        if isinstance(fault, int):
            return web.Response(status=fault)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}" or not self.can_read:
            return web.Response(status=403)
        assert request.query["poll"] == "1"
        topic, since = request.path.split("/")[1], int(request.query["since"])
        kept = [one for one in self.taken if one["topic"] == topic and one["time"] >= since]
        return web.Response(text="".join(f"{json.dumps(one)}\n" for one in kept))


class FakePagerDuty(Receiver):
    """The Events API v2: `incidents` by their key, True while they are open."""

    accepted: ClassVar[int] = 202

    @property
    def incidents(self) -> dict[str, bool]:
        """Return what the events have come to."""
        return {one["dedup_key"]: one["event_action"] == "trigger" for one in self.taken}

    def refuse(self, seen: Seen, payload: dict[str, Any]) -> web.Response | None:
        problem = event_problem(payload)
        if not problem:
            return None
        answer = {"status": "invalid event", "message": "Event object is invalid", "errors": [problem]}
        return web.json_response(answer, status=400)

    def take(self, seen: Seen, payload: dict[str, Any]) -> dict[str, Any]:
        super().take(seen, payload)
        return {"status": "success", "message": "Event processed", "dedup_key": payload["dedup_key"]}


def card_problem(payload: dict[str, Any]) -> str:
    """Return what keeps a message from being posted as a card; empty if nothing does."""
    try:
        [attachment] = payload["attachments"]
        card = attachment["content"]
        if payload["type"] != "message" or attachment["contentType"] != "application/vnd.microsoft.card.adaptive":
            return "no card"
        if card["type"] != "AdaptiveCard" or card["version"] != "1.4" or not card["body"]:
            return "no Adaptive Card"
        if len(card.get("actions", ())) > 6 or any(one["type"] != "Action.OpenUrl" for one in card.get("actions", ())):
            return "actions"
        for block in card["body"]:
            if block["type"] != "RichTextBlock" or not block["inlines"]:
                return f"{block['type']} reads Markdown, or is empty"
            for run in block["inlines"]:
                action = run.get("selectAction", {"type": "Action.OpenUrl", "url": "https://"})
                if run["type"] != "TextRun" or not isinstance(run["text"], str) or action["type"] != "Action.OpenUrl":
                    return "no run of text"
                if not action["url"].startswith(("http://", "https://")):
                    return "a link to nowhere"
    except (KeyError, TypeError, ValueError) as error:
        return repr(error)
    return ""


def ntfy_problem(payload: dict[str, Any]) -> str:
    """Return what ntfy would refuse, or make a file of."""
    known = {"topic", "title", "message", "priority", "tags", "sequence_id", "click", "actions"}
    if payload.keys() - known:
        return f"unknown {payload.keys() - known}"
    if len(json.dumps(payload, ensure_ascii=False).encode()) > 8192:
        return "too large"
    if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", payload["topic"]):
        return "topic"
    if not payload["message"] or len(payload["message"].encode()) > 4096:
        return "message"
    if payload["priority"] not in range(1, 6) or not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", payload["sequence_id"]):
        return "priority or sequence"
    if len(payload.get("actions", ())) > 3 or any(one["action"] != "view" for one in payload.get("actions", ())):
        return "actions"
    if not payload.get("click", "https://").startswith(("http://", "https://")):
        return "click"
    return ""


def event_problem(event: dict[str, Any]) -> str:
    """Return what PagerDuty says of an event that it does not take."""
    if len(event.get("routing_key", "")) != 32:
        return "Length of 'routing_key' is incorrect (should be 32 characters)"
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        return "'event_action' is invalid"
    if not 0 < len(event.get("dedup_key", "")) <= 255:
        return "'dedup_key' is invalid"
    payload = event["payload"]
    if not 0 < len(payload["summary"]) <= 1024 or not payload["source"]:
        return "'payload.summary' is invalid"
    if payload["severity"] not in ("critical", "error", "warning", "info"):
        return "'payload.severity' is invalid"
    if len(json.dumps(event)) > 512 * 1024:
        return "too large"
    return ""
