"""The demo's own count of what went through the topics, to hold against what the world printed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Self

import msgspec
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from deskwatch import codec, topics
from deskwatch.clients import create_consumer
from deskwatch.errors import DeskwatchError, LostRecordsError
from deskwatch.records import Article, Classified, Coverage, Delivery, DeliveryState, DeskTick, Record, Spike, Tick
from deskwatch.settings import Settings

FOLLOWED: Final = (topics.ARTICLES, topics.DESK_LOG, topics.SPIKES, topics.DELIVERIES, topics.DEAD_LETTERS)
POLL_MS: Final = 200


class Tally:
    """What was seen in the topics; doubles are counted apart, so that nothing adds up by accident.

    Attributes:
        articles: Ids in `articles`.
        guids: What their outlets call them.
        repeated: Records there whose id had been seen before (revisions or doubles).
        places: Where the articles stand, by partition.
        ends: Offset after the newest record, by partition of `articles`.
        covered: Offsets of `articles` reported as classified, by partition.
        classified: Ids in the desk log: those that have a theme.
        dead_letters: Records that could not be processed.
        spikes: The newest revision of each episode.
        sent: Messages that went out, by episode and target.
        ticked: The newest tick in the desk log, by shard and partition.
    """

    def __init__(self) -> None:
        self.articles: set[str] = set()
        self.guids: set[str] = set()
        self.repeated = 0
        self.places: dict[int, set[int]] = {}
        self.ends: Counter[int] = Counter()
        self.covered: dict[int, set[int]] = {}
        self.classified: set[str] = set()
        self.dead_letters = 0
        self.spikes: dict[str, Spike] = {}
        self.sent: set[tuple[str, str]] = set()
        self.ticked: dict[tuple[int, int], datetime] = {}

    def add(self, topic: str, partition: int, offset: int, record: Record) -> None:
        """Count one record of a topic."""
        if topic == topics.ARTICLES.name:
            self.ends[partition] = offset + 1
        match record:
            case Article(article_id=article_id, guid=guid):
                self.repeated += article_id in self.articles
                self.articles.add(article_id)
                self.guids.add(guid or "")
                self.places.setdefault(partition, set()).add(offset)
            case Classified(article=article, themes=themes) if themes:
                self.classified.add(article.article_id)
            case DeskTick(origin=origin, tick=Tick(shard=shard, at=at)):
                place = (shard, origin.partition)
                self.ticked[place] = max(at, self.ticked.get(place, at))
            case Coverage(partition=covered, runs=runs):
                offsets = self.covered.setdefault(covered, set())
                for first, last in runs:
                    offsets.update(range(first, last + 1))
            case Spike(spike_id=spike_id):
                self.spikes[spike_id] = record
            case Delivery(state=DeliveryState.SENT):
                self.sent.add((record.spike_id, f"{record.subscriber}/{record.target}"))
            case _:
                self.dead_letters += topic == topics.DEAD_LETTERS.name

    def uncovered(self) -> int:
        """Return how many records of `articles`, ticks among them, nobody has reported as classified."""
        return sum(end - len(self.covered.get(partition, ())) for partition, end in self.ends.items())

    def judged(self) -> int:
        """Return how many records that are articles were reported as classified."""
        return sum(len(offsets & self.covered.get(partition, set())) for partition, offsets in self.places.items())

    def find_alerted(self, theme: str, since: datetime) -> Spike | None:
        """Return the episode of a theme that was noticed from `since` on and that a desk has been told of, if any."""
        told = {spike_id for spike_id, _ in self.sent}
        for spike in list(self.spikes.values()):
            if spike.theme == theme and spike.detected_at >= since and spike.spike_id in told:
                return spike
        return None


class Follower:
    """Reads the topics from their beginning in a thread, adding to a `Tally`; a context manager.

    Attributes:
        tally: What was read so far.
        error: Why reading ended, if it did.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self.tally = Tally()
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            consumer = create_consumer(self._settings)
            try:
                self._follow(consumer)
            finally:
                consumer.close()
        except (KafkaError, DeskwatchError) as error:
            self.error = error

    def _follow(self, consumer: Any) -> None:
        names = {self._settings.topic(topic.name): topic.name for topic in FOLLOWED}
        partitions = [
            TopicPartition(full, number) for full in names for number in consumer.partitions_for_topic(full) or ()
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        expected = dict.fromkeys(partitions, 0)
        while not self._stop.is_set():
            for partition, messages in consumer.poll(timeout_ms=POLL_MS).items():
                self._read(names[partition.topic], partition, messages, expected)

    def _read(
        self, topic: str, partition: TopicPartition, messages: Iterable[Any], expected: dict[TopicPartition, int]
    ) -> None:
        for message in messages:
            if message.offset > expected[partition]:  # the embedded broker has no holes, only an end that is cut off
                raise LostRecordsError(topic, partition.partition, expected[partition], message.offset)
            expected[partition] = message.offset + 1
            self.tally.add(topic, partition.partition, message.offset, codec.decode(message.value, message.headers))


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the final account: what must be `wanted` is `found`."""

    what: str
    found: int
    wanted: int

    @property
    def holds(self) -> bool:
        """Return whether the line adds up."""
        return self.found == self.wanted


def account(*, printed: set[str], served: set[str], tally: Tally, counted: int) -> list[Line]:
    """Return the final account, line by line.

    Args:
        printed: Guids of all items of the world.
        served: Guids of the items that were in an answer.
        counted: Articles that the detector says it has taken in, each id once.
    """
    published, themed = len(tally.articles) + tally.repeated, len(tally.classified)
    what = f"classified: {themed:,} have a theme, {len(tally.articles) - themed:,} have none"
    return [
        Line(what="printed by the outlets, and served as RSS", found=len(served & printed), wanted=len(printed)),
        Line(what="published to Kafka", found=len(tally.guids & printed), wanted=len(printed)),
        Line(what="published twice, or never printed", found=tally.repeated + len(tally.guids - printed), wanted=0),
        Line(what=what, found=tally.judged(), wanted=published),
        Line(what="dead letters", found=tally.dead_letters, wanted=0),
        Line(what="with a theme, and counted by the detector", found=counted, wanted=themed),
    ]
