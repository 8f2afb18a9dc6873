"""A message to one target as it will be sent: rendered once and for all, under the key by which it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from alerting.content.digesting import Digest
from alerting.content.message import Alert, Occasion, compose
from alerting.content.offering import Offer, Offerer
from alerting.delivery import Frozen, Reason
from alerting.rendering.announcing import announce_digest, announce_text
from alerting.rendering.drafts import Draft
from alerting.rendering.renderers import RENDERERS
from alerting.rendering.sealing import Seal
from alerting.rules.matching import Match
from alerting.rules.restraining import Hold
from alerting.rules.roster import Subscriber, Target
from alerting.settings import AlertingSettings
from deskwatch.records import Action, DeliveryKind, DeliveryState, Spike, SpikeState

Chart = Callable[[Spike, Subscriber], bytes | None]
Noted = Callable[[Spike, Subscriber], Sequence[Action]]

_OCCASIONS: Final = {
    DeliveryKind.OPENING: Occasion.OPENING,
    DeliveryKind.UPDATE: Occasion.UPDATE,
    DeliveryKind.RESOLUTION: Occasion.RESOLUTION,
    DeliveryKind.CORRECTION: Occasion.CORRECTION,
}


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says or looks like beyond the episode itself."""

    settings: AlertingSettings
    now: datetime
    titles: Mapping[str, str] = {}
    recorded_at: float = 0.0
    told: Spike | None = None
    held_since: datetime | None = None
    held_for: Reason = Reason.NONE
    also: tuple[str, ...] = ()  # titles of further themes in which the same event stands out
    test: bool = False
    chart: Chart | None = None
    noted: Noted | None = None  # what officers did about an episode
    offerer: Offerer = Offerer()
    seal: Seal | None = None  # signs a mail


def delivery_key(spike: Spike, found: Match, kind: DeliveryKind = DeliveryKind.OPENING) -> str:
    """Return `spike|revision|subscriber|target`, with 0 for the opening, whichever revision that tells of."""
    revision = 0 if kind is DeliveryKind.OPENING else spike.revision
    key = f"{spike.spike_id}|{revision}|{found.subscriber.name}|{found.target.name}"
    return f"{key}|edit" if kind is DeliveryKind.EDIT else key


def hold(spike: Spike, found: Match, kind: DeliveryKind, held: Hold, context: Context, *, thread: str = "") -> Frozen:
    """Return a message that waits; it is rendered when it is let go."""
    return msgspec.structs.replace(
        _blank(spike, found, kind, context, thread),
        state=DeliveryState.HELD,
        reason=held.reason,
        not_before=held.until.timestamp(),
    )


def freeze(
    spike: Spike, found: Match, context: Context, *, kind: DeliveryKind = DeliveryKind.OPENING, thread: str = ""
) -> Frozen:
    """Return the message about an episode to one target, in its final bytes."""
    blank = _blank(spike, found, kind, context, thread)
    alert = compose(
        spike,
        found,
        title=context.titles.get(spike.theme, ""),
        test=context.test,
        occasion=occasion_of(spike, kind),
        told=context.told,
        now=None if context.settings.simulated else context.now,
        held_since=context.held_since,
        held_for=context.held_for,
        also=context.also,
        noted=context.noted(spike, found.subscriber) if context.noted else (),
        offer=_offer(blank, context),
    )
    body = RENDERERS[blank.channel](_draft(alert, spike, found, blank, context))
    return msgspec.structs.replace(blank, body=_sealed(body, blank.channel, context), summary=announce_text(alert))


def digest_key(subscriber: Subscriber, target: Target, at: datetime) -> str:
    """Return `digest|time|subscriber|target`."""
    return f"digest|{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}|{subscriber.name}|{target.name}"


def freeze_digest(
    digest: Digest, subscriber: Subscriber, target: Target, context: Context, *, kind: DeliveryKind, key: str
) -> Frozen:
    """Return a digest, or the word that all is quiet, to one target in its final bytes."""
    now = context.now.astimezone(UTC)
    draft = Draft(
        content=digest,
        key=key,
        kind=kind,
        subscriber=subscriber.name,
        target=target.name,
        address=target.address,
        at=now,
        settings=context.settings,
    )
    body = RENDERERS[target.channel](draft)
    return Frozen(
        key=key,
        spike_id="",
        revision=0,
        theme="",
        subscriber=subscriber.name,
        target=target.name,
        channel=target.channel,
        address=target.address,
        body=_sealed(body, target.channel, context),
        summary=announce_digest(digest),
        created_at=now.timestamp(),
        recorded_at=now.timestamp(),
        kind=kind,
    )


def _offer(blank: Frozen, context: Context) -> Offer:
    """Return what a message lets its reader do; a thread has buttons at its beginning only."""
    key = (blank.thread or blank.key) if blank.kind in (DeliveryKind.OPENING, DeliveryKind.EDIT) else ""
    return context.offerer.offer(blank.subscriber, blank.target, blank.theme, blank.spike_id, context.now, key=key)


def _sealed(body: bytes, channel: str, context: Context) -> bytes:
    return context.seal(body) if context.seal is not None and channel == "mail" else body


def occasion_of(spike: Spike, kind: DeliveryKind) -> Occasion:
    """Return what a message says: an opening edited after the end says that it is over."""
    if kind is not DeliveryKind.EDIT:
        return _OCCASIONS[kind]
    if not spike.state.is_over:
        return Occasion.OPENING
    return Occasion.CORRECTION if spike.state is SpikeState.WITHDRAWN else Occasion.RESOLUTION


def _draft(alert: Alert, spike: Spike, found: Match, blank: Frozen, context: Context) -> Draft:
    return Draft(
        content=alert,
        key=blank.key,
        kind=blank.kind,
        thread=blank.thread,
        subscriber=blank.subscriber,
        target=blank.target,
        address=blank.address,
        at=context.now.astimezone(UTC),
        settings=context.settings,
        spike=spike,
        chart=lambda: context.chart(spike, found.subscriber) if context.chart else None,
    )


def _blank(spike: Spike, found: Match, kind: DeliveryKind, context: Context, thread: str) -> Frozen:
    return Frozen(
        key=delivery_key(spike, found, kind),
        spike_id=spike.spike_id,
        revision=spike.revision,
        theme=spike.theme,
        subscriber=found.subscriber.name,
        target=found.target.name,
        channel=found.target.channel,
        address=found.target.address,
        body=b"",
        summary="",
        created_at=context.now.timestamp(),
        recorded_at=context.recorded_at,
        kind=kind,
        thread=thread,
    )
