"""The PagerDuty channel: events that may arrive twice without harm, so that none needs to be looked up."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from alerting.channels.posting import Poster, read_object
from alerting.channels.statuses import judge, not_allowed
from alerting.delivery import Found, Frozen, Lookup, Outcome
from alerting.rules.references import follow
from deskwatch.errors import ConfigError


class PagerDutyChannel:
    """Sends events with the routing key that the address of a delivery refers to."""

    def __init__(self, poster: Poster, environ: Mapping[str, str], *, base_url: str) -> None:
        self._poster = poster
        self._environ = environ
        self._url = f"{base_url.rstrip('/')}/v2/enqueue"

    async def send(self, frozen: Frozen) -> Outcome:
        """Send the event once."""
        try:
            key = follow(frozen.address, self._environ, "routing key of PagerDuty")
        except ConfigError as error:
            return not_allowed(str(error))
        event = msgspec.json.encode(msgspec.json.decode(frozen.body) | {"routing_key": key})
        answer = await self._poster.post(self._url, event, {})
        if isinstance(answer, Outcome):
            return answer
        said = read_object(answer.body)
        # A wrong key has the status of a wrong event; only the text tells them apart.
        if answer.status == 400 and "routing" in str(said.get("errors", "")).lower():
            return not_allowed("HTTP 400: the routing key is not taken")
        return judge(answer.status, answer.retry_after_s, provider_ref=str(said.get("dedup_key", "")))

    async def look_up(self, frozen: Frozen) -> Lookup:  # noqa: ARG002  # whichever it is
        """Say that it may go again: PagerDuty knows it by its `dedup_key`."""
        return Lookup(found=Found.NO)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()
