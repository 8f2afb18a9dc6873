"""Shards that have fallen silent: which, and how the desk is told not to wait for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import structlog

from deskwatch import topics
from deskwatch.clock import Clock
from deskwatch.records import Excuse
from deskwatch.settings import Settings
from streams.metrics import Metrics
from streams.publishing import DeskProducer, message_of

log = structlog.get_logger()


def silent_shards(
    now_s: float, last_tick_seen_s: Mapping[int, float], excused: Collection[int], excuse_after_s: float
) -> list[tuple[int, float]]:
    """Return the shards to excuse now, ascending, each with the seconds it has been silent.

    Args:
        now_s: Monotonic seconds.
        last_tick_seen_s: When each shard's last tick arrived here; of one never heard of, when the waiting began.
        excused: Shards that are excused already.
        excuse_after_s: The silence that is too long.
    """
    return [
        (shard, now_s - seen_s)
        for shard, seen_s in sorted(last_tick_seen_s.items())
        if shard not in excused and now_s - seen_s >= excuse_after_s
    ]


class Excuser:
    """Writes excuses into `articles`, where they become facts of the log."""

    def __init__(self, settings: Settings, producer: DeskProducer, clock: Clock, metrics: Metrics) -> None:
        self._topic = settings.topic(topics.ARTICLES.name)
        self._producer = producer
        self._clock = clock
        self._metrics = metrics

    async def excuse(self, shard: int, silent_s: float) -> None:
        """Excuse a shard; return when the broker has acknowledged it.

        Raises:
            PublishError: try again.
        """
        partitions = await self._producer.partitions_of(self._topic)
        record = Excuse(shard=shard, decided_at=self._clock.now(), silent_s=silent_s)
        await self._producer.publish(self._topic, [message_of(record)], partition=shard % partitions)
        self._metrics.excuses.inc()
        log.warning("shard.excused", shard=shard, silent_s=round(silent_s, 1))
