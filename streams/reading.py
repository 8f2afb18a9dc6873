"""The desk log record by record: facts to hold, and how far the watermark has come. Pure: no broker, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from deskwatch import codec
from deskwatch.errors import CodecError, CodecReason
from deskwatch.records import Classified, Coverage, DeskExcuse, DeskTick, Generation, Learnt, Record, Utc
from streams.facts import Fact, generation_of, healths_of, lesson_of, sighting_of
from streams.lessons import wrong_with
from streams.watermark import Progress, Watermark


class LogState(msgspec.Struct, kw_only=True):
    """Where the detector stands in the desk log; saved with every step.

    Of the records before `position`, a fact is in the saved desk if it stands at or before `reached` and its own time
    is before the watermark. (A fact at or before `reached` had a lower watermark at its place, one after it has this.)
    """

    watermark: Watermark
    first_open: int = 0  # no record before this one is needed again
    position: int = 0  # the next record to read
    reached: int = -1  # the record at which the watermark came to where it is
    silent_until: Utc | None = None  # up to here everything was told before the state was rebuilt from the log


class Reader:
    """Turns the records of the desk log into facts. After a restart it reads again from `first_open`."""

    def __init__(self, state: LogState, partitions: int) -> None:
        self.state = state
        self.heard: set[int] = set()  # shards whose ticks were read; the caller clears it
        self.judges: set[str] = set()  # classifiers whose verdicts were read; the caller clears it
        missing = partitions - len(state.watermark.partitions)  # `articles` may have been given more
        state.watermark.partitions += [Progress() for _ in range(missing)]
        self._skipping: set[int] = set()

    def skip(self) -> None:
        """Begin with a log that has lost its beginning: what stands before a partition's first coverage went with it.

        Otherwise the watermark would wait for what can never come, and every later tick with it.
        """
        self._skipping = set(range(len(self.state.watermark.partitions)))

    @property
    def watermark(self) -> datetime | None:
        """Return up to when everything is heard."""
        return self.state.watermark.at

    def read(self, offset: int, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> list[Fact]:
        """Return the facts that the record at `offset` holds and no saved desk has yet, and move the watermark.

        Raises:
            CodecError: bytes that are no record; they count as read.
        """
        again = offset < self.state.position
        if not again:
            self.state.position = offset + 1
        try:
            record = _decoded(value, headers)
        except CodecError:
            if again:  # it was refused before
                return []
            raise
        facts = _facts(record, self.watermark)
        if again:
            return [fact for fact in facts if not self._is_applied(offset, fact)]
        self._note(record)
        if self.state.watermark.move():
            self.state.reached = offset
        return facts

    def _is_applied(self, offset: int, fact: Fact) -> bool:
        return offset <= self.state.reached and self.watermark is not None and fact.at < self.watermark

    def _note(self, record: Record) -> None:
        watermark = self.state.watermark
        match record:
            case Coverage() if record.partition < len(watermark.partitions):
                if record.partition in self._skipping and record.runs:
                    watermark.skip(record.partition, record.runs[0][0])
                    self._skipping.discard(record.partition)
                for first, last in record.runs:
                    watermark.cover(record.partition, first, last)
            case DeskTick() if record.origin.partition < len(watermark.partitions):
                self.heard.add(record.tick.shard)
                watermark.tick(record.origin.partition, record.origin.offset, record.tick.shard, record.tick.at)
            case DeskExcuse():
                watermark.excuse(record.excuse.shard)
            case Classified():
                self.judges.add(record.classifier)
            case _:
                pass


def _decoded(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Record:
    record = codec.decode(value, headers)
    if isinstance(record, Learnt) and (wrong := wrong_with(record)):
        raise CodecError(CodecReason.MALFORMED, codec.schema_name(Learnt), wrong)
    return record


def _facts(record: Record, watermark: datetime | None) -> list[Fact]:
    match record:
        case Classified():
            return [sighting_of(record, watermark)]
        case DeskTick():
            return list(healths_of(record, watermark))
        case Generation():
            return [generation_of(record, watermark)]
        case Learnt():
            return [lesson_of(record, watermark)]
        case _:
            return []
