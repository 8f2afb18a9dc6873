"""What the leading detector does beside reading: mends what the agents lost, and excuses shards that fell silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deskwatch import topics
from deskwatch.errors import PublishError, ReadError
from deskwatch.settings import Settings
from streams.excusing import Excuser, silent_shards
from streams.gaps import GapWatch
from streams.mending import Mender
from streams.metrics import DetectorMetrics
from streams.settings import StreamSettings
from streams.watermark import Watermark

EVERY_S: Final = 0.5

log = structlog.get_logger()


class Tender:
    """Looks after one term of leadership; `run` until it is cancelled.

    Args:
        is_current: Whether the desk log is read to its end: before that, what seems missing may just be unread.
    """

    def __init__(
        self,
        settings: Settings,
        stream_settings: StreamSettings,
        mender: Mender,
        excuser: Excuser,
        metrics: DetectorMetrics,
        watermark: Callable[[], Watermark],
        is_current: Callable[[], bool],
    ) -> None:
        self._topic = settings.topic(topics.ARTICLES.name)
        self._bootstrap = settings.kafka_bootstrap
        self._stream_settings = stream_settings
        self._mender = mender
        self._excuser = excuser
        self._metrics = metrics
        self._watermark = watermark
        self._is_current = is_current
        self._watch = GapWatch(gap_s=stream_settings.gap_s, stall_s=stream_settings.stall_s)
        self._heard_s = dict.fromkeys(range(topics.SHARDS), time.monotonic())

    def heard(self, shard: int) -> None:
        """Note that a tick of a shard has just been read."""
        self._heard_s[shard] = time.monotonic()

    async def run(self) -> None:
        """Look every half second; what fails is tried again."""
        client = AIOKafkaConsumer(bootstrap_servers=self._bootstrap.split(","), enable_auto_commit=False)
        await client.start()
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                if not self._is_current():
                    continue
                try:
                    await self._look(client)
                except (KafkaError, PublishError, ReadError) as error:
                    log.warning("tending.failed", error=str(error))
        finally:
            await client.stop()
            await self._mender.close()

    async def _look(self, client: Any) -> None:
        watermark = self._watermark()
        places = [TopicPartition(self._topic, partition) for partition in range(len(watermark.partitions))]
        ends = {place.partition: end for place, end in (await client.end_offsets(places)).items()}
        covered = {number: progress.covered for number, progress in enumerate(watermark.partitions)}
        beyond = {number: progress.runs for number, progress in enumerate(watermark.partitions)}
        missing = sum(ends[number] - covered[number] for number in ends)
        found = sum(last - first + 1 for runs in beyond.values() for first, last in runs)
        self._metrics.uncovered.set(max(0, missing - found))
        self._metrics.excused.set(len(watermark.excused))
        for gap in self._watch.find(time.monotonic(), covered, beyond, ends):
            mended = await self._mender.mend(gap.partition, gap.first, gap.last)
            self._metrics.mended.inc(mended)
        now_s, after_s = time.monotonic(), self._stream_settings.excuse_after_s
        for shard, silent_s in silent_shards(now_s, self._heard_s, watermark.excused, after_s):
            await self._excuser.excuse(shard, silent_s)
            self._heard_s[shard] = now_s  # it takes a moment until the excuse is read back
