"""From spike records to deliveries in the ledger; the position on the topic is committed only after that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec
import structlog

from alerting.announcing import announce_text
from alerting.channels import Frozen, Reason
from alerting.ledger import Ledger
from alerting.mail import render_mail
from alerting.matching import Match, match
from alerting.message import compose
from alerting.metrics import Metrics
from alerting.roster import Roster
from alerting.settings import AlertingSettings
from alerting.slack import render_slack
from deskwatch import codec
from deskwatch.clock import Clock
from deskwatch.errors import CodecError, CodecReason
from deskwatch.records import DeadLetter, Spike, SpikeState

# An episode that grows may reach the severity that a subscription waits for: then it opens there.
OPENING: Final = frozenset({SpikeState.ONSET, SpikeState.GROWING})
UNMATCHED: Final = "unmatched"
UNPROCESSABLE: Final = "unprocessable"

_log = structlog.get_logger()


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the topic `spikes`, as it came, and when the broker got it (seconds since the epoch)."""

    topic: str
    partition: int
    offset: int
    recorded_at: float
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Source(Protocol):
    """Where spikes come from, and where what is none goes."""

    async def read(self) -> Sequence[Arrival]:
        """Return the next records, none after a short while without any."""

    async def commit(self) -> None:
        """Say that everything read so far is taken care of."""

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Return when the dead letters are safe."""


class Intake:
    """Turns openings of episodes into deliveries: `take` does it for one batch."""

    def __init__(
        self,
        ledger: Ledger,
        roster: Roster,
        *,
        settings: AlertingSettings,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._roster = roster
        self._settings = settings
        self._metrics = metrics
        self._clock = clock

    def take(self, arrivals: Iterable[Arrival]) -> tuple[int, list[DeadLetter]]:
        """Record the deliveries of a batch, and return how many are new and what could not be processed."""
        deliveries: list[Frozen] = []
        letters: list[DeadLetter] = []
        for arrival in arrivals:
            try:
                deliveries += self._freeze(arrival)
            except CodecError as error:
                letters.append(self._letter(arrival, error.reason, str(error)))
            except Exception as error:  # noqa: BLE001  # what is wrong with one spike must not silence the others
                _log.exception("spike.unprocessable", offset=arrival.offset)
                letters.append(self._letter(arrival, UNPROCESSABLE, f"{type(error).__name__}: {error}"))
        new = self._ledger.add(deliveries)
        for delivery in new:
            self._metrics.created.labels(delivery.channel).inc()
        return len(new), letters

    def _freeze(self, arrival: Arrival) -> list[Frozen]:
        spike = codec.decode(arrival.value, arrival.headers)
        if not isinstance(spike, Spike):
            raise CodecError(CodecReason.UNKNOWN_SCHEMA, codec.schema_name(type(spike)), "expected a spike")
        self._metrics.spikes_read.labels(spike.state).inc()
        if spike.state not in OPENING:
            return []
        now = self._clock.now()
        if 0 < self._settings.max_age_s < now.timestamp() - arrival.recorded_at:
            self._drop(spike, Reason.EXPIRED)
            return []
        matches = match(spike, self._roster)
        if not matches and spike.revision == 0:  # or each episode would count several times
            self._drop(spike, UNMATCHED)
        return [
            freeze(
                spike,
                found,
                title=self._roster.titles.get(spike.theme, ""),
                settings=self._settings,
                created_at=now,
                recorded_at=arrival.recorded_at,
            )
            for found in matches
        ]

    def _drop(self, spike: Spike, reason: str) -> None:
        self._metrics.spikes_dropped.labels(reason).inc()
        _log.info("spike.dropped", spike_id=spike.spike_id, theme=spike.theme, reason=reason)

    def _letter(self, arrival: Arrival, reason: str, detail: str) -> DeadLetter:
        self._metrics.spikes_dropped.labels(reason).inc()
        return DeadLetter(
            topic=arrival.topic,
            partition=arrival.partition,
            offset=arrival.offset,
            reason=reason,
            detail=detail[:1000],
            key=arrival.key,
            value=arrival.value,
            headers=arrival.headers,
        )


def delivery_key(spike: Spike, found: Match) -> str:
    """Return `spike|0|subscriber|target`: the 0 stands for the opening, whichever revision of the spike it tells of."""
    return f"{spike.spike_id}|0|{found.subscriber.name}|{found.target.name}"


def freeze(
    spike: Spike,
    found: Match,
    *,
    settings: AlertingSettings,
    created_at: datetime,
    title: str = "",
    recorded_at: float = 0.0,
    test: bool = False,
) -> Frozen:
    """Return the delivery of a spike to one target, rendered once and for all."""
    key = delivery_key(spike, found)
    alert = compose(spike, found, title=title, test=test)
    address = found.target.address
    created_at = created_at.astimezone(UTC)
    if found.target.channel == "mail":
        body = render_mail(alert, delivery_key=key, address=address, created_at=created_at, settings=settings)
    else:
        body = render_slack(alert, delivery_key=key, address=address)
    return Frozen(
        key=key,
        spike_id=spike.spike_id,
        revision=spike.revision,
        theme=spike.theme,
        subscriber=found.subscriber.name,
        target=found.target.name,
        channel=found.target.channel,
        address=address,
        body=body,
        summary=announce_text(alert),
        created_at=created_at.timestamp(),
        recorded_at=recorded_at,
    )
