"""Faust's Kafka transport with the two settings that it does not let one set."""

from __future__ import annotations

from typing import Any

from faust.transport.drivers import aiokafka as driver


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped here
    """The thread that reads, asking the broker to answer soon."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust hard-codes 1500 ms. aiokafka keeps one fetch per broker in flight, so a fetch that covers only quiet
        # partitions keeps the busy ones waiting: two thirds of the throughput. Goes when Faust has a setting for it.
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms
        return consumer


class Consumer(driver.Consumer):  # type: ignore[misc]
    """A consumer on that thread."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class Producer(driver.Producer):  # type: ignore[misc]
    """A producer that is idempotent also outside transactions: a retry neither doubles nor reorders."""

    def _settings_extra(self) -> dict[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    @property
    def client(self) -> Any:
        """The aiokafka producer below; there once the app has started."""
        return self._ensure_producer()


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's transport made of these. Use it with `app.transport = Transport(..., fetch_wait_ms=50)`."""

    Consumer = Consumer
    Producer = Producer

    def __init__(self, *args: Any, fetch_wait_ms: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fetch_wait_ms = fetch_wait_ms
