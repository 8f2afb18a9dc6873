from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from deskwatch import codec
from deskwatch.feedrecords import Feed
from deskwatch.records import Article, DateQuality
from producers.reading.jobs import Document, DocumentHints, Item, Job, RawItem, Reading
from producers.reading.normalising import MAX_SUMMARY, MAX_TEXT, MAX_TITLE, DropReason, build_article, normalise

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
FEED = Feed(id="post", url="https://post.example/rss", source="Harbour Post")


def read(*raws: RawItem, language: str = "", prior: str = "", **job: str) -> Reading:
    document = Document(items=raws, total=len(raws), language=language)
    return normalise(document, replace(Job(feed_id="post", body=b"", now=NOW, language=prior), **job))


def one(raw: RawItem, **values: str) -> Item:
    reading = read(raw, **values)
    assert not reading.dropped
    return reading.items[0]


def article_of(item: Item) -> Article:
    return build_article(
        item, FEED, article_id=item.keys.primary, revision=0, first_seen_at=NOW, fetched_at=NOW, parser="p", bozo=False
    )


def test_markup_goes_and_meaning_stays() -> None:
    item = one(
        RawItem(
            guid="g",
            link="https://post.example/a",
            title="<b>Ships</b> &amp; quays\u202e",
            summary="<p>One.</p><p>Two.</p>",
            published="Sun, 01 Mar 2026 05:00:00 +0000",
            authors=("A. <i>Writer</i>", " ", "A. Writer"),
            digest=b"digest",
        )
    )
    assert (item.title, item.summary, item.text) == ("Ships & quays", "One. Two.", None)
    assert item.authors == ("A. Writer",)
    assert (item.published_at, item.published_quality) == (datetime(2026, 3, 1, 5, tzinfo=UTC), DateQuality.EXPLICIT_TZ)
    assert item.digest == b"digest"


def test_what_a_document_says_of_itself_is_handed_on() -> None:
    document = Document(
        items=(),
        total=9,
        standing=b"abcdef",
        left_out=3,
        unreadable=2,
        bozo=True,
        parser="feedparser/6",
        hints=DocumentHints(ttl_s=60),
        difference="one more",
    )
    reading = normalise(document, Job(feed_id="post", body=b"", now=NOW))
    assert reading == Reading(
        items=(),
        total=9,
        standing=b"abcdef",
        dropped={"too_many": 3, "unreadable": 2},
        bozo=True,
        parser="feedparser/6",
        hints=DocumentHints(ttl_s=60),
        difference="one more",
    )


def test_the_full_text_is_kept_beside_its_summary() -> None:
    assert one(RawItem(guid="g", title="t", summary="short", content="<p>much longer</p>")).text == "much longer"
    long = one(RawItem(guid="g", title="t", summary="word " * 40_000))
    assert len(long.summary) <= MAX_SUMMARY
    assert long.text is not None
    assert MAX_SUMMARY < len(long.text) <= MAX_TEXT


def test_content_stands_in_for_a_missing_summary() -> None:
    assert one(RawItem(guid="g", content="<p>all there is</p>")).summary == "all there is"


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "ftp://h/x", "file:///etc/passwd", "http://" + "a" * 3_000]
)
def test_links_that_are_no_http_are_left_out(link: str) -> None:
    assert one(RawItem(guid="g", title="t", link=link)).url == ""
    assert one(RawItem(guid=link, title="t")).url == ""


def test_links_with_breaks_and_spaces_in_them_are_mended() -> None:
    item = one(RawItem(guid="g", title="t", link=" https://post.example/a\n/b c.html "))
    assert item.url == "https://post.example/a/b%20c.html"


def test_a_guid_that_is_a_url_stands_in_for_a_missing_link() -> None:
    item = one(RawItem(guid="https://post.example/a", title="t"))
    assert (item.url, item.guid) == ("https://post.example/a", "https://post.example/a")


def test_unstable_guids_do_not_identify_where_there_is_a_link() -> None:
    links = [RawItem(guid=guid, title="t", link="https://post.example/a") for guid in "ab"]
    first, second = read(*links, identity="url").items
    assert first.keys == second.keys
    assert (first.guid, second.guid) == ("a", "b")
    trusted = read(*links).items
    assert trusted[0].keys.primary != trusted[1].keys.primary
    unlinked = read(*(RawItem(guid=guid, title="t") for guid in "ab"), identity="url").items
    assert unlinked[0].keys.primary != unlinked[1].keys.primary


def test_an_item_in_which_there_is_nothing_is_counted_and_one_without_words_is_kept() -> None:
    reading = read(RawItem(title="<script>x</script>", summary="\u202e"), RawItem(link="https://post.example/a"))
    assert [item.url for item in reading.items] == ["https://post.example/a"]
    assert reading.dropped == {DropReason.EMPTY: 1}


def test_the_update_stands_in_for_a_publication_time_that_cannot_be_read() -> None:
    update = datetime(2026, 3, 1, 5, tzinfo=UTC)
    for published in ("", "yesterday"):
        item = one(RawItem(guid="g", title="t", published=published, updated="2026-03-01T05:00:00Z"))
        assert (item.published_at, item.published_raw) == (update, "2026-03-01T05:00:00Z")
    silent = one(RawItem(guid="g", title="t", published="yesterday"))
    assert (silent.published_at, silent.published_raw) == (None, "yesterday")


def test_a_change_in_the_future_is_none() -> None:
    assert one(RawItem(guid="g", title="t", updated="2099-01-01T00:00:00Z")).updated_at is None
    assert one(RawItem(guid="g", title="t", updated="2026-03-01T05:00:00Z")).updated_at is not None


def test_the_feeds_zone_and_language_tell_what_a_date_means() -> None:
    raw = RawItem(guid="g", title="t", published="03/12/2025 19:00")
    item = one(raw, timezone="Asia/Seoul", prior="de")
    assert item.published_at == datetime(2025, 12, 3, 10, tzinfo=UTC)
    assert one(raw).published_at is None
    assert one(RawItem(guid="g", title="t", published="2026-02-01"), timezone="No/Where").published_at is not None


def test_the_language_is_the_configs_then_the_items_then_the_feeds() -> None:
    raw = RawItem(guid="g", title="t", language="pt_BR")
    assert (one(raw, prior="fr", language="en").language, one(raw, prior="fr").language_source) == ("fr", "config")
    assert (one(raw, language="en").language, one(raw, language="en").language_source) == ("pt-BR", "entry")
    silent = RawItem(guid="g", title="t", language="not a language")
    assert (one(silent, language="en-us").language, one(silent, language="en-us").language_source) == ("en-us", "feed")
    assert one(silent).language == "und"


def test_an_edit_changes_the_content_hash_and_not_the_id() -> None:
    before, after = (one(RawItem(guid="g", title="t", summary=text)) for text in ("first", "second"))
    assert before.keys.primary == after.keys.primary
    assert before.content_hash != after.content_hash


texts = st.text(max_size=60) | st.text(alphabet="<>&;/ap:ht \x00\u202e\ud800Ã©", max_size=60)


@given(st.builds(RawItem, guid=texts, link=texts, title=texts, summary=texts, content=texts, published=texts,
                 updated=texts, language=texts, authors=st.tuples(texts), categories=st.tuples(texts)))  # fmt: skip
def test_any_item_becomes_an_article_that_survives_the_wire(raw: RawItem) -> None:
    reading = read(raw)
    assert len(reading.items) + sum(reading.dropped.values()) == 1
    for item in reading.items:
        article = article_of(item)
        assert codec.decode(codec.encode(article), codec.headers_of(article)) == article
        assert len(article.title) <= MAX_TITLE
        assert item == one(raw), "the same item has the same keys, hash and text"
