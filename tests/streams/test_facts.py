from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deskwatch.records import (
    Article,
    Classified,
    DateQuality,
    DeskTick,
    Evidence,
    FeedHealth,
    Generation,
    Origin,
    ThemeScore,
    Tick,
)
from streams.facts import event_time, generation_of, healths_of, sighting_of, story_key

SEEN = datetime(2026, 3, 2, 12, tzinfo=UTC)


def article(**changes: Any) -> Article:
    values: dict[str, Any] = {
        "article_id": "a1",
        "feed_id": "wire",
        "source": "Wire",
        "url": "https://example.org/1",
        "title": "Minister warns of drills in the strait",
        "first_seen_at": SEEN,
        "fetched_at": SEEN,
        "published_at": SEEN - timedelta(minutes=30),
        "published_quality": DateQuality.EXPLICIT_TZ,
    }
    return Article(**(values | changes))


@pytest.mark.parametrize(
    ("published", "quality", "expected"),
    [
        (SEEN - timedelta(minutes=30), DateQuality.EXPLICIT_TZ, SEEN - timedelta(minutes=30)),
        (SEEN - timedelta(minutes=30), DateQuality.ASSUMED_UTC, SEEN),
        (SEEN - timedelta(hours=25), DateQuality.EXPLICIT_TZ, SEEN),
        (SEEN + timedelta(minutes=4), DateQuality.NAMED_TZ, SEEN),
        (SEEN + timedelta(minutes=6), DateQuality.FEED_TZ, SEEN),
        (None, DateQuality.MISSING, SEEN),
    ],
)
def test_event_time_trusts_a_date_only_within_its_limits(
    published: datetime | None, quality: DateQuality, expected: datetime
) -> None:
    assert event_time(article(published_at=published, published_quality=quality)) == expected


def test_same_text_in_other_case_and_punctuation_is_one_story() -> None:
    one = story_key(article(title="Minister WARNS of drills: in the Strait!"))
    assert one == story_key(article(title="minister warns of drills in the strait", article_id="other"))
    assert one != story_key(article(title="Minister warns of floods in the strait"))


def test_short_titles_need_the_summary_to_be_one_story() -> None:
    assert story_key(article(title="Live", summary="a b")) != story_key(article(title="Live", summary="c d"))
    assert story_key(article(title="Live", summary="a b")) == story_key(article(title="LIVE", summary="A, b."))


def test_items_without_words_are_stories_of_their_own() -> None:
    assert story_key(article(title="", article_id="x")) != story_key(article(title="", article_id="y"))


@pytest.mark.parametrize(
    ("evidence", "terms"),
    [
        ([("storm", 3.0, "model"), ("strait", 0.5, "terms"), ("drills", 0.4, "terms")], ("strait", "drills", "storm")),
        ([("strait", 1.0, "terms"), ("earthquake", -2.0, "terms"), ("quake", -1.0, "model")], ("strait",)),
        (
            [
                ("{US} {China}", 1.0, "model"),
                ("title: fleet", 0.9, "model"),
                ("retal…", 0.8, "model"),
                ("fleet", 0.7, "model"),
            ],
            ("fleet",),
        ),
        ([("strait", 1.0, "terms"), ("strait", 0.5, "terms"), ("strait", 0.2, "model")], ("strait",)),
        ([(f"t{i}", 1.0, "terms") for i in range(9)], ("t0", "t1", "t2", "t3", "t4")),
        ([("{US}", 1.0, "model")], ()),
    ],
)
def test_terms_of_a_fact_are_what_spoke_for_the_theme_in_words_that_people_use(
    evidence: list[tuple[str, float, str]], terms: tuple[str, ...]
) -> None:
    found = tuple(
        Evidence(term=term, field="title", start=0, end=1, weight=weight, by=by) for term, weight, by in evidence
    )
    score = ThemeScore(theme="taiwan", score=1.2, evidence=found)
    record = Classified(origin=Origin(partition=1, offset=2), article=article(), themes=(score,))
    assert sighting_of(record, None).terms == (terms,)


def test_fact_is_effective_no_earlier_than_the_watermark_at_its_place() -> None:
    score = ThemeScore(
        theme="taiwan", score=1.2, evidence=(Evidence(term="strait", field="title", start=0, end=6, weight=1),)
    )
    record = Classified(origin=Origin(partition=1, offset=2), article=article(), themes=(score,))
    assert sighting_of(record, None).effective == SEEN
    assert sighting_of(record, SEEN - timedelta(hours=1)).effective == SEEN
    late = sighting_of(record, SEEN + timedelta(hours=1))
    assert (late.at, late.effective) == (SEEN, SEEN + timedelta(hours=1))
    assert (late.themes, late.terms) == (("taiwan",), (("strait",),))
    generation = Generation(config_hash="x", holds_from=SEEN, themes=("taiwan",))
    assert generation_of(generation, SEEN + timedelta(days=1)).effective == SEEN + timedelta(days=1)


def test_health_is_taken_from_one_partition_only() -> None:
    tick = Tick(shard=3, at=SEEN, health=(FeedHealth(feed_id="wire", ok=False, since=SEEN - timedelta(minutes=9)),))
    speaking, silent = (DeskTick(origin=Origin(partition=p, offset=1), tick=tick) for p in (0, 5))
    (health,) = healths_of(speaking, None)
    assert (health.feed_id, health.ok, health.effective) == ("wire", False, SEEN - timedelta(minutes=9))
    assert healths_of(silent, None) == []


def test_back_fill_and_replay_are_no_news() -> None:
    score = (ThemeScore(theme="taiwan", score=1.2),)
    for changes in ({"backfill": True}, {"replay": True}):
        record = Classified(origin=Origin(partition=0, offset=0), article=article(**changes), themes=score)
        assert not sighting_of(record, None).is_news
