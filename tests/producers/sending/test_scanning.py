from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deskwatch.errors import PublishError
from deskwatch.settings import Settings
from producers.sending.publishing import Outgoing, Publisher
from producers.sending.scanning import scan


def publish(settings: Settings, count: int) -> None:
    """Put v0, v1, ... into partitions 0, 1, 2, 0, ..."""

    async def run() -> None:
        publisher = Publisher(settings, timeout_s=10)
        try:
            await publisher.publish(
                [
                    Outgoing(topic=settings.topic("articles"), value=b"v%d" % n, headers=[], partition=n % 3)
                    for n in range(count)
                ]
            )
        finally:
            await publisher.close()

    asyncio.run(run())


def test_scan_shows_what_lies_beyond_the_given_offsets(settings: Settings) -> None:
    publish(settings, 9)
    found: list[bytes] = []

    def look(message: Any) -> None:
        found.append(message.value)

    assert scan(settings, settings.topic("articles"), None, look) == {0: 3, 1: 3, 2: 3, 3: 0}
    assert found == []
    scan(settings, settings.topic("articles"), {0: 1, 1: 2, 2: 0}, look)
    assert found == [b"v6", b"v5", b"v8"]
    found.clear()
    scan(
        settings, settings.topic("articles"), {0: 2, 1: 500}, look
    )  # 1: a new topic of the same name; 2: a new partition
    assert found == [b"v1", b"v4", b"v7", b"v2", b"v5", b"v8"]


def test_only_the_partitions_asked_for_are_read(settings: Settings) -> None:
    publish(settings, 9)
    found: list[bytes] = []
    ends = scan(settings, settings.topic("articles"), {}, lambda m: found.append(m.value), partitions=[1])
    assert ends == {1: 3}
    assert found == [b"v1", b"v4", b"v7"]


def test_a_topic_with_another_number_of_partitions_is_refused(settings: Settings) -> None:
    publish(settings, 1)
    with pytest.raises(PublishError, match="4 partitions and must have 8"):
        scan(settings, settings.topic("articles"), {}, lambda _: None, expected=8)
