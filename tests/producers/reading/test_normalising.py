from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from deskwatch import codec
from deskwatch.records import Article, DateQuality
from producers.feeds.config import Feed
from producers.reading.normalising import MAX_SUMMARY, MAX_TEXT, MAX_TITLE, DropReason, Item, build_article, normalise
from producers.reading.syndication import Document, RawItem

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
FEED = Feed(id="post", url="https://post.example/rss", source="Harbour Post")


def one(raw: RawItem, feed: Feed = FEED, **document: str) -> Item:
    items, dropped = normalise(Document(items=(raw,), **document), feed, NOW)
    assert not dropped
    return items[0]


def article_of(item: Item) -> Article:
    return build_article(item, FEED, article_id=item.keys.primary, revision=0, first_seen_at=NOW, fetched_at=NOW)


def test_markup_goes_and_meaning_stays() -> None:
    item = one(
        RawItem(
            guid="g",
            link="https://post.example/a",
            title="<b>Ships</b> &amp; quays\u202e",
            summary="<p>One.</p><p>Two.</p>",
            published="Sun, 01 Mar 2026 05:00:00 +0000",
            authors=("A. <i>Writer</i>", " "),
        )
    )
    assert (item.title, item.summary, item.text) == ("Ships & quays", "One. Two.", None)
    assert item.authors == ("A. Writer",)
    assert (item.published_at, item.published_quality) == (datetime(2026, 3, 1, 5, tzinfo=UTC), DateQuality.EXPLICIT_TZ)


def test_the_full_text_is_kept_beside_its_summary() -> None:
    assert one(RawItem(guid="g", title="t", summary="short", content="<p>much longer</p>")).text == "much longer"
    long = one(RawItem(guid="g", title="t", summary="word " * 40_000))
    assert len(long.summary) <= MAX_SUMMARY
    assert long.text is not None
    assert MAX_SUMMARY < len(long.text) <= MAX_TEXT


def test_content_stands_in_for_a_missing_summary() -> None:
    assert one(RawItem(guid="g", content="<p>all there is</p>")).summary == "all there is"


def test_links_that_are_no_http_are_left_out() -> None:
    for link in ("javascript:alert(1)", "data:text/html,x", "ftp://h/x", "http://" + "a" * 3_000):
        assert one(RawItem(guid="g", title="t", link=link)).url == ""


def test_items_without_words_and_items_beyond_the_bound_are_counted() -> None:
    raws = (RawItem(guid="a", title="<script>x</script>", summary="\u202e"), RawItem(guid="b", title="t"))
    items, dropped = normalise(Document(items=raws, left_out=3), FEED, NOW)
    assert [item.guid for item in items] == ["b"]
    assert dropped == {DropReason.EMPTY: 1, DropReason.TOO_MANY: 3}


def test_the_language_is_the_configs_then_the_items_then_the_feeds() -> None:
    raw = RawItem(guid="g", title="t", language="pt_BR")
    spoken = Feed(id="post", url=FEED.url, source="P", language="zh")
    assert (one(raw, spoken, language="en").language, one(raw, spoken).language_source) == ("zh", "config")
    assert (one(raw, language="en").language, one(raw, language="en").language_source) == ("pt-BR", "entry")
    silent = RawItem(guid="g", title="t", language="not a language")
    assert (one(silent, language="en-us").language, one(silent, language="en-us").language_source) == ("en-us", "feed")
    assert one(silent).language == "und"


def test_an_edit_changes_the_content_hash_and_not_the_id() -> None:
    before, after = (one(RawItem(guid="g", title="t", summary=text)) for text in ("first", "second"))
    assert before.keys.primary == after.keys.primary
    assert before.content_hash != after.content_hash


texts = st.text(max_size=60) | st.text(alphabet="<>&;/ap \x00\u202e\ud800", max_size=60)


@given(st.builds(RawItem, guid=texts, link=texts, title=texts, summary=texts, content=texts, published=texts,
                 updated=texts, language=texts, authors=st.tuples(texts), categories=st.tuples(texts)))  # fmt: skip
def test_any_item_becomes_an_article_that_survives_the_wire(raw: RawItem) -> None:
    items, dropped = normalise(Document(items=(raw,)), FEED, NOW)
    assert len(items) + sum(dropped.values()) == 1
    for item in items:
        article = article_of(item)
        assert codec.decode(codec.encode(article), codec.headers_of(article)) == article
        assert len(article.title) <= MAX_TITLE
        assert item == one(raw), "the same item has the same keys, hash and text"
