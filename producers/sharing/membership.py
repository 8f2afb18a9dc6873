"""The consumer group of all producers: which shards are ours, for how long, and what their feeds are.

The group is that of the topic `feeds`; a partition of it is a shard. Nothing is committed: whoever gets a partition
reads it whole.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import structlog
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError

from deskwatch import topics
from deskwatch.clients import create_consumer
from deskwatch.settings import Settings

POLL_MS: Final = 200
RETRY_S: Final = 1.0
CONNECT_MS: Final = 3_000
CLOSE_MS: Final = 3_000
LOOK_S: Final = 0.02  # between two looks whether what was asked for is done
HEARTBEATS: Final = 10  # in a session timeout

log = structlog.get_logger()


class Sharer(Protocol):
    """What hears of changes; called from the membership's threads."""

    def grant(self, shards: set[int]) -> None:
        """Say that the group has given us shards."""

    def revoke(self, shards: set[int]) -> Callable[[], bool]:
        """Say that the group wants shards back, and return what tells whether they can be given."""

    def lose(self, shards: set[int]) -> None:
        """Say that the group has already given shards to others."""

    def hear(self, messages: Sequence[Any]) -> None:
        """Show Kafka's messages of our partitions of `feeds`, from their beginning on."""


class Membership:
    """Our place in the group, from `start` to `close`.

    Args:
        settings: Where the broker is.
        session_timeout_s: Silence after which the group gives our shards to others.
        sharer: Hears of every change.
        create: Makes the consumer.
        retry_s: Seconds until the next consumer is made after one has failed.
        monotonic: Seconds that only go forward.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        session_timeout_s: float,
        sharer: Sharer,
        create: Callable[..., Any] = create_consumer,
        retry_s: float = RETRY_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._session_timeout_s = session_timeout_s
        self._sharer = sharer
        self._create = create
        self._retry_s = retry_s
        self._monotonic = monotonic
        self._consumer: Any = None
        self._confirmed_at = float("-inf")
        self._closing = threading.Event()
        self._renewing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="membership", daemon=True)

    def start(self) -> None:
        """Join the group as soon as the broker answers."""
        self._thread.start()

    def close(self) -> None:
        """Leave the group, so that others need not wait until they miss us; blocks for some seconds at most."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(4 * CLOSE_MS / 1000)

    def renew(self) -> None:
        """Leave and join again, with a new consumer."""
        self._renewing.set()

    def is_current(self) -> bool:
        """Return whether nobody else can have been given our shards.

        A process that was stopped for a while wakes up with this False: the group counts from the last heartbeat that
        reached it, and so does this, from when it was sent. The answer alone says nothing, it may have lain in a socket
        all the time.
        """
        self._note()
        return self._monotonic() - self._confirmed_at < self._session_timeout_s

    def _note(self) -> None:
        consumer = self._consumer
        if consumer is not None:
            # Not public in kafka-python 3.0.12, and its metrics tell when heartbeats were sent, not if they were heard.
            beat = consumer._coordinator.heartbeat
            sent_at, heard_at = beat.last_send, beat.last_receive
            if heard_at >= sent_at:
                self._confirmed_at = max(self._confirmed_at, sent_at)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._take_part()
            except KafkaError as error:
                log.warning("membership.failed", error=f"{type(error).__name__}: {error}")
            except Exception:  # the thread's outermost loop: without it this producer would never get a shard again
                log.exception("membership.broke")
            self._closing.wait(self._retry_s)

    def _take_part(self) -> None:
        self._renewing.clear()
        consumer = self._create(
            self._settings,
            group_id=self._settings.topic(topics.PRODUCE_GROUP),
            session_timeout_ms=int(self._session_timeout_s * 1000),
            heartbeat_interval_ms=int(self._session_timeout_s * 1000 / HEARTBEATS),
            # It moves what has to move and no more, and members keep polling what stays with them meanwhile.
            partition_assignment_strategy=[CooperativeStickyAssignor],
            bootstrap_timeout_ms=CONNECT_MS,
            reconnect_backoff_max_ms=int(RETRY_S * 1000),
        )
        listener = _Listener(self._sharer, self._closing, self._pause(consumer), self._session_timeout_s / 2)
        try:
            consumer.subscribe([self._settings.topic(topics.FEEDS.name)], listener=listener)
            self._consumer = consumer
            while not self._closing.is_set() and not self._renewing.is_set():
                for messages in consumer.poll(timeout_ms=POLL_MS).values():
                    self._sharer.hear(messages)
                self._note()
        finally:
            self._consumer = None
            listener.end()
            with suppress(KafkaError):
                consumer.close(autocommit=False, timeout_ms=CLOSE_MS)

    def _pause(self, consumer: Any) -> Callable[[], Any]:
        """Return what waits a little on the consumer's own loop, so that heartbeats go on meanwhile."""
        net = consumer._net  # not public in kafka-python 3.0.12, which gives listeners nothing else to wait with
        return lambda: net.sleep(LOOK_S)


class _Listener(AsyncConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Passes on what the group decides, and keeps it waiting while we hand over."""

    def __init__(
        self,
        sharer: Sharer,
        closing: threading.Event,
        pause: Callable[[], Any],
        patience_s: float,
    ) -> None:
        self._sharer = sharer
        self._held: set[int] = set()
        self._ended = False
        self._closing = closing
        self._pause = pause
        self._patience_s = patience_s

    def end(self) -> None:
        """Give up what the consumer had, before it is closed; whoever stops has handed over before."""
        self._ended = True
        if self._held and not self._closing.is_set():
            self._sharer.lose(set(self._held))

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        shards = _shards(assigned)
        self._held |= shards
        self._sharer.grant(shards)

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        shards = _shards(revoked)
        self._held -= shards
        if self._ended or self._closing.is_set():
            return
        is_done = self._sharer.revoke(shards)
        deadline = time.monotonic() + self._patience_s
        while not is_done() and not self._closing.is_set():
            if time.monotonic() > deadline:
                log.warning("shards.handed_over_late", shards=sorted(shards), waited_s=self._patience_s)
                return
            await self._pause()

    async def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        shards = _shards(lost)
        self._held -= shards
        self._sharer.lose(shards)


def _shards(partitions: Iterable[Any]) -> set[int]:
    return {partition.partition for partition in partitions}
