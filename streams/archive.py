"""An archive of articles as JSON lines of anybody's making, turned into the facts that the desk log would have held.

What such a file says of time decides by which rules it is counted: where articles only say on which day they appeared,
lengths are days.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec

from classifiers import Classifier
from deskwatch import codec
from deskwatch.records import Article, Classified, DateQuality, Origin, ThemeScore, Utc
from streams.facts import Fact, Health, NewGeneration, Sighting, sighting_of
from streams.items import Item, instant_of
from streams.pace import DAY_S
from streams.rules import DayRules, Rules

DAY: Final = timedelta(days=1)
DAYS_FROM: Final = 0.2  # share of articles without a time of day from which on days are all that is counted by
FEW_A_DAY: Final = 12.0
STRAY_DAYS: Final = 365  # what is this far from the rest, and little, has a wrong date
STRAY_SHARE: Final = 0.01
GAP_TIMES: Final = 50  # times the usual distance of two articles: then nobody was collecting
GAP: Final = timedelta(hours=6)  # but at least this long,
GAP_OF_DAYS: Final = 2 * DAY  # and where days are counted, this
ARCHIVE: Final = "archive"  # the one feed of an archive: what its sources' feeds did, it does not say
UNKNOWN: Final = "unknown"

_EXPORTED: Final = b'{"topic":'
_NOWHERE: Final = Origin(partition=0, offset=0)


class ArchiveItem(Item, kw_only=True):
    """A line of an archive."""

    first_seen: Any = None
    owner: str | None = None
    url: str | None = None
    language: str | None = None
    is_news: bool = True  # neither back-fill nor replay
    themes: list[Any] | None = None  # stored ones: names, or what `deskwatch classify` printed


class _Exported(msgspec.Struct):
    """A line of `deskwatch export`."""

    schema: str | None = None
    value: msgspec.Raw = msgspec.Raw(b"")


class Stamp(NamedTuple):
    """What an article says of its time."""

    at: datetime
    is_day: bool  # it only says on which day


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What a first look at an archive shows.

    Attributes:
        first, last: Where it begins and ends; what lies beyond is a wrong date.
        gaps: Where nobody was collecting.
        by_days: Whether articles only say on which day they appeared.
    """

    first: Utc
    last: Utc
    gaps: tuple[tuple[Utc, Utc], ...]
    by_days: bool

    def rules(self, themed: int, themes: int) -> Rules:
        """Return the rules to count by, where so many articles have one or more of so many themes.

        Minutes are for news that comes by the hour. Of themes that have fewer than two articles in the longest of
        their windows, only days tell more.
        """
        silent = sum(((end - start) for start, end in self.gaps), timedelta())
        days = max((self.last - self.first - silent) / DAY, 1.0)
        return DayRules() if self.by_days or themed < FEW_A_DAY * days * themes else Rules()


def item_of(line: bytes) -> ArchiveItem | None:
    """Return the article of a line, written by anybody or by `deskwatch export`; None for a line of its without one.

    Raises:
        msgspec.MsgspecError: it is neither.
    """
    if not line.startswith(_EXPORTED):
        return _ITEM.decode(line)
    exported = _EXPORT.decode(line)
    if exported.schema != codec.schema_name(Article) or not bytes(exported.value):
        return None
    article = _ARTICLE.decode(exported.value)
    return ArchiveItem(
        id=article.article_id,
        title=article.title,
        summary=article.summary,
        text=article.text,
        source=article.source,
        published=None if article.published_at is None else article.published_at.isoformat(),
        first_seen=article.first_seen_at.isoformat(),
        url=article.url,
        language=article.language,
        is_news=not (article.backfill or article.replay),
    )


def stamp_of(item: ArchiveItem) -> Stamp | None:
    """Return when an article was there to be seen; None where it does not say."""
    written = item.first_seen if item.first_seen is not None else item.published
    at = instant_of(written)
    if at is None:
        return None
    at = at.astimezone(UTC)
    says_no_time = isinstance(written, str) and len(written.strip()) <= len("2022-08-02")
    return Stamp(at, says_no_time or (at.hour, at.minute, at.second) == (0, 0, 0))


def survey(moments: Sequence[int], days: int) -> Survey | None:
    """Return what the times of an archive show (seconds since 1970, so many of them days); None of an empty one."""
    if not moments:
        return None
    moments = sorted(moments)
    blocks: list[list[int]] = [[moments[0], moments[0], 0]]
    for moment in moments:
        if moment - blocks[-1][1] > STRAY_DAYS * DAY_S:
            blocks.append([moment, moment, 0])
        blocks[-1][1] = moment
        blocks[-1][2] += 1
    largest = max(block[2] for block in blocks)
    kept = [block for block in blocks if block[2] >= max(STRAY_SHARE * len(moments), 1) or block[2] == largest]
    by_days = days >= DAYS_FROM * len(moments)
    held = [moment for moment in moments if kept[0][0] <= moment <= kept[-1][1]]
    usual = (held[-1] - held[0]) / max(len(held) - 1, 1)
    least = max((GAP_OF_DAYS if by_days else GAP).total_seconds(), GAP_TIMES * usual)
    edge = DAY_S if by_days else 0  # the day of the last article was still collected
    gaps = tuple((_instant(a + edge), _instant(b)) for a, b in pairwise(held) if b - a - edge > least)
    return Survey(first=_instant(kept[0][0]), last=_instant(kept[-1][1]), gaps=gaps, by_days=by_days)


def sighting_in(item: ArchiveItem, stamp: Stamp, survey: Survey, classifier: Classifier, owner: str) -> Sighting | None:
    """Return the fact that an article of an archive is; None if it has no theme."""
    themes = _stored(item.themes) if item.themes is not None else _judged(item, classifier)
    if not themes:
        return None
    seen = stamp.at
    if stamp.is_day and not survey.by_days:
        seen += DAY - timedelta(seconds=1)  # of the day only the end is sure to have had it
    published = None if stamp.is_day else instant_of(item.published)
    article = Article(
        article_id=str(item.id),
        feed_id=ARCHIVE,
        source=owner,
        url=item.url or "",
        backfill=not item.is_news,
        title=item.title or (item.body()[:200]),
        summary=item.summary or "",
        text=item.text,
        language=item.language or "und",
        first_seen_at=seen,
        fetched_at=seen,
        published_at=published,
        published_quality=DateQuality.MISSING if published is None else DateQuality.EXPLICIT_TZ,
    )
    return sighting_of(Classified(origin=_NOWHERE, article=article, themes=themes), None)


def context(survey: Survey, themes: Iterable[str], rules: Rules) -> list[Fact]:
    """Return the facts beside the articles: what is counted, and where nobody was collecting."""
    names = tuple(sorted(themes))
    digest = hashlib.blake2b("|".join(names).encode(), digest_size=6).hexdigest()
    facts: list[Fact] = [NewGeneration(at=survey.first, effective=survey.first, config_hash=digest, themes=names)]
    facts.append(_health(survey.first, ok=True))
    least = GAP_OF_DAYS if rules.pace.step_s == DAY_S else GAP
    for start, end in (gap for gap in survey.gaps if gap[1] - gap[0] >= least):
        facts += [_health(start, ok=False), _health(end, ok=True)]
    return facts


def why_dropped(stamp: Stamp | None, survey: Survey | None) -> str:
    """Return why an article cannot be counted; empty if it can."""
    if stamp is None or survey is None:
        return "no date"
    return "" if survey.first <= stamp.at <= survey.last else "date far from all others"


def _judged(item: ArchiveItem, classifier: Classifier) -> tuple[ThemeScore, ...]:
    return tuple(classifier.judge(item.title or "", item.summary or "", item.text or ""))


def _stored(written: Sequence[Any]) -> tuple[ThemeScore, ...]:
    """Return the themes that a line brings along; what is none is an error that names it."""
    themes = []
    for one in written:
        name = one.get("theme") if isinstance(one, dict) else one
        if not isinstance(name, str) or not name:
            raise ValueError(f"'themes': {one!r} is neither a name nor an object with 'theme'")
        score = one.get("score", 1.0) if isinstance(one, dict) else 1.0
        themes.append(ThemeScore(theme=name, score=float(score) if isinstance(score, int | float) else 1.0))
    return tuple(themes)


def _health(at: datetime, *, ok: bool) -> Health:
    return Health(at=at, effective=at, feed_id=ARCHIVE, ok=ok)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


_ITEM: Final = msgspec.json.Decoder(ArchiveItem)
_EXPORT: Final = msgspec.json.Decoder(_Exported)
_ARTICLE: Final = msgspec.json.Decoder(Article)
