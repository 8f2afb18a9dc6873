"""A click becomes an action on the topic `actions`, and the same click twice is one action."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog

from alerting.answers.clicking import Click, is_of
from alerting.content.offering import SILENT_FOR
from alerting.ledger.ledger import Ledger
from alerting.metrics import AnsweringMetrics
from alerting.rules.silencing import Silences
from deskwatch.clock import Clock
from deskwatch.errors import PublishError
from deskwatch.records import Action, Verb

REMEMBERED: Final = 1000  # clicks that the service may not have read back yet

_SLACK: Final = "slack"

_log = structlog.get_logger()


class Clerk:
    """Files actions, each once.

    Args:
        publish: Returns when an action is safe on its topic, or raises PublishError.
        silences: What has come back from the topic.
    """

    def __init__(self, publish: Callable[[Action], Awaitable[None]], silences: Silences) -> None:
        self._publish = publish
        self._silences = silences
        self._filed: OrderedDict[str, Action] = OrderedDict()

    def filed(self, action_id: str) -> Action | None:
        """Return the action of this id, if it was filed before."""
        return self._silences.known(action_id) or self._filed.get(action_id)

    async def file(self, action: Action) -> Action | None:
        """Return None when an action is safe; one that was filed before under its id is returned, and nothing done.

        Raises:
            PublishError: the broker did not take it.
        """
        if (earlier := self.filed(action.action_id)) is not None:
            return earlier
        await self._publish(action)
        self._filed[action.action_id] = action
        if len(self._filed) > REMEMBERED:
            self._filed.popitem(last=False)
        return None


class ClickDesk:
    """Files the clicks on Slack's buttons; what they are about stands in the ledger, not in the click."""

    def __init__(self, clerk: Clerk, ledger: Ledger, metrics: AnsweringMetrics, clock: Clock) -> None:
        self._clerk = clerk
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock

    async def file(self, click: Click) -> bool:
        """Return whether a click is done with: filed, or about nothing that we sent. False: the broker is away."""
        opening = self._ledger.one(click.key)
        if opening is None or not is_of(click, opening):
            self._count("unknown")
            return True
        action = act(
            click.verb,
            action_id=click.action_id,
            subscriber=opening.subscriber,
            target=opening.target,
            theme=opening.theme,
            spike_id=opening.spike_id,
            by=click.by,
            at=self._clock.now(),
        )
        try:
            earlier = await self._clerk.file(action)
        except PublishError as error:
            self._count("failed")
            _log.warning("action.not_published", detail=str(error))
            return False
        self._count("again" if earlier else "done")
        if earlier is None:
            _log.info("action.filed", via=_SLACK, verb=click.verb, target=opening.name, spike_id=opening.spike_id)
        return True

    def _count(self, outcome: str) -> None:
        self._metrics.clicks.labels(_SLACK, outcome).inc()


def act(
    verb: Verb,
    *,
    action_id: str,
    subscriber: str,
    target: str,
    theme: str,
    spike_id: str,
    by: str,
    at: datetime,
) -> Action:
    """Return the action of a click: a silence is of the theme and ends by itself, an unsubscription of the target."""
    return Action(
        action_id=action_id,
        verb=verb,
        subscriber=subscriber,
        at=at,
        spike_id=spike_id,
        theme=theme,
        until=at + SILENT_FOR if verb is Verb.SILENCE else None,
        by=by,
        target=target if verb is Verb.UNSUBSCRIBE else "",
    )
