"""The Slack channel: chat.postMessage without a retry of its own, and the channel's history as the memory.

slack_sdk's clients are not used: by default they post again when the connection drops before the answer.
"""

from __future__ import annotations

from typing import Any, Final

import aiohttp
import msgspec

from alerting.channels import Found, Frozen, Lookup, Outcome, Reason
from alerting.slack import EVENT_TYPE
from deskwatch.records import DeliveryState

_RATE_LIMITED: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_CREDENTIALS: Final = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "missing_scope",
        "no_permission",
        "ekm_access_denied",
        "access_denied",
        "org_login_required",
        "team_added_to_org",
        "team_access_not_granted",
    }
)
_BAD_TARGET: Final = frozenset(
    {
        "channel_not_found",
        "channel_is_archived",
        "is_archived",
        "not_in_channel",
        "user_not_found",
        "messages_tab_disabled",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
)
_BAD_CONTENT: Final = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "metadata_too_large",
        "metadata_must_be_sent_from_app",
        "no_text",
        "too_many_attachments",
        "invalid_arguments",
        "invalid_json",
        "json_not_object",
    }
)
_EARLIER_S: Final = 300  # clocks may differ by so much
_PAGES: Final = 20
_CREDENTIALS_RETRY_S: Final = 60.0


class SlackChannel:
    """Posts as a bot; needs chat:write, and channels:history and channels:read to look up what became of a post."""

    def __init__(self, *, base_url: str, token: str, timeout_s: float) -> None:
        self._base_url = base_url.rstrip("/") + "/"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._ids: dict[str, str] = {}  # of channels known by name

    async def send(self, frozen: Frozen) -> Outcome:
        """Post once; whatever leaves it open whether Slack took the message is UNKNOWN."""
        try:
            status, retry_after_s, answer = await self._call("POST", "chat.postMessage", body=frozen.body)
        except aiohttp.ClientConnectorError as error:  # before any byte of the request; TLS and DNS are among them
            return Outcome(state=DeliveryState.RETRY, reason=Reason.CONNECT, detail=str(error))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _unknown(Reason.NO_ANSWER, f"{type(error).__name__}: {error}")
        outcome = judge(status, retry_after_s, answer)
        if outcome.state is DeliveryState.SENT and frozen.address.startswith("#"):
            self._ids[frozen.address] = str(answer.get("channel", "")) if answer else ""
        return outcome

    async def look_up(self, frozen: Frozen) -> Lookup:
        """Search the channel's history for the metadata of this delivery."""
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
            for _ in range(_PAGES):
                answer = await self._ask("conversations.history", parameters)
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
        if error in _CREDENTIALS | _BAD_TARGET:
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


def judge(status: int, retry_after_s: float, answer: dict[str, Any] | None) -> Outcome:
    """Return what an answer of chat.postMessage means; what is not surely one thing is UNKNOWN."""
    error = str((answer or {}).get("error", ""))
    detail = f"HTTP {status} {error}".rstrip()
    if status == 429 or error in _RATE_LIMITED:
        return Outcome(
            state=DeliveryState.RETRY,
            reason=Reason.RATE_LIMITED,
            detail=detail,
            retry_after_s=retry_after_s or 1.0,
        )
    if answer is None or status != 200:
        return _unknown(Reason.SERVER_FAULT, detail)
    if answer.get("ok") is True:
        return Outcome(state=DeliveryState.SENT, provider_ref=str(answer.get("ts", "")))
    if error in _CREDENTIALS:
        return Outcome(
            state=DeliveryState.RETRY, reason=Reason.CREDENTIALS, detail=detail, retry_after_s=_CREDENTIALS_RETRY_S
        )
    if error in _BAD_TARGET:
        return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_TARGET, detail=detail)
    if error in _BAD_CONTENT:
        return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_CONTENT, detail=detail)
    return _unknown(Reason.SERVER_FAULT, detail)  # internal_error, fatal_error, and whatever Slack invents next


class _NotAllowedError(Exception):
    """Slack does not let us read what we asked for."""


def _unknown(reason: Reason, detail: str) -> Outcome:
    return Outcome(state=DeliveryState.UNKNOWN, reason=reason, detail=detail)


def _seconds(value: str | None) -> float:
    try:
        return max(0.0, min(float(value or 0), 3600.0))
    except ValueError:
        return 0.0
