"""From a record of `articles` to what it adds to the desk log: pure, and never raising, whatever the bytes are."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from math import isfinite
from typing import Final

import msgspec

from classifiers import Classifier
from deskwatch import codec
from deskwatch.errors import CodecError, CodecReason
from deskwatch.owners import Owners
from deskwatch.records import (
    Article,
    Classified,
    Count,
    Coverage,
    DeadLetter,
    DeskExcuse,
    DeskTick,
    Excuse,
    Origin,
    ThemeScore,
    Tick,
)
from streams.likeness import MAX_CHARS

# A broker takes records of 1 MiB (message.max.bytes). A dead letter carries bytes as base64, a third larger.
MAX_RECORD_BYTES: Final = 1_000_000
MAX_DEAD_BYTES: Final = 600_000
EVIDENCE_KEPT: Final = 10  # per theme, where all of it does not fit


class Kind(StrEnum):
    """What became of a record of `articles`; also a metric label."""

    THEMED = "themed"
    NO_THEME = "no_theme"
    TICK = "tick"
    EXCUSE = "excuse"
    DEAD = "dead_letter"


class DeadReason(StrEnum):
    """Why a record became a dead letter, beside the codec's reasons; also a metric label."""

    UNEXPECTED = "unexpected_schema"
    CLASSIFIER = "classifier_error"
    TOO_LARGE = "too_large"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one record of `articles` adds.

    Attributes:
        record: For the desk log (Classified, DeskTick, DeskExcuse) or the dead letters; None: an article of no theme.
        value: The record's bytes.
        reason: Of a dead letter.
    """

    kind: Kind
    record: Classified | DeskTick | DeskExcuse | DeadLetter | None = None
    value: bytes = b""
    reason: str = ""


Headers = Iterable[tuple[str, bytes]]

_NO_THEME: Final = Outcome(kind=Kind.NO_THEME)


def classify_record(
    value: bytes | None,
    headers: Headers | None,
    *,
    origin: Origin,
    key: bytes | None,
    topic: str,
    classifier: Classifier,
    owners: Owners,
) -> Outcome:
    """Return what the record at `origin` of `topic` adds; what cannot be processed becomes a dead letter."""
    found = [(name, raw) for name, raw in headers or () if raw is not None]

    def bury(reason: str, detail: str) -> Outcome:
        return _bury(reason, detail, value=value, headers=found, origin=origin, key=key, topic=topic)

    try:
        record = codec.decode(value, found)
    except CodecError as error:
        return bury(error.reason.value, str(error))
    except RecursionError as error:  # msgspec's answer to JSON nested thousands deep
        return bury(CodecReason.MALFORMED.value, str(error))
    if isinstance(record, Tick):
        return _outcome(Kind.TICK, DeskTick(origin=origin, tick=record))
    if isinstance(record, Excuse):
        return _outcome(Kind.EXCUSE, DeskExcuse(origin=origin, excuse=record))
    if not isinstance(record, Article):
        return bury(DeadReason.UNEXPECTED.value, f"{topic} holds no {codec.schema_name(type(record))}")
    try:
        themes = tuple(classifier.classify(record))
        outcome = _judged(record, themes, origin, classifier.name, owners.owner_of(record.source))
    except Exception as error:  # noqa: BLE001  # any article may hit any bug: it must not take the stream with it
        return bury(DeadReason.CLASSIFIER.value, f"{type(error).__name__}: {error}")
    if len(outcome.value) > MAX_RECORD_BYTES:
        return bury(DeadReason.TOO_LARGE.value, f"{len(outcome.value)} bytes as a record of the desk log")
    return outcome


def coverage_of(partition: int, offsets: Iterable[int], by: str = "classify") -> Coverage:
    """Return the record that says these offsets of `partition` are classified: runs, ascending, neither touching.

    The order of `offsets` does not matter, nor does one that comes twice.
    """
    runs: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if runs and offset <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(offset, runs[-1][1]))
        else:
            runs.append((offset, offset))
    return Coverage(partition=partition, runs=tuple(runs), by=by)


def covered_count(coverage: Coverage) -> Count:
    """Return how many offsets a coverage names."""
    return sum(last - first + 1 for first, last in coverage.runs)


def _judged(article: Article, themes: tuple[ThemeScore, ...], origin: Origin, classifier: str, owner: str) -> Outcome:
    if not themes:
        return _lost(article, origin, classifier) if article.revision else _NO_THEME
    if not all(isfinite(theme.score) for theme in themes):  # JSON has no word for it: nobody could read the record
        raise ValueError("a score that is no number")
    # The full text stays in `articles`: the desk log, read whole by the detector, has what tells copies from others.
    short = msgspec.structs.replace(article, text=article.text[:MAX_CHARS] if article.text else None)
    other = owner if owner != article.source else ""
    judged = Classified(origin=origin, article=short, themes=themes, classifier=classifier, owner=other)
    outcome = _outcome(Kind.THEMED, judged)
    if len(outcome.value) > MAX_RECORD_BYTES:
        fewer = tuple(msgspec.structs.replace(theme, evidence=theme.evidence[:EVIDENCE_KEPT]) for theme in themes)
        return _outcome(Kind.THEMED, msgspec.structs.replace(judged, themes=fewer))
    return outcome


def _lost(article: Article, origin: Origin, classifier: str) -> Outcome:
    """Return word of a revision without a theme: whoever counted the article before must take it back."""
    bare = msgspec.structs.replace(article, summary="", text=None, authors=(), categories=())
    return _outcome(Kind.NO_THEME, Classified(origin=origin, article=bare, themes=(), classifier=classifier))


def _outcome(kind: Kind, record: Classified | DeskTick | DeskExcuse) -> Outcome:
    return Outcome(kind=kind, record=record, value=codec.encode(record))


def _bury(
    reason: str,
    detail: str,
    *,
    value: bytes | None,
    headers: list[tuple[str, bytes]],
    origin: Origin,
    key: bytes | None,
    topic: str,
) -> Outcome:
    size = len(key or b"") + len(value or b"") + sum(len(name) + len(raw) for name, raw in headers)
    fits = size <= MAX_DEAD_BYTES
    detail = detail[:1000].encode(errors="replace").decode()
    record = DeadLetter(
        topic=topic,
        partition=origin.partition,
        offset=origin.offset,
        reason=reason,
        detail=detail if fits else f"{detail} (too large to be copied: see {topic} itself)",
        key=key if fits else None,
        value=value if fits else None,
        headers=tuple(headers) if fits else (),
    )
    return Outcome(kind=Kind.DEAD, record=record, value=codec.encode(record), reason=reason)
