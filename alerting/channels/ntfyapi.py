"""The ntfy channel: publishes JSON, and finds what it published among the messages that the server keeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from alerting.channels.posting import Poster, read_object
from alerting.channels.statuses import judge
from alerting.delivery import Found, Frozen, Lookup, Outcome
from alerting.rendering.ntfy import sequence_id

_EARLIER_S: Final = 300  # clocks may differ by so much
_KEPT_S: Final = 12 * 3600  # how long a server keeps messages, unless it is told otherwise


class NtfyChannel:
    """Publishes to the topics of one server; looking up needs the right to read them."""

    def __init__(self, poster: Poster, *, base_url: str, token: str, now: Callable[[], float] = time.time) -> None:
        self._poster = poster
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._now = now

    async def send(self, frozen: Frozen) -> Outcome:
        """Publish once."""
        answer = await self._poster.post(f"{self._base_url}/", frozen.body, self._headers)
        if isinstance(answer, Outcome):
            return answer
        return judge(answer.status, answer.retry_after_s, provider_ref=str(read_object(answer.body).get("id", "")))

    async def look_up(self, frozen: Frozen) -> Lookup:
        """Search the topic's messages since the delivery was made for its sequence, or for its text."""
        since = int(frozen.created_at) - _EARLIER_S
        url = f"{self._base_url}/{quote(frozen.address, safe='')}/json?poll=1&since={since}"
        answer = await self._poster.get(url, self._headers)
        if answer is None or answer.body is None or answer.status == 429 or answer.status >= 500:
            return Lookup(found=Found.ASK_AGAIN)
        if answer.status != 200:  # a topic that may be written to but not read, for one
            return Lookup(found=Found.CANNOT_TELL)
        text = str(read_object(frozen.body).get("message", "")).strip()
        for message in map(read_object, answer.body.splitlines()):
            is_ours = message.get("sequence_id") == sequence_id(frozen.key)
            # Older servers know of no sequences; a text names its episode, its revision and its subscriber.
            if message.get("event") == "message" and (is_ours or str(message.get("message", "")).strip() == text):
                return Lookup(found=Found.YES, provider_ref=str(message.get("id", "")))
        is_kept = self._now() - frozen.intent_at < _KEPT_S
        return Lookup(found=Found.NO if is_kept else Found.CANNOT_TELL)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()
