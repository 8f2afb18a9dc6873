"""The Slack channel: posts, answers and edits without a retry of its own, and the channel's history as the memory.

slack_sdk's clients are not used: by default they post again when the connection drops before the answer.
"""

from __future__ import annotations

from typing import Any, Final

import aiohttp
import msgspec

from alerting.channels.slackcodes import BAD_TARGET, CREDENTIALS, judge, unknown
from alerting.delivery import Found, Frozen, Lookup, Outcome, Reason
from alerting.rendering.slack import EVENT_TYPE
from deskwatch.records import DeliveryKind, DeliveryState

_EARLIER_S: Final = 300  # clocks may differ by so much
_PAGES: Final = 20


class SlackChannel:
    """Posts as a bot; needs chat:write, and channels:history and channels:read to look up what became of a post."""

    def __init__(self, *, base_url: str, token: str, timeout_s: float) -> None:
        self._base_url = base_url.rstrip("/") + "/"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._ids: dict[str, str] = {}  # of channels known by name

    async def send(self, frozen: Frozen) -> Outcome:
        """Post, reply or edit once; whatever leaves it open whether Slack took the message is UNKNOWN.

        What Slack surely refused goes a second time in a plainer form: without blocks if it does not like them, outside
        the thread if that cannot be answered any more. An alert does not die of its looks.
        """
        payload = msgspec.json.decode(frozen.body)
        if frozen.kind is DeliveryKind.EDIT:
            return await self._edit(frozen, payload)
        if frozen.thread_ref:
            payload["thread_ts"] = frozen.thread_ref
        outcome = await self._post("chat.postMessage", payload, frozen.address)
        if outcome.reason is Reason.BAD_THREAD:
            del payload["thread_ts"]
            outcome = await self._post("chat.postMessage", payload, frozen.address)
        return outcome

    async def _edit(self, frozen: Frozen, payload: dict[str, Any]) -> Outcome:
        """Edit the opening; to do it twice changes nothing."""
        try:
            channel = await self._channel_id(frozen.address)
        except _NotAllowedError as error:
            return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_TARGET, detail=str(error))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Outcome(state=DeliveryState.RETRY, reason=Reason.CONNECT, detail=f"{type(error).__name__}: {error}")
        if not channel or not frozen.thread_ref:
            return Outcome(state=DeliveryState.DEAD, reason=Reason.NOT_FOUND, detail="there is nothing to edit")
        payload |= {"channel": channel, "ts": frozen.thread_ref}
        payload.pop("client_msg_id", None)
        return await self._post("chat.update", payload, frozen.address)

    async def _post(self, method: str, payload: dict[str, Any], address: str) -> Outcome:
        try:
            status, retry_after_s, answer = await self._call("POST", method, body=msgspec.json.encode(payload))
        except aiohttp.ClientConnectorError as error:  # before any byte of the request; TLS and DNS are among them
            return Outcome(state=DeliveryState.RETRY, reason=Reason.CONNECT, detail=str(error))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return unknown(Reason.NO_ANSWER, f"{type(error).__name__}: {error}")
        outcome = judge(status, retry_after_s, answer)
        if outcome.reason is Reason.BAD_CONTENT and payload.get("blocks"):
            return await self._post(method, payload | {"blocks": []}, address)
        if outcome.state is DeliveryState.SENT and address.startswith("#"):
            self._ids[address] = str(answer.get("channel", "")) if answer else ""
        return outcome

    async def look_up(self, frozen: Frozen) -> Lookup:
        """Search the channel's history, or the thread, for the metadata of this delivery."""
        if frozen.kind is DeliveryKind.EDIT:
            return Lookup(found=Found.NO)  # to edit again does no harm
        try:
            channel = await self._channel_id(frozen.address)
            if not channel:
                return Lookup(found=Found.CANNOT_TELL)
            parameters = {
                "channel": channel,
                "oldest": f"{frozen.created_at - _EARLIER_S:.6f}",
                "include_all_metadata": "true",
                "limit": "100",
            }
            method = "conversations.history"
            if frozen.thread_ref:  # answers are not in the history
                method, parameters["ts"] = "conversations.replies", frozen.thread_ref
            for _ in range(_PAGES):
                answer = await self._ask(method, parameters)
                for message in answer.get("messages", ()):
                    metadata = message.get("metadata") or {}
                    payload = metadata.get("event_payload") or {}
                    if metadata.get("event_type") == EVENT_TYPE and payload.get("delivery_key") == frozen.key:
                        return Lookup(found=Found.YES, provider_ref=str(message.get("ts", "")))
                cursor = (answer.get("response_metadata") or {}).get("next_cursor")
                if not cursor:
                    return Lookup(found=Found.NO)
                parameters["cursor"] = cursor
        except _NotAllowedError:
            return Lookup(found=Found.CANNOT_TELL)
        except (aiohttp.ClientError, TimeoutError, OSError, AttributeError, TypeError):  # the last two: an odd answer
            return Lookup(found=Found.ASK_AGAIN)
        return Lookup(found=Found.CANNOT_TELL)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _channel_id(self, address: str) -> str:
        """Return the id of a channel, which reading a history needs; empty if there is none of that name."""
        if not address.startswith("#"):
            return address
        if not self._ids.get(address):
            parameters = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": "999"}
            for _ in range(_PAGES):
                answer = await self._ask("conversations.list", parameters)
                self._ids |= {f"#{one.get('name')}": str(one.get("id", "")) for one in answer.get("channels", ())}
                cursor = (answer.get("response_metadata") or {}).get("next_cursor")
                if not cursor or address in self._ids:
                    break
                parameters["cursor"] = cursor
        return self._ids.get(address, "")

    async def _ask(self, method: str, parameters: dict[str, str]) -> dict[str, Any]:
        status, _, answer = await self._call("GET", method, parameters=parameters)
        if answer is not None and status == 200 and answer.get("ok") is True:
            return answer
        error = str((answer or {}).get("error", ""))
        if error in CREDENTIALS | BAD_TARGET:
            raise _NotAllowedError(error)
        raise aiohttp.ClientPayloadError(f"{method}: HTTP {status} {error}")

    async def _call(
        self, verb: str, method: str, *, body: bytes | None = None, parameters: dict[str, str] | None = None
    ) -> tuple[int, float, dict[str, Any] | None]:
        """Return status, Retry-After in seconds, and the answer if it is a JSON object."""
        if self._session is None:
            # A connection for every call: one that was kept may be dead, and a post that dies with it is ambiguous.
            connector = aiohttp.TCPConnector(force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, headers=self._headers)
        url = self._base_url + method
        async with self._session.request(verb, url, data=body, params=parameters, allow_redirects=False) as response:
            raw = await response.read()
            try:
                answer = msgspec.json.decode(raw)
            except msgspec.DecodeError:
                answer = None
            return (
                response.status,
                _seconds(response.headers.get("Retry-After")),
                answer if isinstance(answer, dict) else None,
            )


class _NotAllowedError(Exception):
    """Slack does not let us read what we asked for."""


def _seconds(value: str | None) -> float:
    try:
        return max(0.0, min(float(value or 0), 3600.0))
    except ValueError:
        return 0.0
