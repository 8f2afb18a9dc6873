"""The detector: one transactional reader of the desk log at a time; every other worker stands by.

Leadership is the assignment of the desk log's one partition in a consumer group. What makes it safe is not that, but
the transactional id: whoever takes over fences the one before, whose next transaction fails whatever it believes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import mode
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from deskwatch import topics
from deskwatch.clock import SystemClock
from deskwatch.errors import DeskwatchError
from deskwatch.records import Learnt
from deskwatch.settings import Settings
from deskwatch.telemetry import Health
from streams.desk import DeskWriter
from streams.excusing import Excuser
from streams.identity import Identity
from streams.mending import Mender
from streams.metrics import DetectorMetrics, Metrics
from streams.publishing import DeskProducer
from streams.session import Session
from streams.settings import StreamSettings
from streams.teaching import Teacher
from streams.tending import Tender

READ_RECORDS: Final = 2_000
READ_MS: Final = 250
FETCH_BYTES: Final = 4 * 1024 * 1024
AGAIN_S: Final = 1.0
READY: Final = "detect.joined"

log = structlog.get_logger()


class Detector(mode.Service):  # type: ignore[misc]  # mode is untyped here
    """Leads when the group says so, for as long as nothing goes wrong; then it begins anew from what is saved."""

    def __init__(
        self,
        settings: Settings,
        stream_settings: StreamSettings,
        identity: Identity,
        lessons: Mapping[str, Learnt],
        writer: DeskWriter,
        metrics: Metrics,
        detector_metrics: DetectorMetrics,
        health: Health,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._stream_settings = stream_settings
        self._identity = identity
        self._lessons = lessons
        self._writer = writer
        self._metrics = metrics
        self._own = detector_metrics
        self._health = health
        self._place = TopicPartition(settings.topic(topics.DESK_LOG.name), 0)
        self._is_current = False
        health.expect(READY)

    @mode.Service.task  # type: ignore[untyped-decorator]
    async def _serve(self) -> None:
        while not self.should_stop:
            try:
                await self._join()
            except (KafkaError, DeskwatchError, OSError) as error:
                log.warning("detector.restarting", error=f"{type(error).__name__}: {error}")
            except Exception:  # the outermost loop of this service: say it loudly and begin anew
                log.exception("detector.failed")
            self._own.leading.set(0)
            if not self.should_stop:
                self._own.restarts.inc()
                await self.sleep(AGAIN_S)

    async def _join(self) -> None:
        """Be a member of the group: stand by, or lead."""
        seats = Seats()
        client = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap.split(","),
            group_id=self._settings.topic(topics.DETECT_GROUP),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(self._stream_settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(self._stream_settings.heartbeat_s * 1000),
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=self._stream_settings.fetch_wait_ms,
        )
        client.subscribe([self._place.topic], listener=seats)
        await client.start()
        try:
            while not self.should_stop:
                await client.getmany(timeout_ms=READ_MS, max_records=1) if not seats.held else None
                self._health.set(READY, True)
                if seats.held:
                    await self._lead(client, seats)
        finally:
            await client.stop()

    async def _lead(self, client: Any, seats: Seats) -> None:
        term = seats.term
        session = await Session.open(self._settings, self._stream_settings, self._own)
        producer = DeskProducer(self._settings)
        tasks: list[asyncio.Task[None]] = []
        try:
            beginning = (await client.beginning_offsets([self._place]))[self._place]
            session.widen(await producer.partitions_of(self._settings.topic(topics.ARTICLES.name)), beginning)
            log.info("detector.leading", first_open=session.log.first_open, watermark=str(session.log.watermark.at))
            tender = self._tender(session, producer)
            teacher = self._teacher(session, producer)
            await teacher.declare()
            tasks += [asyncio.create_task(tender.run()), asyncio.create_task(teacher.run())]
            client.seek(self._place, session.log.first_open)
            self._own.leading.set(1)
            while seats.term == term and seats.held and not self.should_stop:
                await self._round(client, session, tender)
                for task in tasks:
                    if task.done():
                        task.result()
        except IllegalStateError:
            log.info("detector.unseated")  # the partition was taken from us between two lines
        finally:
            self._is_current = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await producer.close()
            await session.close()

    def _tender(self, session: Session, producer: DeskProducer) -> Tender:
        return Tender(
            self._settings,
            self._stream_settings,
            Mender(self._settings, self._writer, producer),
            Excuser(self._settings, producer, SystemClock(), self._metrics),
            self._own,
            watermark=lambda: session.log.watermark,
            is_current=lambda: self._is_current,
        )

    def _teacher(self, session: Session, producer: DeskProducer) -> Teacher:
        return Teacher(
            self._settings,
            self._stream_settings,
            self._identity,
            self._lessons,
            producer,
            self._own,
            desk=lambda: session.desk,
            watermark=lambda: session.log.watermark.at,
            judges=session.judges,
            is_current=lambda: self._is_current,
        )

    async def _round(self, client: Any, session: Session, tender: Tender) -> None:
        found = await client.getmany(self._place, timeout_ms=READ_MS, max_records=READ_RECORDS)
        messages = found.get(self._place, ())
        for shard in session.take(messages):
            tender.heard(shard)
        end = client.highwater(self._place) or 0
        position = session.log.position
        self._is_current = not messages or position >= end
        self._own.lag.set(max(0, end - position))
        self._own.position.set(position)
        if await session.step() or self._settings.kafka_embedded:
            await self._commit(client, position)

    async def _commit(self, client: Any, position: int) -> None:
        """Tell the group where we are: for lag monitors and feeders only, nothing of ours reads it."""
        try:
            await client.commit({self._place: position})
        except CommitFailedError:
            log.info("detector.unseated")


class Seats(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped here
    """Whether this member holds the desk log's partition, and in which term."""

    def __init__(self) -> None:
        self.held = False
        self.term = 0

    async def on_partitions_revoked(self, revoked: Sequence[Any]) -> None:  # noqa: ARG002  # aiokafka's signature
        """Stop leading; a step in hand may end, or fail, by itself."""
        self.held = False

    async def on_partitions_assigned(self, assigned: Sequence[Any]) -> None:
        """Lead if the partition is ours."""
        self.held = bool(assigned)
        self.term += 1
