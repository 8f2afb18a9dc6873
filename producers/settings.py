"""The producers' own settings: section `producers` of the settings file, DESKWATCH_PRODUCERS_* in the environment."""

from __future__ import annotations

import msgspec

_MB = 1024 * 1024


class ProducerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How feeds are polled and how much may wait for the broker."""

    contact: str = ""  # an address or page in the User-Agent, so that a publisher can reach you
    tick_s: float = 2.0
    concurrency: int = 200  # polls at one time
    connections_per_host: int = 2
    spacing_s: float = 2.0  # between two polls of one host; hosts on this machine are not paced
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 10.0  # between two pieces of an answer
    total_timeout_s: float = 30.0
    max_body_bytes: int = 5 * _MB  # as transferred
    max_document_bytes: int = 15 * _MB  # after decompression
    parsers: int = 2  # processes that parse
    parse_cpu_s: float = 2.0  # what one document may take
    parse_memory_bytes: int = 512 * _MB
    max_outbox_articles: int = 5_000  # beyond either, polling pauses until the broker has caught up
    max_outbox_bytes: int = 16 * _MB
    publish_timeout_s: float = 20.0  # until a record without acknowledgement counts as failed
    feed_metrics: int = 2_000  # with more feeds than this, metrics have no series for each
    shared: bool = False  # take feeds from the topic `feeds`, together with other producers
    session_timeout_s: float = 30.0  # without a sign of life from a producer, others take over its feeds
    allow_private_addresses: bool = False  # tests and simulated worlds on this machine

    def __post_init__(self) -> None:
        """Refuse what would stop the service or never let it poll."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not isinstance(value, bool | str) and value <= 0:
                raise ValueError(f"{name} must be more than 0, not {value}")
        if not self.contact.isprintable() or not self.contact.isascii():
            raise ValueError("contact must be printable ASCII: it travels in an HTTP header")
