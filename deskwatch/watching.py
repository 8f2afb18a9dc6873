"""Whether the embedded broker has dropped records that a consumer group had still to read."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

import structlog
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from deskwatch import topics
from deskwatch.errors import LostRecordsError
from deskwatch.settings import Settings

# Who reads what, by position committed to the broker.
READERS: Final = (
    (topics.CLASSIFY_GROUP, topics.ARTICLES.name),
    (topics.DETECT_GROUP, topics.DESK_LOG.name),
    (topics.ALERT_GROUP, topics.SPIKES.name),
)
EVERY_S: Final = 0.5
TIMEOUT_MS: Final = 2_000

Partition = tuple[str, int]

log = structlog.get_logger()


def find_loss(starts: Mapping[Partition, int], committed: Mapping[Partition, int]) -> LostRecordsError | None:
    """Return the first partition of one group whose oldest record lies beyond the group's position, or None.

    Args:
        starts: Offset of the oldest record held, by topic and partition.
        committed: The group's position, -1 where it committed none. A group without any position is not there (yet);
            where it has one elsewhere, it stands at 0.
    """
    if all(position < 0 for position in committed.values()):
        return None
    for partition, position in sorted(committed.items()):
        expected = max(position, 0)
        if (found := starts.get(partition, 0)) > expected:
            return LostRecordsError(*partition, expected, found)
    return None


class LossWatch:
    """Asks the embedded broker again and again, in a thread, whether a group has lost records; a context manager.

    Args:
        stop: Set as soon as it has.

    Attributes:
        error: What was lost, or why the broker could no longer be asked; None as long as all is well.
    """

    def __init__(self, bootstrap: str, readers: Sequence[tuple[str, str]], stop: threading.Event) -> None:
        self._options: dict[str, Any] = {
            "bootstrap_servers": bootstrap,
            "api_version": (2, 3),
            "bootstrap_timeout_ms": TIMEOUT_MS,
        }
        self._readers = tuple(readers)
        self._tell = stop
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loss-watch", daemon=True)
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        admin: KafkaAdminClient | None = None
        try:
            admin = KafkaAdminClient(**self._options)
            partitions = _partitions(admin, {topic for _, topic in self._readers})
            while self.error is None and not self._closed.wait(EVERY_S):
                try:
                    self.error = self._look(admin, partitions)
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    log.debug("broker.watch_repeated", error=str(error))
        except KafkaError as error:  # a watch that ends unseen would be no watch
            self.error = error
        finally:
            if admin is not None:
                admin.close()
            if self.error is not None:
                self._tell.set()

    def _look(self, admin: KafkaAdminClient, partitions: Sequence[TopicPartition]) -> LostRecordsError | None:
        # In this order a position that moves meanwhile can only look better than it was: no false alarm.
        oldest = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        starts = {(part.topic, part.partition): answer.offset for part, answer in oldest.items()}
        wanted = {group: [p for p in partitions if (group, p.topic) in self._readers] for group, _ in self._readers}
        for positions in admin.list_group_offsets(wanted).values():
            committed = {(part.topic, part.partition): answer.offset for part, answer in positions.items()}
            if (loss := find_loss(starts, committed)) is not None:
                return loss
        return None


def readers_of(settings: Settings) -> list[tuple[str, str]]:
    """Return READERS with the full names that the settings give them."""
    return [(settings.topic(group), settings.topic(topic)) for group, topic in READERS]


def _partitions(admin: KafkaAdminClient, names: Iterable[str]) -> list[TopicPartition]:
    return [
        TopicPartition(topic["name"], part["partition_index"])
        for topic in admin.describe_topics(sorted(names))
        for part in topic["partitions"]
    ]
