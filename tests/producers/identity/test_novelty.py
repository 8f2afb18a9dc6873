from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fakes.items import make_item, make_reading
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.records import DateQuality
from producers.identity.novelty import (
    FLOOD_LEAST,
    MAX_REVISIONS,
    REPLAY_LEAST,
    Findings,
    Past,
    doubt,
    find_changes,
    find_newest,
)
from producers.reading.jobs import Item
from producers.reading.normalising import DropReason
from producers.state.memory import Memory

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
NEW = Past(is_new=True)
USUAL = Past(is_new=False)


def find(items: list[Item], memory: Memory, past: Past = USUAL) -> Findings:
    return find_changes("post", make_reading(items, memory), memory, past)


def texts(*pairs: tuple[str, str], published: datetime | None = None) -> list[Item]:
    return [make_item(guid, f"https://n.example/{guid}", text, published) for guid, text in pairs]


def test_the_first_document_of_a_feed_is_backfill_and_so_are_its_revisions() -> None:
    first = find(texts(("a", "1"), ("b", "1")), Memory(), NEW)
    assert [change.backfill for change in first.changes] == [True, True]
    later = find(texts(("c", "1"), ("a", "2")), first.memory)
    assert [(c.item.guid, c.revision, c.backfill) for c in later.changes] == [("c", 0, False), ("a", 1, True)]
    assert later.known == 1


def test_what_is_known_and_unchanged_is_no_news_also_after_an_absence() -> None:
    memory = find(texts(("a", "1"), ("b", "1")), Memory()).memory
    memory = find(texts(("b", "1")), memory).memory
    found = find(texts(("a", "1"), ("b", "1")), memory)
    assert (found.changes, found.known) == ((), 2)


def test_a_text_that_changes_back_is_a_revision_too() -> None:
    memory = find(texts(("a", "1")), Memory()).memory
    memory = find(texts(("a", "2")), memory).memory
    assert [change.revision for change in find(texts(("a", "1")), memory).changes] == [2]


def test_an_item_that_changes_with_every_poll_is_given_up() -> None:
    memory = Memory()
    dropped, revisions = 0, []
    for n in range(MAX_REVISIONS + 5):
        findings = find(texts(("a", f"{n} minutes ago")), memory)
        memory = findings.memory
        dropped += findings.dropped.get(DropReason.TOO_MANY_REVISIONS, 0)
        revisions += [change.revision for change in findings.changes]
    assert revisions == list(range(MAX_REVISIONS + 1))
    assert dropped == 4


def test_a_feed_that_lists_its_past_again_is_a_replay() -> None:
    past = Past(is_new=False, newest_at=NOW - timedelta(days=2))
    many = [(f"n-{n}", f"{n}") for n in range(REPLAY_LEAST)]
    old = texts(*many, published=NOW - timedelta(days=3))
    found = find(old, Memory(), past)
    assert all(change.replay for change in found.changes)
    assert all(seen.old for seen in found.memory), "so are their revisions"
    assert not any(change.replay for change in find(old[:-1], Memory(), past).changes)
    known = texts(*[(f"k-{n}", "x") for n in range(REPLAY_LEAST)])
    memory = find(known, Memory()).memory
    assert not any(change.replay for change in find([*known, *old], memory, past).changes), "half is not most"


def test_a_feed_that_changes_all_guids_and_urls_repeats_itself() -> None:
    memory = find(texts(*[(f"old-{n}", f"story {n}") for n in range(8)]), Memory()).memory
    flipped = find(texts(("fresh", "another"), *[(f"new-{n}", f"story {n}") for n in range(8)]), memory)
    assert [change.item.guid for change in flipped.changes if not change.replay] == ["fresh"]


def test_undated_items_that_push_out_all_known_ones_are_doubted_only_against_the_usual_rate() -> None:
    memory = find(texts(*[(f"a-{n}", f"a{n}") for n in range(40)]), Memory()).memory
    others = texts(*[(f"b-{n}", f"b{n}") for n in range(40)])
    slow, busy = (Past(is_new=False, expected=expected) for expected in (1.0, 20.0))
    assert all(change.replay for change in find(others, memory, slow).changes)
    assert not any(change.replay for change in find(others, memory, busy).changes)
    assert not any(change.replay for change in find(others, memory, USUAL).changes)
    assert not any(change.replay for change in find(others[:FLOOD_LEAST], memory, slow).changes)
    dated = texts(*[(f"b-{n}", f"b{n}") for n in range(40)], published=NOW)
    assert not any(change.replay for change in find(dated, memory, slow).changes)


def test_a_feed_that_stood_still_and_catches_up_is_news() -> None:
    late = texts(*[(f"n-{n}", f"{n}") for n in range(12)], published=NOW - timedelta(days=1))
    findings = find(late, Memory(), Past(is_new=False, newest_at=NOW - timedelta(days=2)))
    assert len(findings.changes) == 12
    assert not any(change.replay for change in findings.changes)


def test_only_dates_that_can_be_trusted_make_the_newest() -> None:
    dated = texts(("a", "x"), published=NOW - timedelta(days=1))
    (future,) = texts(("b", "x"), published=NOW + timedelta(days=300))
    future = doubt(future, since=NOW + timedelta(days=301))
    assert future.published_quality is DateQuality.IMPLAUSIBLE
    assert find_newest([*dated, future, *texts(("c", "x"))], None) == NOW - timedelta(days=1)
    assert find_newest(dated, NOW) == NOW
    assert find_newest([], None) is None


@pytest.mark.parametrize(
    ("age_days", "quality"), [(6, DateQuality.EXPLICIT_TZ), (8, DateQuality.IMPLAUSIBLE), (None, DateQuality.MISSING)]
)
def test_an_old_date_is_doubted(age_days: int | None, quality: DateQuality) -> None:
    (item,) = texts(("a", "x"), published=NOW - timedelta(days=age_days) if age_days else None)
    assert doubt(item, since=NOW - timedelta(days=7)).published_quality is quality


documents = st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("12")), max_size=5), max_size=8)


@given(documents)
def test_each_revision_comes_once_and_in_order(polls: list[list[tuple[str, str]]]) -> None:
    memory = Memory()
    published: dict[str, list[int]] = {}
    for poll in polls:
        items = texts(*poll)
        findings = find(items, memory)
        for change in findings.changes:
            published.setdefault(change.article_id, []).append(change.revision)
        memory = findings.memory
        assert find(items, memory).changes == ()
    assert all(revisions == list(range(len(revisions))) for revisions in published.values())
