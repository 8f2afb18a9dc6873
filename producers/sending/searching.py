"""Articles of the outbox that a producer before us has sent already, without living to note it."""

from __future__ import annotations

from typing import Any

from deskwatch import codec
from deskwatch.errors import CodecError
from deskwatch.records import Article


class Search:
    """Looks through a topic for waiting articles that are there already.

    Args:
        wanted: Id and revision of what waits, with its number in the outbox.

    Attributes:
        found: Numbers of those that are there.
    """

    def __init__(self, wanted: dict[tuple[str, int], int]) -> None:
        self.wanted = wanted
        self.found: set[int] = set()
        self._keys = {article_id.encode() for article_id, _ in wanted}

    def look(self, message: Any) -> None:
        """Take note of one of Kafka's messages."""
        if message.key not in self._keys:
            return
        try:
            record = codec.decode(message.value, message.headers)
        except CodecError:  # not ours to judge: the classifier sends it to the dead letters
            return
        if isinstance(record, Article) and (record.article_id, record.revision) in self.wanted:
            self.found.add(self.wanted[record.article_id, record.revision])
