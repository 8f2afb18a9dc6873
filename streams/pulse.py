"""Once a second: the loop turns, which partitions are ours, how far behind we are."""

from __future__ import annotations

from typing import Any, Final

import faust
import mode

from deskwatch.telemetry import Health
from streams.metrics import Metrics

EVERY_S: Final = 1.0
CAUGHT_UP_WITHIN: Final = 1_000  # records; a busy desk is always some behind

ASSIGNED: Final = "classify.assigned"
CAUGHT_UP: Final = "classify.caught_up"


class Pulse(mode.Service):  # type: ignore[misc]  # mode is untyped here
    """Keeps health and gauges up to date from inside the worker's loop."""

    def __init__(self, app: faust.App, metrics: Metrics, health: Health) -> None:
        super().__init__()
        self._app = app
        self._metrics = metrics
        self._health = health
        self._joined = False
        health.expect(ASSIGNED, CAUGHT_UP)
        app.on_partitions_assigned.connect(self._on_assigned)

    async def _on_assigned(self, *_: Any, **__: Any) -> None:
        self._joined = True  # with no partition at all: a stand-by is ready too

    @mode.Service.timer(EVERY_S)  # type: ignore[untyped-decorator]
    async def _beat(self) -> None:
        self._health.beat()
        lags = lags_of(self._app)
        self._metrics.partitions.set(len(lags))
        self._metrics.lag.set(sum(lag or 0 for lag in lags.values()))
        self._health.set(ASSIGNED, self._joined)
        known = all(lag is not None and lag <= CAUGHT_UP_WITHIN for lag in lags.values())
        self._health.set(CAUGHT_UP, self._joined and known)


def lags_of(app: faust.App) -> dict[int, int | None]:
    """Return, for each partition this worker owns, how many records it has not taken; None: not known yet."""
    thread = getattr(app.consumer, "_thread", None)
    consumer = getattr(thread, "_consumer", None)
    subscription = consumer._subscription.subscription if consumer is not None else None
    assignment = subscription.assignment if subscription is not None else None
    if assignment is None:
        return {}
    states = {tp.partition: assignment.state_value(tp) for tp in assignment.tps}
    return {
        partition: (
            max(0, state.highwater - state._position)
            if state is not None and state.highwater is not None and state._position is not None
            else None
        )
        for partition, state in states.items()
    }
