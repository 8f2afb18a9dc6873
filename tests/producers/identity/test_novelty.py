from __future__ import annotations

import itertools
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from producers.feeds.config import Feed
from producers.identity.keys import Seen
from producers.identity.novelty import MAX_REVISIONS, Findings, find_changes, find_newest
from producers.reading.normalising import DropReason, Item, normalise
from producers.reading.syndication import Document, RawItem, parse_feed

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
FEED = Feed(id="post", url="https://post.example/rss", source="Harbour Post")


def read(*pairs: tuple[str, str], published: datetime | None = None) -> list[Item]:
    raws = tuple(
        RawItem(guid=guid, title="t", summary=text, published=published.isoformat() if published else "")
        for guid, text in pairs
    )
    return normalise(Document(items=raws), FEED, NOW)[0]


def learn(seen: dict[str, Seen], findings: Findings) -> dict[str, Seen]:
    return seen | {change.article_id: change.seen for change in findings.changes}


def test_the_first_document_of_a_feed_is_backfill_and_so_are_its_revisions() -> None:
    first = find_changes(read(("a", "1"), ("b", "1")), {}, last_success=None)
    assert [change.backfill for change in first.changes] == [True, True]
    later = find_changes(read(("c", "1"), ("a", "2")), learn({}, first), last_success=NOW)
    assert [(c.item.guid, c.seen.revision, c.backfill) for c in later.changes] == [("c", 0, False), ("a", 1, True)]


def test_what_is_known_and_unchanged_is_no_news_also_after_an_absence() -> None:
    seen = learn({}, find_changes(read(("a", "1"), ("b", "1")), {}, last_success=NOW))
    seen = learn(seen, find_changes(read(("b", "1")), seen, last_success=NOW))
    assert find_changes(read(("a", "1"), ("b", "1")), seen, last_success=NOW).changes == ()


def test_an_item_that_changes_with_every_poll_is_given_up() -> None:
    seen: dict[str, Seen] = {}
    dropped = 0
    for n in range(MAX_REVISIONS + 5):
        findings = find_changes(read(("a", f"{n} minutes ago")), seen, last_success=NOW)
        seen = learn(seen, findings)
        dropped += findings.dropped.get(DropReason.TOO_MANY_REVISIONS, 0)
    assert max(known.revision for known in seen.values()) == MAX_REVISIONS
    assert dropped == 4


def test_a_feed_that_lists_its_past_again_is_a_replay() -> None:
    many = [(f"n-{n}", "x") for n in range(12)]
    old = read(*many, published=NOW - timedelta(days=3))
    findings = find_changes(old, {}, last_success=NOW, newest_at=NOW - timedelta(days=2))
    assert all(change.replay and change.seen.old for change in findings.changes)
    few = find_changes(old[:9], {}, last_success=NOW, newest_at=NOW - timedelta(days=2))
    assert not any(change.replay for change in few.changes)


def test_a_feed_that_stood_still_and_catches_up_is_news() -> None:
    late = read(*[(f"n-{n}", "x") for n in range(12)], published=NOW - timedelta(days=1))
    findings = find_changes(late, {}, last_success=NOW, newest_at=NOW - timedelta(days=2))
    assert len(findings.changes) == 12
    assert not any(change.replay for change in findings.changes)


def test_only_dates_that_can_be_trusted_make_the_newest() -> None:
    dated = read(("a", "x"), published=NOW - timedelta(days=1))
    future = read(("b", "x"), published=NOW + timedelta(days=300))
    assert find_newest([*dated, *future, *read(("c", "x"))], None) == NOW - timedelta(days=1)
    assert find_newest(dated, NOW) == NOW
    assert find_newest([], None) is None


def test_a_guid_found_to_be_shared_is_remembered_as_such() -> None:
    def at(*urls: str) -> list[Item]:
        raws = tuple(RawItem(guid="g", title=url, link=f"https://post.example/{url}") for url in urls)
        return normalise(Document(items=raws), FEED, NOW)[0]

    seen = learn({}, find_changes(at("a"), {}, last_success=NOW))
    findings = find_changes(at("b", "a"), seen, last_success=NOW)
    assert [change.seen.revision for change in findings.changes] == [0]
    assert findings.shared == set(seen)


documents = st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("12")), max_size=5), max_size=8)


@given(documents)
def test_each_revision_comes_once_and_in_order(polls: list[list[tuple[str, str]]]) -> None:
    seen: dict[str, Seen] = {}
    published: dict[str, list[int]] = {}
    for poll in polls:
        items = read(*poll)
        findings = find_changes(items, seen, last_success=NOW)
        assert len(findings.present) + sum(findings.dropped.values()) == len(items)
        for change in findings.changes:
            published.setdefault(change.article_id, []).append(change.seen.revision)
        seen = learn(seen, findings)
        again = find_changes(items, seen, last_success=NOW)
        assert again.changes == ()
    assert all(revisions == list(range(len(revisions))) for revisions in published.values())


def test_every_release_in_an_archived_feed_becomes_one_article(reference_data: Path) -> None:
    seen: dict[str, Seen] = {}
    guids: dict[str, set[str | None]] = {}
    archive = reference_data / "replay" / "state-dept-rss-2021-22" / "raw_snapshots_all.tar.xz"
    with tarfile.open(archive) as snapshots:
        for member in itertools.islice((m for m in snapshots if m.isfile()), 60):
            body = snapshots.extractfile(member)
            assert body is not None
            items, dropped = normalise(parse_feed("post", body.read(), url=FEED.url), FEED, NOW)
            findings = find_changes(items, seen, last_success=NOW)
            assert not dropped
            assert not findings.dropped
            for change in findings.changes:
                guids.setdefault(change.article_id, set()).add(change.item.guid)
            seen = learn(seen, findings)
    assert len(seen) > 40
    assert all(len(of_article) == 1 for of_article in guids.values())
    assert len(set.union(*guids.values())) == len(seen)
