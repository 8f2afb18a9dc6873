"""What keeps a feeder from outrunning its consumers on the embedded broker, which drops what is not read in time."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from deskwatch.errors import LagError

POLL_S: Final = 0.05
CONNECT_MS: Final = 2_000  # of one attempt; how long to go on trying is `timeout_s`

Watched = tuple[str, str]  # group, topic


class LagGate:
    """Holds a feeder back while the consumer groups behind it have too much left to read.

    It counts what is sent and asks the broker only when the lag could have passed `max_lag_records`. The lags of all
    watched pairs are added up: in a chain of topics what one group has not read yet is still to come to the next.

    Args:
        bootstrap: Addresses of brokers, comma-separated.
        watched: Pairs of consumer group and topic. A topic that does not exist yet has no lag.
        max_lag_records: At most this many records may be unread; once held back, the feeder goes on below half of it.
        timeout_s: Seconds without progress after which a group counts as stuck.
        api_version: Of the protocol: (2, 3) for the embedded broker, None to ask a real one.
    """

    def __init__(
        self,
        bootstrap: str,
        watched: Sequence[Watched],
        *,
        max_lag_records: int,
        timeout_s: float = 60.0,
        api_version: tuple[int, ...] | None = (2, 3),
    ) -> None:
        self._options: dict[str, Any] = {
            "bootstrap_servers": bootstrap.split(","),
            "api_version": api_version,
            "bootstrap_timeout_ms": CONNECT_MS,
        }
        self._watched = tuple(watched)
        self._max_lag = max_lag_records
        self._timeout_s = timeout_s
        self._bound = math.inf  # the lag is at most this; what lay there before us is not known yet
        self._admin: KafkaAdminClient | None = None
        self._closed = threading.Event()
        self._lock = threading.Lock()

    def wait(self, sent: int) -> None:
        """Return when `sent` further records leave the lag in bounds; blocks, so call it from a thread.

        Args:
            sent: Records acknowledged by the broker since the last call (those still in a producer's buffer are
                invisible to the broker's answer and would be missed).

        Raises:
            LagError: the pair with the most unread records has committed nothing for `timeout_s` seconds.
            KafkaError: the broker did not answer for `timeout_s` seconds, or refused for good.
        """
        with self._lock:
            self._bound += sent
            if self._watched and self._bound > self._max_lag:
                self._wait_below_half()

    def close(self) -> None:
        """Let a waiting feeder go at once, then disconnect."""
        self._closed.set()
        with self._lock:
            if self._admin is not None:
                self._admin.close()
                self._admin = None

    def _wait_below_half(self) -> None:
        moved_at = dict.fromkeys(self._watched, time.monotonic())
        answered_at = time.monotonic()
        before: Mapping[Watched, tuple[int, int]] = {}
        while not self._closed.is_set():
            now = time.monotonic()
            try:
                states = self._measure()
            except KafkaError as error:  # such as a coordinator that is still loading
                if not error.retriable or now - answered_at > self._timeout_s:
                    raise
            else:
                answered_at = now
                self._bound = sum(lag for lag, _ in states.values())
                if self._bound < self._max_lag / 2:
                    return
                for pair, (_, position) in states.items():
                    if pair in before and position != before[pair][1]:
                        moved_at[pair] = now
                before = states
                group, topic = worst = max(states, key=lambda pair: states[pair][0])
                if now - moved_at[worst] > self._timeout_s:
                    raise LagError(group, topic, states[worst][0])
            self._closed.wait(POLL_S)

    def _measure(self) -> Mapping[Watched, tuple[int, int]]:
        """Return lag and position (sum of the committed offsets) of each watched pair.

        kafka-python's admin client is enough for it, on the mock cluster too, where it can only be asked for a group's
        offsets with the partitions named.
        """
        if self._admin is None:
            self._admin = KafkaAdminClient(**self._options)
        topics = self._admin.describe_topics(sorted({topic for _, topic in self._watched}))
        partitions = {
            topic["name"]: [TopicPartition(topic["name"], part["partition_index"]) for part in topic["partitions"]]
            for topic in topics
        }
        every = [partition for of_topic in partitions.values() for partition in of_topic]
        if not every:
            return dict.fromkeys(self._watched, (0, 0))
        starts = self._admin.list_partition_offsets(dict.fromkeys(every, OffsetSpec.EARLIEST))
        committed = self._admin.list_group_offsets(
            {
                group: [p for g, topic in self._watched if g == group for p in partitions[topic]]
                for group, _ in self._watched
            }
        )
        # Asked last: what is sent and read meanwhile makes the lag look longer, never shorter.
        ends = self._admin.list_partition_offsets(dict.fromkeys(every, OffsetSpec.LATEST))
        states = {}
        for group, topic in self._watched:
            # -1 stands for "nothing committed", and what has been trimmed nobody will read.
            positions = [max(committed[group][p].offset, starts[p].offset) for p in partitions[topic]]
            lag = sum(ends[p].offset for p in partitions[topic]) - sum(positions)
            states[group, topic] = (lag, sum(max(committed[group][p].offset, 0) for p in partitions[topic]))
        return states
