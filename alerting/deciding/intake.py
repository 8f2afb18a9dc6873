"""From spike records to messages in the ledger; the position on the topic is committed only after that."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec
import structlog

from alerting.deciding.dispatching import Dispatch
from alerting.ledger.ledger import Ledger
from alerting.metrics import Metrics
from deskwatch import codec
from deskwatch.errors import CodecError, CodecReason
from deskwatch.records import DeadLetter, Spike

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


class Intake:
    """Takes revisions of episodes in: `take` does it for one batch."""

    def __init__(self, ledger: Ledger, dispatch: Dispatch, metrics: Metrics) -> None:
        self._ledger = ledger
        self._dispatch = dispatch
        self._metrics = metrics

    def take(self, arrivals: Iterable[Arrival]) -> tuple[int, list[DeadLetter]]:
        """Record the messages of a batch, and return how many are new and what could not be processed."""
        new, letters = 0, []
        with self._ledger.transaction():
            for arrival in arrivals:
                try:
                    with self._ledger.transaction():
                        new += self._dispatch.revise(self._spike(arrival), arrival.recorded_at)
                except CodecError as error:
                    letters.append(self._letter(arrival, error.reason, str(error)))
                except sqlite3.Error:
                    raise
                except Exception as error:  # noqa: BLE001  # one spike that cannot be told must not silence the others
                    _log.exception("spike.unprocessable", offset=arrival.offset)
                    letters.append(self._letter(arrival, UNPROCESSABLE, f"{type(error).__name__}: {error}"))
        return new, letters

    def _spike(self, arrival: Arrival) -> Spike:
        spike = codec.decode(arrival.value, arrival.headers)
        if not isinstance(spike, Spike):
            raise CodecError(CodecReason.UNKNOWN_SCHEMA, codec.schema_name(type(spike)), "expected a spike")
        self._metrics.spikes_read.labels(spike.state).inc()
        return spike

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
