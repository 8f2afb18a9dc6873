from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
import pytest

from deskwatch.errors import ParseError
from producers.reading.jobs import Document, Job, RawItem
from producers.reading.reading import read_document
from producers.reading.syndication import MAX_ITEMS

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    ' xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">'
)
ENTRY = (
    "<url><loc> https://post.example/{0} </loc><lastmod>2026-03-01T06:00:00Z</lastmod><news:news><news:publication>"
    "<news:name>Post</news:name><news:language>en</news:language></news:publication>"
    "<news:publication_date>2026-03-01T05:00:00+01:00</news:publication_date>"
    "<news:title>Ships &amp; quays {0}</news:title>"
    "<news:keywords>ports, ships , </news:keywords></news:news></url>"
)
PLAIN = "<url><loc>https://post.example/about</loc><lastmod>2026-03-01</lastmod></url>"


def read(text: str, known: bytes = b"") -> Document:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return read_document(
        Job(feed_id="f", body=text.encode(), url="https://post.example/news.xml", known=known, now=now)
    )


def test_articles_come_out_and_plain_pages_do_not() -> None:
    document = read(HEAD + ENTRY.format(1) + PLAIN + "</urlset>")
    (item,) = document.items
    assert msgspec.structs.replace(item, digest=b"") == RawItem(
        guid="https://post.example/1",
        link="https://post.example/1",
        title="Ships &amp; quays 1",
        published="2026-03-01T05:00:00+01:00",
        updated="2026-03-01T06:00:00Z",
        language="en",
        categories=("ports", "ships"),
    )
    assert (document.total, document.bozo, document.parser) == (1, False, "sitemap")


def test_known_articles_are_left_out_though_their_page_was_touched() -> None:
    text = HEAD + ENTRY.format(1) + ENTRY.format(2) + "</urlset>"
    first, second = (item.digest for item in read(text).items)
    touched = text.replace("2026-03-01T06", "2026-03-02T06") + ""
    again = read(touched.replace("<url>", ENTRY.format(3) + "<url>", 1), known=first + second)
    assert [item.link for item in again.items] == ["https://post.example/3"]
    assert (again.standing, again.total) == (first + second, 3)


def test_a_sitemap_that_breaks_off_yields_what_came_before() -> None:
    document = read(HEAD + ENTRY.format(1) + ENTRY.format(2)[:80])
    assert [item.link for item in document.items] == ["https://post.example/1"]
    assert document.bozo


def test_an_empty_news_sitemap_is_one() -> None:
    assert read(HEAD + "</urlset>").items == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>" + PLAIN + "</urlset>", "without news"),
        ("<sitemapindex><sitemap><loc>https://a.example/</loc></sitemap></sitemapindex>", "index of sitemaps"),
    ],
)
def test_other_sitemaps_are_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ParseError, match=why):
        read(text)


def test_hostile_sitemaps_take_no_time() -> None:
    started = time.process_time()
    many = read(HEAD + "".join(map(ENTRY.format, range(MAX_ITEMS + 2_000))) + "</urlset>")
    assert (len(many.items), many.left_out) == (MAX_ITEMS, 2_000)
    assert len(read(HEAD + ENTRY.format(1) + "<a>" * 200_000).items) == 1
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
    title = read(bomb + HEAD.split("\n")[1] + ENTRY.format("&b;&f;") + "</urlset>").items[0].title
    assert "ha" not in title
    assert time.process_time() - started < 2
