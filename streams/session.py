"""One term of leadership: the detector's state as it is saved, what is held, and the transactions that move both on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, Self

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deskwatch import topics
from deskwatch.errors import CodecError
from deskwatch.records import DeadLetter
from deskwatch.settings import Settings
from streams.advancing import Outputs
from streams.facts import Fact
from streams.holding import Held
from streams.memory import Desk
from streams.mending import EXPIRED
from streams.metrics import DetectorMetrics
from streams.publishing import Message, message_of, producer_options, publish
from streams.reading import LogState, Reader
from streams.resuming import LOG, UNREADABLE, Saved, Start, key_bytes, key_of, letter_of, printable, resume
from streams.rules import Rules
from streams.stepping import steps

TRANSACTION_MS: Final = 60_000
NAMED: Final = 5  # of the values that cannot be read: all of them are in the dead letters

log = structlog.get_logger()


class Session:
    """Lasts from a take-over to the loss of leadership; after any failure a new one continues from the saved state."""

    def __init__(self, settings: Settings, rules: Rules, metrics: DetectorMetrics, client: Any, start: Start) -> None:
        self._settings = settings
        self._rules = rules
        self._metrics = metrics
        self._client = client
        self._held = Held()
        self._refused: list[DeadLetter] = []
        self._taken: list[datetime] = []
        self.desk: Desk = start.desk
        self._reader = Reader(start.log, 0)
        self._decided = start.log.watermark.at

    @classmethod
    async def open(cls, settings: Settings, rules: Rules, metrics: DetectorMetrics) -> Self:
        """Fence whoever detected before, and read the state it saved.

        Raises:
            KafkaError: the broker did not let us.
        """
        options = dict(producer_options(settings.kafka_bootstrap))
        if not settings.kafka_embedded:  # the mock's transactions neither isolate nor fence
            options["transactional_id"] = settings.topic(topics.DETECT_GROUP)
            options["transaction_timeout_ms"] = TRANSACTION_MS
        client = AIOKafkaProducer(**options)
        await client.start()
        try:
            saved = {} if settings.kafka_embedded else await _read_state(settings)
            return await cls.begin(settings, rules, metrics, client, saved)
        except BaseException:
            await client.stop()
            raise

    @classmethod
    async def begin(
        cls, settings: Settings, rules: Rules, metrics: DetectorMetrics, client: Any, saved: Mapping[str, Saved]
    ) -> Self:
        """Go on from the latest value of every key of `detector-state`; if one cannot be read, from an empty desk.

        Args:
            client: A started producer, of which no other transaction is open.

        Raises:
            PublishError, KafkaError: the broker did not take it that the old state is given up.
        """
        start = resume({key: one.value for key, one in saved.items()})
        session = cls(settings, rules, metrics, client, start)
        if start.wrong:
            await session._discard(saved, start.wrong)
        return session

    async def _discard(self, saved: Mapping[str, Saved], wrong: Mapping[str, str]) -> None:
        """Give up a saved state of which a part cannot be read; the next session finds it gone, or all of it there."""
        told = self.log.silent_until
        such_as = [f"{printable(key)}: {detail}" for key, detail in sorted(wrong.items())[:NAMED]]
        log.error("detector.rebuilding", unreadable=len(wrong), such_as=such_as, silent_until=str(told))
        self._metrics.refused.labels(UNREADABLE).inc(len(wrong))
        name = self._settings.topic
        letters = [
            letter_of(name(topics.DETECTOR_STATE.name), key, saved[key], wrong[key])
            for key in sorted(wrong.keys() & saved.keys())
        ]
        buried = [message_of(letter, key=letter.topic.encode()) for letter in letters]
        gone = [Message(key_bytes(key), None, []) for key in saved if key != LOG]
        start = Message(LOG.encode(), msgspec.json.encode(self.log), [])
        async with self._transaction():
            await publish(self._client, name(topics.DEAD_LETTERS.name), buried)
            await publish(self._client, name(topics.DETECTOR_STATE.name), [*gone, start])

    @property
    def log(self) -> LogState:
        """Return where we stand in the desk log."""
        return self._reader.state

    def widen(self, partitions: int, beginning: int) -> None:
        """Tell how many partitions `articles` has, and at which record the desk log begins by now."""
        self._reader = Reader(self.log, partitions)
        lost = beginning - self.log.first_open
        if lost > 0:
            log.error("detector.log_lost", first=self.log.first_open, last=beginning - 1)
            self._metrics.refused.labels(EXPIRED).inc(lost)
            if not self.log.position:
                self._reader.skip()

    def judges(self) -> set[str]:
        """Return the classifiers whose verdicts were read since this was last called."""
        found, self._reader.judges = self._reader.judges, set()
        return found

    def take(self, messages: Sequence[Any]) -> set[int]:
        """Read records of the desk log and hold their facts for the watermark; return the shards that ticked."""
        found: list[tuple[int, Fact]] = []
        for message in messages:
            try:
                facts = self._reader.read(message.offset, message.value, message.headers)
            except CodecError as error:
                self._metrics.refused.labels(error.reason).inc()
                if not self._is_silent():
                    self._refused.append(_dead_letter(message, error))
                continue
            found += [(message.offset, fact) for fact in facts]
        self._held.add(found)
        heard, self._reader.heard = self._reader.heard, set()
        return heard

    async def step(self) -> bool:
        """Decide up to the watermark and save it in one transaction; return whether there was anything to decide."""
        until = self.log.watermark.at
        if until is None or (until == self._decided and not self._refused):
            return False
        began = time.monotonic()
        out = await self._advance(until)
        self.log.first_open = self._first_open()
        async with self._transaction():
            await self._publish(out)
        self._decided = until
        self._count(out, until, time.monotonic() - began)
        return True

    async def close(self) -> None:
        """Disconnect; what is not saved is read again by the next session."""
        self._held.close()
        await self._client.stop()

    def _is_silent(self) -> bool:
        """Return whether what the log says here was told before the state was lost."""
        told, at = self.log.silent_until, self.log.watermark.at
        return told is not None and (at is None or at < told)

    def _first_open(self) -> int:
        held = self._held.first_offset()
        return self.log.position if held is None else held

    async def _advance(self, until: datetime) -> Outputs:
        out = Outputs()
        told = self.log.silent_until
        for end in sorted({until} if told is None else {min(told, until), until}):
            for more, taken in steps(self.desk, self._held, end, self._rules):
                if told and end <= told:
                    more.silence()
                else:
                    self._taken += [sighting.at for sighting in taken]
                out.add(more)
                await asyncio.sleep(0)
        if told and until >= told:
            self.log.silent_until = None
        return out

    async def _publish(self, out: Outputs) -> None:
        name, client = self._settings.topic, self._client
        buckets = [message_of(bucket, key=bucket.theme.encode()) for bucket in out.buckets]
        spikes = [message_of(spike, key=spike.theme.encode()) for spike in out.spikes]
        values = self.desk.dump(out.themes, out.stories)
        values[LOG] = msgspec.json.encode(self.log)
        state = [Message(key.encode(), value, []) for key, value in values.items()]
        refused = [message_of(letter, key=letter.topic.encode()) for letter in self._refused]
        await publish(client, name(topics.BUCKETS.name), buckets)
        await publish(client, name(topics.SPIKES.name), spikes)
        await publish(client, name(topics.DEAD_LETTERS.name), refused)
        await publish(client, name(topics.DETECTOR_STATE.name), state)
        self._refused = []

    @asynccontextmanager
    async def _transaction(self) -> Any:
        if self._settings.kafka_embedded:
            yield
        else:
            async with self._client.transaction():
                yield

    def _count(self, out: Outputs, until: datetime, took_s: float) -> None:
        metrics = self._metrics
        for outcome, count in out.outcomes.items():
            metrics.articles.labels(outcome).inc(count)
        metrics.buckets.inc(len(out.buckets))
        for spike in out.spikes:
            metrics.spikes.labels(spike.theme, spike.state).inc()
        metrics.commit_seconds.observe(took_s)
        metrics.watermark.set(until.timestamp())
        metrics.held.set(len(self._held))
        now = datetime.now(UTC)
        for at in self._taken:
            metrics.delay_seconds.observe(max(0.0, (now - at).total_seconds()))
        self._taken.clear()


def _dead_letter(message: Any, error: CodecError) -> DeadLetter:
    return DeadLetter(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        reason=error.reason,
        detail=str(error),
        key=message.key,
        value=message.value,
        headers=tuple(message.headers),
    )


async def _read_state(settings: Settings) -> dict[str, Saved]:
    """Return the latest value of every key of `detector-state`, as far as it is committed."""
    place = TopicPartition(settings.topic(topics.DETECTOR_STATE.name), 0)
    client = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap.split(","),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    values: dict[str, Saved] = {}
    await client.start()
    try:
        client.assign([place])
        end = (await client.end_offsets([place]))[place]
        await client.seek_to_beginning(place)
        while await client.position(place) < end:
            for record in (await client.getmany(place, timeout_ms=200)).get(place, ()):
                key = key_of(record.key)
                if record.value is None:
                    values.pop(key, None)
                else:
                    values[key] = Saved(record.offset, record.value)
    finally:
        await client.stop()
    return values
