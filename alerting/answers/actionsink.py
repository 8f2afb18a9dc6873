"""Where officers' actions go: the topic `actions`, from which the service reads them back."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from kafka.errors import KafkaError

from deskwatch import clients, codec, topics
from deskwatch.errors import PublishError
from deskwatch.records import Action
from deskwatch.settings import Settings

ACKNOWLEDGED_WITHIN_S: Final = 10.0


class KafkaActionSink:
    """Publishes actions from a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic(topics.ACTIONS.name)
        self._producer = clients.create_producer(settings, linger_ms=0)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clicks")

    async def publish(self, action: Action) -> None:
        """Return when the broker has acknowledged an action.

        Raises:
            PublishError: it has not, in time.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._send, action)

    async def close(self) -> None:
        """Disconnect."""
        await asyncio.get_running_loop().run_in_executor(self._thread, lambda: self._producer.close(timeout=2))
        self._thread.shutdown()

    def _send(self, action: Action) -> None:
        try:
            sent = self._producer.send(
                self._topic, key=action.action_id.encode(), value=codec.encode(action), headers=codec.headers_of(action)
            )
            sent.get(timeout=ACKNOWLEDGED_WITHIN_S)
        except KafkaError as error:
            raise PublishError(self._topic, f"{type(error).__name__}: {error}") from error
