from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch import codec
from deskwatch.owners import Owners
from deskwatch.records import (
    Article,
    Classified,
    DeadLetter,
    DeskExcuse,
    DeskTick,
    Evidence,
    Excuse,
    Generation,
    Origin,
    Record,
    ThemeScore,
    Tick,
)
from streams.classifying import MAX_RECORD_BYTES, Kind, Outcome, classify_record, coverage_of, covered_count
from streams.likeness import MAX_CHARS

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN = Origin(partition=3, offset=17)


class Says:
    """A classifier that gives fixed themes, or fails."""

    name = "says"

    def __init__(self, *themes: ThemeScore, error: Exception | None = None) -> None:
        self.themes = themes
        self.error = error
        self.read: list[Article] = []

    def classify(self, article: Article) -> tuple[ThemeScore, ...]:
        self.read.append(article)
        if self.error:
            raise self.error
        return self.themes


TAIWAN = ThemeScore(theme="taiwan", score=2.0)


def article(**changes: Any) -> Article:
    fields = {
        "article_id": "a" * 32,
        "feed_id": "wire",
        "source": "Wire",
        "url": "https://example.org/1",
        "title": "Strait patrols resume",
        "text": "The whole text.",
        "first_seen_at": AT,
        "fetched_at": AT,
    }
    return Article(**(fields | changes))


OWNERS = Owners({"The Harbour Post": "Harbour House"})


def judge(record: Record, classifier: Says) -> Outcome:
    return judge_bytes(codec.encode(record), codec.headers_of(record), classifier)


def judge_bytes(value: bytes | None, headers: Any, classifier: Says) -> Outcome:
    return classify_record(
        value, headers, origin=ORIGIN, key=b"k", topic="articles", classifier=classifier, owners=OWNERS
    )


def test_article_with_a_theme_goes_to_the_desk_log_with_the_beginning_of_its_text() -> None:
    classifier = Says(TAIWAN)
    outcome = judge(article(text="The whole text. " * 100), classifier)
    assert outcome.kind is Kind.THEMED
    assert isinstance(outcome.record, Classified)
    assert outcome.record.article == article(text=("The whole text. " * 100)[:MAX_CHARS])
    assert outcome.record.themes == (TAIWAN,)
    assert outcome.record.classifier == "says"
    assert outcome.record.origin == ORIGIN
    assert classifier.read[0].text == "The whole text. " * 100  # which judged it whole


def test_article_of_no_theme_adds_nothing() -> None:
    outcome = judge(article(), Says())
    assert (outcome.kind, outcome.record) == (Kind.NO_THEME, None)


@pytest.mark.parametrize(
    ("record", "kind", "forwarded"),
    [
        (Tick(shard=2, at=AT), Kind.TICK, DeskTick(origin=ORIGIN, tick=Tick(shard=2, at=AT))),
        (
            Excuse(shard=2, decided_at=AT, silent_s=9.0),
            Kind.EXCUSE,
            DeskExcuse(origin=ORIGIN, excuse=Excuse(shard=2, decided_at=AT, silent_s=9.0)),
        ),
    ],
)
def test_tick_and_excuse_are_forwarded_with_the_place_they_stood_at(
    record: Record, kind: Kind, forwarded: Record
) -> None:
    outcome = judge(record, Says(error=AssertionError("not to be asked")))
    assert (outcome.kind, outcome.record) == (kind, forwarded)


@pytest.mark.parametrize("record", [article(), Tick(shard=0, at=AT), Excuse(shard=1, decided_at=AT, silent_s=1.0)])
def test_value_is_the_record_as_readers_of_the_desk_log_decode_it(record: Record) -> None:
    outcome = judge(record, Says(TAIWAN))
    assert outcome.record is not None
    assert codec.decode(outcome.value, codec.headers_of(outcome.record)) == outcome.record


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (b"{}", [], "no_schema"),
        (b"{}", None, "no_schema"),
        (None, [], "no_schema"),
        (b"{}", [("schema", None)], "no_schema"),
        (b"{}", [("schema", b"article/99")], "unknown_schema"),
        (None, [("schema", b"article/1")], "malformed"),
        (b"\xff\x00", [("schema", b"article/1"), ("trace", None)], "malformed"),
        (b"[" * 100_000, [("schema", b"article/1")], "malformed"),
        (codec.encode(Generation(config_hash="x", holds_from=AT)), [("schema", b"generation/1")], "unexpected_schema"),
    ],
)
def test_what_is_no_record_for_the_desk_becomes_a_dead_letter(value: bytes | None, headers: Any, reason: str) -> None:
    outcome = judge_bytes(value, headers, Says(TAIWAN))
    assert (outcome.kind, outcome.reason) == (Kind.DEAD, reason)
    letter = outcome.record
    assert isinstance(letter, DeadLetter)
    assert (letter.topic, letter.partition, letter.offset, letter.reason) == ("articles", 3, 17, reason)
    assert (letter.key, letter.value) == (b"k", value)


def test_article_that_breaks_the_classifier_becomes_a_dead_letter_with_its_bytes() -> None:
    outcome = judge(article(), Says(error=ZeroDivisionError("by \ud800")))
    assert outcome.reason == "classifier_error"
    assert isinstance(outcome.record, DeadLetter)
    assert outcome.record.value == codec.encode(article())
    assert outcome.record.headers == (("schema", b"article/1"),)
    assert outcome.record.detail == "ZeroDivisionError: by ?"


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_score_that_json_cannot_carry_is_the_classifiers_error(score: float) -> None:
    assert judge(article(), Says(ThemeScore(theme="taiwan", score=score))).reason == "classifier_error"


def test_evidence_is_cut_where_all_of_it_does_not_fit_a_record() -> None:
    piece = Evidence(term="strait", field="text", start=0, end=6, weight=1.0)
    outcome = judge(article(), Says(ThemeScore(theme="taiwan", score=9.0, evidence=(piece,) * 50_000)))
    assert outcome.kind is Kind.THEMED
    assert isinstance(outcome.record, Classified)
    assert outcome.record.themes[0].evidence == (piece,) * 10
    assert len(outcome.value) < MAX_RECORD_BYTES


def test_article_too_large_for_the_desk_log_becomes_a_dead_letter_that_fits() -> None:
    outcome = judge(article(summary="x" * MAX_RECORD_BYTES), Says(TAIWAN))
    assert outcome.reason == "too_large"
    assert isinstance(outcome.record, DeadLetter)
    assert outcome.record.value is None
    assert len(outcome.value) < MAX_RECORD_BYTES


@given(value=st.none() | st.binary(max_size=200), headers=st.lists(st.tuples(st.text(), st.none() | st.binary())))
def test_no_bytes_raise(value: bytes | None, headers: Any) -> None:
    outcome = judge_bytes(value, headers, Says(TAIWAN))
    assert outcome.kind is Kind.DEAD
    assert len(outcome.value) < MAX_RECORD_BYTES


@given(title=st.text(), minutes=st.integers(0, 10_000), value=st.data())
def test_damaged_article_is_an_article_or_a_dead_letter_never_lost(title: str, minutes: int, value: Any) -> None:
    whole = codec.encode(article(title=title, published_at=AT - timedelta(minutes=minutes)))
    at = value.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + value.draw(st.binary(max_size=3)) + whole[at + 1 :]
    outcome = judge_bytes(damaged, [("schema", b"article/1")], Says(TAIWAN))
    assert outcome.kind in (Kind.THEMED, Kind.DEAD)
    assert outcome.record is not None
    assert msgspec.json.decode(outcome.value)


@given(st.lists(st.integers(0, 60), max_size=60))
def test_coverage_names_exactly_the_offsets_in_fewest_runs(offsets: list[int]) -> None:
    coverage = coverage_of(5, offsets)
    named = [offset for first, last in coverage.runs for offset in range(first, last + 1)]
    assert named == sorted(set(offsets))
    assert covered_count(coverage) == len(named)
    assert all(after[0] > before[1] + 1 for before, after in zip(coverage.runs, coverage.runs[1:], strict=False))
    assert coverage.partition == 5


def test_owner_is_named_where_it_is_another_than_the_outlet() -> None:
    named = judge(article(source="the  harbour POST"), Says(TAIWAN)).record
    alone = judge(article(source="Wire"), Says(TAIWAN)).record
    assert isinstance(named, Classified)
    assert isinstance(alone, Classified)
    assert (named.owner, alone.owner) == ("Harbour House", "")


def test_revision_that_has_no_theme_any_more_is_told_without_its_text() -> None:
    outcome = judge(article(revision=2, text="The whole text.", summary="A summary."), Says())
    assert outcome.kind is Kind.NO_THEME
    assert isinstance(outcome.record, Classified)
    assert outcome.record.themes == ()
    assert outcome.record.article.revision == 2
    assert not outcome.record.article.text
    assert not outcome.record.article.summary
