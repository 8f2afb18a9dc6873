"""What the service follows from the beginning, in no group: officers' actions, and the buckets behind the charts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

import structlog
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from alerting.rendering.history import History
from deskwatch import clients, codec, topics
from deskwatch.errors import CodecError, ReadError
from deskwatch.records import Action, Bucket
from deskwatch.settings import Settings

LOOK_BACK: Final = timedelta(days=3)
AGAIN_S: Final = 5.0
PATIENCE_S: Final = 60.0  # for all actions there are

_log = structlog.get_logger()


class KafkaActions:
    """Reads the topic `actions`, from its beginning: what an officer asked for outlives a restart."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = clients.create_consumer(settings)
        self._place = TopicPartition(settings.topic(topics.ACTIONS.name), 0)
        self._consumer.assign([self._place])
        self._consumer.seek_to_beginning()
        self._is_first = True
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="actions")

    async def read(self) -> Sequence[Action]:
        """Return those that are new, the first time all that there are; what is no action is left out, and said.

        Raises:
            ReadError: the broker does not give the earlier ones, without which a silence would be broken.
        """
        messages = await asyncio.get_running_loop().run_in_executor(self._thread, self._poll)
        found = []
        for message in messages:
            try:
                record = codec.decode(message.value, message.headers)
            except CodecError as error:
                _log.warning("actions.unreadable", offset=message.offset, detail=str(error))
                continue
            if isinstance(record, Action):
                found.append(record)
        return found

    def _poll(self) -> list[Any]:
        if self._is_first:
            messages = self._catch_up()
            self._is_first = False
            return messages
        return list(chain.from_iterable(self._consumer.poll(0).values()))

    def _catch_up(self) -> list[Any]:
        """Return all that the topic holds now."""
        messages: list[Any] = []
        position, deadline = 0, time.monotonic() + PATIENCE_S
        try:
            end = self._consumer.end_offsets([self._place])[self._place]
            while (position := self._consumer.position(self._place)) < end:
                messages += chain.from_iterable(self._consumer.poll(timeout_ms=200).values())
                if time.monotonic() > deadline:
                    raise ReadError(self._place.topic, 0, position, "no record arrives")
        except KafkaError as error:
            raise ReadError(self._place.topic, 0, position, f"{type(error).__name__}: {error}") from error
        return messages

    async def close(self) -> None:
        """Disconnect."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
        self._thread.shutdown()


class BucketTail:
    """Fills a history from the topic `buckets` in a thread of its own; without it alerts go out without charts."""

    def __init__(self, settings: Settings, history: History) -> None:
        self._settings = settings
        self._history = history
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="buckets", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except KafkaError as error:
                _log.warning("buckets.not_read", detail=str(error))
                self._stop.wait(AGAIN_S)

    def _follow(self) -> None:
        since = datetime.now(UTC) - LOOK_BACK
        for message in clients.read_messages(self._settings, topics.BUCKETS.name, since=since, follow_until=self._stop):
            try:
                record = codec.decode(message.value, message.headers)
            except CodecError as error:
                _log.warning("buckets.unreadable", offset=message.offset, detail=str(error))
                continue
            if isinstance(record, Bucket):
                self._history.add(record)
            if self._stop.is_set():
                return
