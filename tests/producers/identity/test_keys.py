from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.identity.keys import Keys, Seen, canonical_url, content_hash, identify, keys_of, normalise_guid


def keys(guid: str = "", url: str = "", title: str = "t", day: str = "") -> Keys:
    return keys_of("feed", guid=guid, url=url, title=title, day=day)


def remember(key: Keys, *, id_: str | None = None, shared: bool = False) -> dict[str, Seen]:
    return {id_ or key.primary: Seen(content_hash="h", revision=0, url_key=key.url, shared=shared)}


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTP://News.Example:80/a?b=1#top", "http://news.example/a?b=1"),
        ("https://news.example", "https://news.example/"),
        ("https://news.example/a?utm_source=rss&id=7&fbclid=x", "https://news.example/a?id=7"),
        ("https://news.example/a?b=2&a=1&b=", "https://news.example/a?a=1&b=&b=2"),
        ("https://news.example:8443/a", "https://news.example:8443/a"),
        ("https://[2001:DB8::1]/a", "https://[2001:db8::1]/a"),
        ("https://news.example/новости", "https://news.example/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8"),
        ("javascript:alert(1)", ""),
        ("http://[broken", ""),
        ("http://host:99999/", ""),
        ("", ""),
    ],
)
def test_canonical_urls(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


@given(st.text() | st.text(alphabet="htps:/.a?&=#%[]@1").map(lambda tail: f"http://{tail}"))
def test_a_canonical_url_is_its_own_canonical_url(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once


def test_an_article_keeps_its_id_when_its_guid_changes_scheme_or_its_link_changes() -> None:
    first = keys(guid="http://News.example/?p=7", url="http://news.example/a")
    later = keys(guid=" https://news.example/?p=7 ", url="https://news.example/b")
    assert first.primary == later.primary
    assert len(first.primary) == 32
    assert normalise_guid("urn:UUID:Ab") == "urn:UUID:Ab"


def test_without_guid_the_url_and_then_title_and_day_identify() -> None:
    assert keys(url="https://n.example/a?utm_source=x").primary == keys(url="https://n.example/a", title="u").primary
    assert keys(title="A", day="2026-03-01").primary == keys(title="A", day="2026-03-01").primary
    assert keys(title="A", day="2026-03-01").primary != keys(title="A", day="2026-03-02").primary
    assert keys(guid="x").primary != keys(url="x").primary


def test_the_same_guid_in_two_feeds_is_two_articles() -> None:
    one, other = (keys_of(feed, guid="g", url="", title="", day="") for feed in ("a", "b"))
    assert one.primary != other.primary


def test_two_guids_at_one_url_are_two_articles() -> None:
    found = identify([keys("g1", "https://n.example/a"), keys("g2", "https://n.example/a")], {})
    assert len(set(found.ids)) == 2


def test_the_same_item_twice_in_one_document_is_one_article() -> None:
    found = identify([keys("g", "https://n.example/a"), keys("g", "https://n.example/a")], {})
    assert found.ids == (keys("g").primary, None)


def test_items_that_share_a_guid_are_told_apart_by_url_and_keep_their_ids() -> None:
    a, b, c = (keys("g", f"https://n.example/{name}") for name in "abc")
    both = identify([a, b], {})
    assert both.ids == (a.primary, b.by_url)
    assert both.shared == {a.primary}
    seen = remember(a, shared=True) | remember(b, id_=b.by_url)
    assert identify([c, b, a], seen).ids == (c.by_url, b.by_url, a.primary)
    assert identify([c], seen).ids == (c.by_url,), "also when it stands alone"
    assert identify([a], seen).ids == (a.primary,)


def test_a_guid_that_is_not_shared_may_move_to_another_url() -> None:
    old, new = keys("g", "https://n.example/old"), keys("g", "https://n.example/new")
    assert identify([new], remember(old)).ids == (old.primary,)


items = st.lists(st.tuples(st.sampled_from("gh"), st.sampled_from("abc")), max_size=8)


@given(items, items)
def test_no_document_gives_one_id_twice_and_ids_survive_the_next_document(
    first: list[tuple[str, str]], second: list[tuple[str, str]]
) -> None:
    def key(pair: tuple[str, str]) -> Keys:
        return keys(pair[0], f"https://n.example/{pair[1]}")

    found = identify([key(pair) for pair in first], {})
    named = [id_ for id_ in found.ids if id_ is not None]
    assert len(named) == len(set(named))
    given_ids = {pair: id_ for pair, id_ in zip(first, found.ids, strict=True) if id_ is not None}
    seen = {
        id_: Seen(content_hash="", revision=0, url_key=key(pair).url, shared=id_ in found.shared)
        for pair, id_ in given_ids.items()
    }
    again = identify([key(pair) for pair in second], seen)
    for pair, id_ in zip(second, again.ids, strict=True):
        if id_ is not None and pair in given_ids:
            assert id_ == given_ids[pair]


@given(st.text(), st.text(), st.text(), st.text())
def test_content_hashes_tell_title_from_summary(a: str, b: str, c: str, d: str) -> None:
    assert (content_hash(a, b) == content_hash(c, d)) is ((a, b) == (c, d))
