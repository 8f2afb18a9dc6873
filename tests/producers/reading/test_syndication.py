from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.errors import ParseError
from producers.reading.syndication import MAX_ITEMS, Document, RawItem, parse_feed

URL = "https://post.example/feeds/all.xml"

RSS = b"""<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Post</title><language>en-GB</language>
<item><title>Ships &amp;amp; quays</title><link>/a?x=1</link><guid isPermaLink="false">post-1</guid>
<pubDate>Sun, 01 Mar 2026 06:00:00 IST</pubDate><description>&lt;p&gt;Short&lt;/p&gt;</description>
<content:encoded><![CDATA[<p>Long <b>story</b></p>]]></content:encoded>
<dc:creator>A. Writer</dc:creator><category>Ports</category><category>Ports</category></item>
<item><title>Second</title><guid>rel/guid</guid><dc:date>2026-03-01T05:00:00Z</dc:date></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="fr" xml:base="https://base.example/x/"><title>t</title>
<entry><id>tag:a,1</id><title type="html">Un &amp;lt;titre&amp;gt;</title><link href="rel"/>
<updated>2026-03-01T05:00:00Z</updated><author><name>N</name></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>un</p><p>deux</p></div></content></entry></feed>"""

RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>t</title></channel>
<item rdf:about="https://r.example/1"><title>Un</title><link>https://r.example/1</link>
<dc:date>2026-03-01T05:00:00Z</dc:date></item></rdf:RDF>"""


def test_rss_items_come_out_with_absolute_links_and_untouched_guids_and_dates() -> None:
    document = parse_feed("post", RSS, url=URL)
    first, second = document.items
    assert document.language == "en-GB"
    assert first == RawItem(
        guid="post-1",
        link="https://post.example/a?x=1",
        title="Ships &amp; quays",
        summary="<p>Short</p>",
        content="<p>Long <b>story</b></p>",
        published="Sun, 01 Mar 2026 06:00:00 IST",
        authors=("A. Writer",),
        categories=("Ports",),
    )
    assert second.guid == "rel/guid", "it must not change with the feed's own URL"
    assert second.link == "https://post.example/feeds/rel/guid"
    assert second.updated == "2026-03-01T05:00:00Z"


def test_atom_and_rdf_are_feeds_too() -> None:
    (entry,) = parse_feed("a", ATOM.encode(), url=URL).items
    assert (entry.guid, entry.link, entry.language) == ("tag:a,1", "https://base.example/x/rel", "fr")
    assert "<p>deux</p>" in entry.content
    (item,) = parse_feed("r", RDF.encode(), url=URL).items
    assert (item.title, item.link, item.updated) == ("Un", "https://r.example/1", "2026-03-01T05:00:00Z")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1251", "koi8-r", "gb18030"])
def test_the_declared_encoding_is_used(encoding: str) -> None:
    title = "Новости порта" if encoding != "gb18030" else "港口新闻"
    text = f'<?xml version="1.0" encoding="{encoding}"?><rss version="2.0"><channel><item><title>{title}</title></item>'
    body = f"{text}</channel></rss>".encode(encoding)
    assert parse_feed("f", body, url=URL).items[0].title == title


def test_the_encoding_of_the_http_header_is_used() -> None:
    body = "<rss version='2.0'><channel><item><title>Порт</title></item></channel></rss>".encode("windows-1251")
    document = parse_feed("f", body, url=URL, content_type="text/xml; charset=windows-1251")
    assert document.items[0].title == "Порт"


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", b"<html><body>Not found</body></html>", b'{"items": []}', b"\x00\xff" * 50, b"/etc/passwd"],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError, match="parsing feed f"):
        parse_feed("f", body, url=URL)


def test_an_empty_feed_is_a_feed() -> None:
    assert parse_feed("f", b"<rss version='2.0'><channel/></rss>", url=URL).items == ()


def test_a_broken_codec_is_our_error() -> None:
    with pytest.raises(ParseError):
        parse_feed("f", b'<?xml version="1.0" encoding="punycode"?><rss version="2.0"><channel/></rss>', url=URL)


def test_entities_neither_expand_nor_read_files() -> None:
    bomb = b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
    body = bomb + b"<rss version='2.0'><channel><item><title>&b;&f;x</title></item></channel></rss>"
    title = parse_feed("f", body, url=URL).items[0].title
    assert "hahaha" not in title
    assert Path("/etc/hostname").read_text().strip() not in title


def test_items_beyond_the_bound_are_cut_off_before_they_cost_time() -> None:
    item = b"<item><title>t</title></item>"
    body = b"<rss version='2.0'><channel>" + item * (MAX_ITEMS + 60_000) + b"</channel></rss>"
    started = time.process_time()
    document = parse_feed("f", body, url=URL)
    assert (len(document.items), document.left_out) == (MAX_ITEMS, 60_000)
    assert time.process_time() - started < 10


@given(st.binary(max_size=300) | st.binary(max_size=80).map(lambda tail: RSS[: len(RSS) - len(tail) * 4] + tail))
def test_no_bytes_do_more_than_be_no_feed(body: bytes) -> None:
    with contextlib.suppress(ParseError):
        assert isinstance(parse_feed("f", body, url=URL), Document)


def test_a_sample_of_other_readers_test_feeds_never_breaks_ours(reference_data: Path) -> None:
    files = sorted(path for path in (reference_data / "feeds").rglob("*") if path.suffix in (".xml", ".rss", ".atom"))
    parsed = 0
    for file in files[::10]:
        try:
            parsed += len(parse_feed("f", file.read_bytes(), url=URL).items)
        except ParseError:
            continue
    assert parsed > 100
