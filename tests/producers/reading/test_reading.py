from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.errors import ParseError
from producers.reading.jobs import Document, Job
from producers.reading.reading import read, read_document

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RSS = b"<rss version='2.0'><channel><title>Post</title><item><title>Ships</title><guid>1</guid></item></channel></rss>"


def job(body: bytes, content_type: str = "") -> Job:
    return Job(feed_id="f", body=body, url="https://post.example/feeds/all.xml", content_type=content_type, now=NOW)


@pytest.mark.parametrize(
    ("body", "parser"),
    [
        (RSS, "feedparser/"),
        (b'\n {"version": "https://jsonfeed.org/version/1", "items": [{"id": "1", "title": "Ships"}]}', "jsonfeed"),
        (
            b"<urlset xmlns:n='http://www.google.com/schemas/sitemap-news/0.9'><url><loc>https://a.example/</loc>"
            b"<n:news><n:title>Ships</n:title></n:news></url></urlset>",
            "sitemap",
        ),
    ],
)
def test_the_format_is_seen_in_the_document_whatever_the_header_says(body: bytes, parser: str) -> None:
    for header in ("", "text/html", "application/json", "application/rss+xml"):
        document = read_document(job(body, header))
        assert [item.title for item in document.items] == ["Ships"]
        assert document.parser.startswith(parser)


def test_a_reading_has_the_items_and_digests_of_its_document() -> None:
    reading = read(job(RSS))
    assert [item.title for item in reading.items] == ["Ships"]
    assert [item.digest for item in reading.items] == [item.digest for item in read_document(job(RSS)).items]


def test_a_web_page_is_called_one() -> None:
    with pytest.raises(ParseError, match="this is a web page"):
        read_document(job(b"<!doctype html>\n<html><head><title>x</title></head><body><p>Not found</body></html>"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"hello",
        b"\x00\xff" * 50,
        b"/etc/passwd",
        b"https://a.example/rss",
        b"<a/>",
        b"<opml><body/></opml>",
    ],
)
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError, match="parsing feed f: no feed"):
        read_document(job(body))


PIECES = [
    RSS, b"<item>", b"</item>", b"<title>", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"&", b"&#x110000;", b"&#xD800;",
    b"<rss>", b"<feed>", b"{", b"[", b"<?xml encoding='", b"\xff\xfe", b"<!DOCTYPE x [", b"<!ENTITY a 'b'>", b"\x00",
    b"<urlset>", b"<url>", b"<html>", b"<a b='", b"/>", b"<content type='xhtml'>", b"<author>", b"x@y.z", b"<svg>",
    b"<link href='http://[::1'/>", b"<pubDate>99", b"<entry xml:base='http://[x'>", b"<guid>", b"</channel></rss>",
]  # fmt: skip


@given(st.binary(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_no_bytes_do_more_than_be_no_feed(body: bytes) -> None:
    with contextlib.suppress(ParseError):
        assert isinstance(read_document(job(body)), Document)
