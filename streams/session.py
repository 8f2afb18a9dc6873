"""One term of leadership: the detector's state as it is saved, what is held, and the transactions that move both on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, Self

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deskwatch import topics
from deskwatch.errors import CodecError
from deskwatch.records import DeadLetter
from deskwatch.settings import Settings
from streams.advancing import Outputs
from streams.facts import Fact
from streams.holding import Held
from streams.memory import Desk, load
from streams.metrics import DetectorMetrics
from streams.publishing import Message, message_of, producer_options, publish
from streams.reading import LogState, Reader
from streams.rules import Rules
from streams.stepping import steps
from streams.watermark import Watermark

LOG: Final = "log"
TRANSACTION_MS: Final = 60_000


class Session:
    """Lasts from a take-over to the loss of leadership; after any failure a new one continues from the saved state."""

    def __init__(
        self, settings: Settings, rules: Rules, metrics: DetectorMetrics, client: Any, values: Mapping[str, bytes]
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._metrics = metrics
        self._client = client
        self._held = Held()
        self.desk: Desk = load(values)
        saved = values.get(LOG)
        state = msgspec.json.decode(saved, type=LogState) if saved else _start()
        self._reader = Reader(state, 0)
        self._decided = state.watermark.at
        self._refused: list[DeadLetter] = []
        self._taken: list[datetime] = []

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
            values = {} if settings.kafka_embedded else await _read_state(settings)
            return cls(settings, rules, metrics, client, values)
        except BaseException:
            await client.stop()
            raise

    @property
    def log(self) -> LogState:
        """Return where we stand in the desk log."""
        return self._reader.state

    def widen(self, partitions: int) -> None:
        """Tell how many partitions `articles` has."""
        self._reader = Reader(self.log, partitions)

    def take(self, messages: Sequence[Any]) -> set[int]:
        """Read records of the desk log and hold their facts for the watermark; return the shards that ticked."""
        found: list[tuple[int, Fact]] = []
        for message in messages:
            try:
                facts = self._reader.read(message.offset, message.value, message.headers)
            except CodecError as error:
                self._metrics.refused.labels(error.reason).inc()
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

    def _first_open(self) -> int:
        held = self._held.first_offset()
        return self.log.position if held is None else held

    async def _advance(self, until: datetime) -> Outputs:
        out = Outputs()
        for more, taken in steps(self.desk, self._held, until, self._rules):
            out.add(more)
            self._taken += [sighting.at for sighting in taken]
            await asyncio.sleep(0)
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


def _start() -> LogState:
    return LogState(watermark=Watermark(shards=topics.SHARDS, partitions=[]))


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


async def _read_state(settings: Settings) -> dict[str, bytes]:
    """Return the latest value of every key of `detector-state`, as far as it is committed."""
    place = TopicPartition(settings.topic(topics.DETECTOR_STATE.name), 0)
    client = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap.split(","),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    values: dict[str, bytes] = {}
    await client.start()
    try:
        client.assign([place])
        end = (await client.end_offsets([place]))[place]
        await client.seek_to_beginning(place)
        while await client.position(place) < end:
            for record in (await client.getmany(place, timeout_ms=200)).get(place, ()):
                key = record.key.decode()
                if record.value is None:
                    values.pop(key, None)
                else:
                    values[key] = record.value
    finally:
        await client.stop()
    return values
