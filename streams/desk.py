"""Puts what records of `articles` add into the desk log, then says so: the one way in, for Faust agent and mender."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from classifiers import Classifier
from deskwatch import topics
from deskwatch.owners import Owners
from deskwatch.records import Classified, Coverage, Origin
from deskwatch.settings import Settings
from streams.classifying import Headers, Kind, Outcome, classify_record, coverage_of, covered_count
from streams.metrics import Metrics
from streams.publishing import Message, message_of

_BREATHE: Final = 50  # records after which other tasks get the loop: classifying is work for the processor


class Arrived(NamedTuple):
    """A record of `articles` as Kafka holds it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None


class Send(Protocol):
    """Sends messages to partition 0 of a topic in their order; returns when all are acknowledged, or raises."""

    def __call__(self, topic: str, messages: Iterable[Message]) -> Awaitable[None]:
        """Send."""


class DeskWriter:
    """Judges records of `articles` and writes the desk log."""

    def __init__(self, settings: Settings, classifier: Classifier, owners: Owners, metrics: Metrics) -> None:
        self._articles = settings.topic(topics.ARTICLES.name)
        self._desk_log = settings.topic(topics.DESK_LOG.name)
        self._dead_letters = settings.topic(topics.DEAD_LETTERS.name)
        self._classifier = classifier
        self._owners = owners
        self._metrics = metrics

    async def write(self, arrived: Sequence[Arrived], send: Send, coverage: Sequence[Coverage] | None = None) -> None:
        """Write what `arrived` adds, then the coverage; return when the broker has acknowledged all of it.

        Args:
            arrived: Each partition's records in the order of their offsets: a tick comes after what it vouches for.
            send: Where to.
            coverage: What to report; None: the offsets that arrived.

        Raises:
            PublishError: not everything is acknowledged; what was sent does no harm.
        """
        outcomes = await self._judge(arrived)
        desk, dead = [], []
        for outcome in outcomes:
            if outcome.record is None:
                continue
            if outcome.kind is Kind.DEAD:
                dead.append(message_of(outcome.record, value=outcome.value, key=self._articles.encode()))
            else:
                desk.append(message_of(outcome.record, value=outcome.value))
        if desk:
            await send(self._desk_log, desk)
        if dead:
            await send(self._dead_letters, dead)
        # Only now: in one go with the rest, a refused batch could leave a coverage that vouches for what is not there.
        reported = _coverage(arrived) if coverage is None else coverage
        if reported:
            await send(self._desk_log, [message_of(record) for record in reported])
        self._count(outcomes, reported)

    async def _judge(self, arrived: Sequence[Arrived]) -> list[Outcome]:
        outcomes = []
        for number, one in enumerate(arrived, 1):
            outcomes.append(
                classify_record(
                    one.value,
                    one.headers,
                    origin=Origin(partition=one.partition, offset=one.offset),
                    key=one.key,
                    topic=self._articles,
                    classifier=self._classifier,
                    owners=self._owners,
                )
            )
            if number % _BREATHE == 0:
                await asyncio.sleep(0)
        return outcomes

    def _count(self, outcomes: Sequence[Outcome], coverage: Sequence[Coverage]) -> None:
        for kind, number in Counter(outcome.kind for outcome in outcomes).items():
            self._metrics.classified.labels(kind.value).inc(number)
        for outcome in outcomes:
            if outcome.kind is Kind.DEAD:
                self._metrics.dead_letters.labels(outcome.reason).inc()
            elif isinstance(outcome.record, Classified):
                for theme in outcome.record.themes:
                    self._metrics.themes.labels(theme.theme).inc()
        for record in coverage:
            self._metrics.covered.labels(record.by).inc(covered_count(record))


def _coverage(arrived: Sequence[Arrived]) -> list[Coverage]:
    offsets: dict[int, list[int]] = defaultdict(list)
    for one in arrived:
        offsets[one.partition].append(one.offset)
    return [coverage_of(partition, found) for partition, found in sorted(offsets.items())]
