from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from producers.identity.keys import NO_URL, article_id, content_hash, keys_of
from producers.reading.jobs import Keys


def keys(guid: str = "", url: str = "", title: str = "t", day: str = "") -> Keys:
    return keys_of("feed", guid=guid, url=url, title=title, day=day)


def test_an_article_keeps_its_key_when_its_guid_changes_scheme_or_its_link_changes() -> None:
    first = keys(guid="http://News.example/?p=7", url="http://news.example/a")
    later = keys(guid=" https://news.example/?p=7 ", url="https://news.example/b")
    assert first.primary == later.primary


def test_without_guid_the_url_and_then_title_and_day_identify() -> None:
    assert keys(url="https://n.example/a?utm_source=x").primary == keys(url="https://n.example/a", title="u").primary
    assert keys(title="A", day="2026-03-01").primary == keys(title="A", day="2026-03-01").primary
    assert keys(title="A", day="2026-03-01").primary != keys(title="A", day="2026-03-02").primary
    assert keys(guid="x").primary != keys(url="x").primary
    assert keys(guid="x").url == NO_URL


def test_the_same_guid_in_two_feeds_is_two_articles() -> None:
    one, other = (bytes.fromhex(keys_of(feed, guid="g", url="", title="", day="").primary) for feed in ("a", "b"))
    assert article_id("a", one) != article_id("b", other)
    assert article_id("a", one) != article_id("b", one)
    assert len(article_id("a", one)) == 32


def test_ids_of_articles_never_change() -> None:
    made = keys_of("post", guid="https://news.example/?p=7", url="", title="", day="")
    assert (made.primary, article_id("post", bytes.fromhex(made.primary))) == (
        "c4771bbfe5de",
        "f4e43d570551265819a69c01a8524c83",
    )


@given(st.text(), st.text(), st.text(), st.text())
def test_content_hashes_tell_title_from_summary(a: str, b: str, c: str, d: str) -> None:
    assert (content_hash(a, b) == content_hash(c, d)) is ((a, b) == (c, d))
