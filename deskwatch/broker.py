"""The embedded broker: librdkafka's mock cluster, shipped in the confluent-kafka wheel, as a Kafka that needs no JVM.

It speaks the Kafka protocol on a free port of 127.0.0.1 and keeps nothing: all is in memory and gone when it is closed.
Of each partition it holds the newest LIMIT_BYTES or LIMIT_BATCHES; a consumer that lags further behind loses records
without being told, which is why feeders pace themselves on it (`deskwatch.pacing`). It cannot create topics on request,
so they are given at the start; it compacts nothing, and its transactions do not isolate.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

# Both: librdkafka 2.16.0, src/rdkafka_mock.c, rd_kafka_mock_partition_init(): max_size and max_cnt; no API sets them.
# The second counts record batches, not records.
LIMIT_BYTES: Final = 5 * 1024 * 1024
LIMIT_BATCHES: Final = 100_000

_REBALANCE_DELAY_MS: Final = 100  # the first member of a group waits this long for others; the mock's default is 3000
_PRODUCER: Final = 0  # RD_KAFKA_PRODUCER: the cluster lives in some client's threads, and this one does nothing itself
_ERROR_SIZE: Final = 512

_SIGNATURES: Final[Mapping[str, tuple[type | None, tuple[type, ...]]]] = {
    "rd_kafka_conf_new": (ctypes.c_void_p, ()),
    "rd_kafka_conf_set": (
        ctypes.c_int,
        (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t),
    ),
    "rd_kafka_new": (ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)),
    "rd_kafka_destroy": (None, (ctypes.c_void_p,)),
    "rd_kafka_mock_cluster_new": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)),
    "rd_kafka_mock_cluster_destroy": (None, (ctypes.c_void_p,)),
    "rd_kafka_mock_cluster_bootstraps": (ctypes.c_char_p, (ctypes.c_void_p,)),
    "rd_kafka_mock_topic_create": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, (ctypes.c_void_p, ctypes.c_int32)),
}


class MockBroker:
    """One broker with the given topics, running from construction until `close`; also a context manager.

    Args:
        topics: Partition count of each topic.

    Attributes:
        bootstrap: `127.0.0.1:port`. kafka-python needs `api_version=(2, 3)` to speak to it.

    Raises:
        ValueError: a topic's name or partition count is refused.
        OSError: librdkafka is not there, or gets no thread or port.
    """

    bootstrap: str

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._library = _load()
        self._client = self._create_client()
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        try:
            if not self._cluster:
                raise OSError("starting the embedded broker: librdkafka gave no mock cluster")
            self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, _REBALANCE_DELAY_MS)
            for name, partitions in topics.items():
                self._create_topic(name, partitions)
            self.bootstrap = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the broker and drop everything it held; a second call does nothing."""
        cluster, self._cluster = self._cluster, None
        client, self._client = self._client, None
        if cluster:
            self._library.rd_kafka_mock_cluster_destroy(cluster)
        if client:
            self._library.rd_kafka_destroy(client)

    def _create_client(self) -> int | None:
        error = ctypes.create_string_buffer(_ERROR_SIZE)
        config = self._library.rd_kafka_conf_new()
        # Warnings and worse only: at the default level it remarks that this client has no broker to talk to.
        self._library.rd_kafka_conf_set(config, b"log_level", b"4", error, _ERROR_SIZE)
        client: int | None = self._library.rd_kafka_new(_PRODUCER, config, error, _ERROR_SIZE)
        if not client:
            raise OSError(f"starting the embedded broker: {error.value.decode()}")
        return client

    def _create_topic(self, name: str, partitions: int) -> None:
        if partitions < 1:  # librdkafka takes it and makes a topic that nobody can use
            raise ValueError(f"creating topic {name}: {partitions} partitions")
        code = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if code:
            raise ValueError(f"creating topic {name} with {partitions} partitions: librdkafka's error {code}")


def serve(topics: Mapping[str, int], announce: Callable[[str], None], stop: threading.Event) -> None:
    """Run a broker until `stop` is set; `announce` gets its bootstrap address as soon as it accepts connections.

    Raises:
        ValueError, OSError: as MockBroker.
    """
    with MockBroker(topics) as broker:
        announce(broker.bootstrap)
        stop.wait()


@cache
def _load() -> ctypes.CDLL:
    """Return the librdkafka of the confluent-kafka wheel, with the signatures of what is called here."""
    library = ctypes.CDLL(str(_find_library()))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def _find_library() -> Path:
    package = importlib.util.find_spec("confluent_kafka")
    for location in (package.submodule_search_locations or ()) if package else ():
        # Where auditwheel (Linux) and delocate (macOS) put a wheel's libraries.
        linux, mac = Path(location).with_name("confluent_kafka.libs"), Path(location, ".dylibs")
        for library in (*linux.glob("librdkafka*.so*"), *mac.glob("librdkafka*.dylib")):
            return library
    raise FileNotFoundError("the embedded broker needs confluent-kafka's wheel, with librdkafka in it: pip install it")
