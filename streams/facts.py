"""What the desk log says, cut down to what counting needs: each fact has its time and its place in the one order."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from deskwatch.records import (
    Article,
    Classified,
    DateQuality,
    DeskTick,
    Evidence,
    FeedHealth,
    Generation,
    Learnt,
    Utc,
)
from streams.agencies import agency_of
from streams.likeness import MAX_CHARS

TRUSTED: Final = frozenset({DateQuality.EXPLICIT_TZ, DateQuality.NAMED_TZ, DateQuality.FEED_TZ})
OLDEST: Final = timedelta(hours=24)  # a date further back than this says when the piece was written, not when it broke
AHEAD: Final = timedelta(minutes=5)  # clocks of publishers run ahead by a little
MIN_TITLE_CHARS: Final = 24  # shorter titles ("Weather", "Live updates") say too little to make two items one story

TERMS_NAMED: Final = 5
BY_TERMS: Final = "terms"

_UNREADABLE: Final = re.compile("[{}…]|^title: ")  # a group of words, a stem, or said of the title once more
_WORDS: Final = re.compile(r"\w+")


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something that holds from `at` on; `effective` is the later of `at` and the watermark at its place in the log."""

    at: Utc
    effective: Utc


class Sighting(Fact, frozen=True, kw_only=True, tag=True):
    """One article as counting sees it; a revision may have lost all its themes."""

    article_id: str
    revision: int
    themes: tuple[str, ...]
    terms: tuple[tuple[str, ...], ...]  # per theme: the terms that gave it
    event_at: Utc
    is_news: bool  # neither back-fill nor replay
    story_key: str
    owner: str
    title: str
    url: str
    language: str
    feed: str = ""
    agency: str = ""  # that it names as its origin
    body: str = ""  # as much of summary or text as is compared


class Health(Fact, frozen=True, kw_only=True, tag=True):
    """A feed answers from `at` on, or does not."""

    feed_id: str
    ok: bool


class NewGeneration(Fact, frozen=True, kw_only=True, tag=True):
    """From `at` on the desk counts with this configuration."""

    config_hash: str
    themes: tuple[str, ...]
    definitions: dict[str, str] = {}


class Lesson(Fact, frozen=True, kw_only=True, tag=True):
    """From `at` on this is normal for a theme."""

    learnt: Learnt


def order_of(fact: Fact) -> tuple[datetime, int, str, int]:
    """Return the place of a fact in the one order: time, then kind, then id, then revision."""
    match fact:
        case NewGeneration():
            return fact.effective, 0, fact.config_hash, 0
        case Lesson():
            return fact.effective, 1, fact.learnt.theme, 0
        case Health():
            return fact.effective, 2, fact.feed_id, int(fact.ok)
        case Sighting():
            return fact.effective, 3, fact.article_id, fact.revision
        case _:
            raise TypeError(f"no fact of the desk log: {fact!r}")


def sighting_of(record: Classified, watermark: datetime | None) -> Sighting:
    """Return the fact that a classified article is."""
    article = record.article
    return Sighting(
        at=article.first_seen_at,
        effective=_later(article.first_seen_at, watermark),
        article_id=article.article_id,
        revision=article.revision,
        themes=tuple(score.theme for score in record.themes),
        terms=tuple(_terms(score.evidence) for score in record.themes),
        event_at=event_time(article),
        is_news=not (article.backfill or article.replay),
        story_key=story_key(article),
        owner=record.owner or article.source,
        title=article.title,
        url=article.url,
        language=article.language,
        feed=article.feed_id,
        agency=agency_of(article.source, article.text or article.summary),
        body=(article.text or article.summary)[:MAX_CHARS],
    )


def healths_of(record: DeskTick, watermark: datetime | None) -> list[Health]:
    """Return the changes of feeds' health that a tick names. A tick stands in every partition; one of them speaks."""
    if record.origin.partition:
        return []
    return [_health(change, watermark) for change in record.tick.health]


def generation_of(record: Generation, watermark: datetime | None) -> NewGeneration:
    """Return the fact that a change of configuration is."""
    return NewGeneration(
        at=record.holds_from,
        effective=_later(record.holds_from, watermark),
        config_hash=record.config_hash,
        themes=record.themes,
        definitions=record.definitions,
    )


def lesson_of(record: Learnt, watermark: datetime | None) -> Lesson:
    """Return the fact that a theme was learnt."""
    return Lesson(at=record.holds_from, effective=_later(record.holds_from, watermark), learnt=record)


def event_time(article: Article) -> datetime:
    """Return when the article broke: its own date if that can be trusted, else when we first saw it."""
    seen, published = article.first_seen_at, article.published_at
    if published is None or article.published_quality not in TRUSTED:
        return seen
    return min(published, seen) if seen - OLDEST <= published <= seen + AHEAD else seen


def story_key(article: Article) -> str:
    """Return the same short hash for items that carry the same text, whatever its case and punctuation."""
    words = _WORDS.findall(unicodedata.normalize("NFKC", article.title).casefold())
    text = " ".join(words)
    if len(text.encode()) < MIN_TITLE_CHARS:  # in bytes: a Chinese character says as much as three Latin letters
        text += "|" + " ".join(_WORDS.findall(article.summary.casefold())[:30])
    if text == "|":
        text = article.article_id
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _health(change: FeedHealth, watermark: datetime | None) -> Health:
    return Health(at=change.since, effective=_later(change.since, watermark), feed_id=change.feed_id, ok=change.ok)


def _terms(evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Return what to name as the reasons for a theme: terms that spoke for it, then plain words of the model."""
    speaking = [one for one in evidence if one.weight > 0]
    terms = [one.term for one in speaking if one.by == BY_TERMS]
    words = [one.term for one in speaking if one.by != BY_TERMS and not _UNREADABLE.search(one.term)]
    return tuple(dict.fromkeys(terms + words))[:TERMS_NAMED]


def _later(at: datetime, watermark: datetime | None) -> datetime:
    return at if watermark is None else max(at, watermark)
