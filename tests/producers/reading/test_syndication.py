from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reading.jobs import Document, DocumentHints, Job, RawItem
from producers.reading.reading import read_document
from producers.reading.syndication import MAX_ITEMS

URL = "https://post.example/feeds/all.xml"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

RSS = b"""<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Post</title><language>en-GB</language>
<ttl>30</ttl>
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


def read(body: bytes, known: bytes = b"", *, whole: bool = False) -> Document:
    return read_document(Job(feed_id="f", body=body, url=URL, known=known, whole=whole, now=NOW))


def rss(*items: bytes, head: bytes = b"", tail: bytes = b"") -> bytes:
    return b"<rss version='2.0'><channel>" + head + b"\n".join(items) + tail + b"</channel></rss>"


def item(title: str, more: str = "") -> bytes:
    return f"<item><title>{title}</title>{more}</item>".encode()


def titles(document: Document) -> list[str]:
    return [one.title for one in document.items]


def without_digests(items: Sequence[RawItem]) -> list[RawItem]:
    return [msgspec.structs.replace(one, digest=b"") for one in items]


def test_rss_items_come_out_with_absolute_links_and_untouched_guids_and_dates() -> None:
    document = read(RSS)
    first, second = document.items
    assert (document.language, document.hints) == ("en-GB", DocumentHints(ttl_s=1800))
    assert without_digests([first]) == [
        RawItem(
            guid="post-1",
            link="https://post.example/a?x=1",
            title="Ships &amp; quays",
            summary="<p>Short</p>",
            content="<p>Long <b>story</b></p>",
            published="Sun, 01 Mar 2026 06:00:00 IST",
            authors=("A. Writer",),
            categories=("Ports",),
        )
    ]
    assert second.guid == "rel/guid", "it must not change with the feed's own URL"
    assert second.link == "https://post.example/feeds/rel/guid"
    assert second.updated == "2026-03-01T05:00:00Z"


def test_atom_and_rdf_are_feeds_too() -> None:
    (entry,) = read(ATOM.encode()).items
    assert (entry.guid, entry.link, entry.language) == ("tag:a,1", "https://base.example/x/rel", "fr")
    assert "<p>deux</p>" in entry.content
    (one,) = read(RDF.encode()).items
    assert (one.title, one.link, one.updated) == ("Un", "https://r.example/1", "2026-03-01T05:00:00Z")


@pytest.mark.parametrize(
    ("more", "link"),
    [
        ("<link uri='at://x/y'>https://a.example/1</link>", "https://a.example/1"),
        ("<link><![CDATA[ https://a.example/1 ]]></link>", "https://a.example/1"),
        ("<guid>https://a.example/1</guid>", "https://a.example/1"),
        (
            "<a:link xmlns:a='http://www.w3.org/2005/Atom' rel='alternate' type='text/plain' href='/1'/>",
            "https://post.example/1",
        ),
        ("<a:link xmlns:a='http://www.w3.org/2005/Atom' rel='self' href='/1'/>", ""),
        ("<enclosure url='https://a.example/1.mp3'/>", ""),
        ("<link>http://[::1</link>", ""),
    ],
)
def test_the_link_is_the_page_of_the_item(more: str, link: str) -> None:
    assert read(rss(item("a", more))).items[0].link == link


@pytest.mark.parametrize("body", [RSS, ATOM.encode(), RDF.encode()])
def test_known_items_are_not_parsed(body: bytes) -> None:
    document = read(body)
    digests = [one.digest for one in document.items]
    assert all(digests)
    again = read(body, b"".join(digests))
    assert (again.items, again.total, again.standing) == ((), len(digests), b"".join(digests))
    assert again.hints == document.hints
    assert again.parser.endswith("+delta")
    one_new = read(body, b"".join(digests[1:]))
    assert (one_new.items, one_new.standing) == (document.items[:1], b"".join(digests[1:]))


def test_a_changed_item_is_unknown_again_and_a_changed_head_changes_nothing() -> None:
    document = read(RSS)
    known = b"".join(one.digest for one in document.items)
    assert read(RSS.replace(b"<ttl>30", b"<ttl>45"), known).items == ()
    assert titles(read(RSS.replace(b">Second", b">Corrected"), known)) == ["Corrected"]


def test_items_that_are_the_same_are_all_there() -> None:
    body = rss(item("a"), item("b"), item("a"))
    document = read(body)
    first, other, third = (one.digest for one in document.items)
    assert first == third != other
    assert titles(read(body, other)) == ["a", "a"]
    assert read(body, first).standing == first * 2


HARMLESS = [
    item("plain", "<link>https://a.example/1</link><guid>g1</guid><pubDate>Sun, 01 Mar 2026 06:00:00 GMT</pubDate>"),
    item("cdata", "<description><![CDATA[<p>one </item> <item> two</p>]]></description>"),
    item("tagged", "<category>a</category><category>b</category><author>a@b.example (A)</author>"),
    item("inline", "<description><p>a <b>b</b></p></description>"),
    item("spaced", "<m:content xmlns:m='http://search.yahoo.com/mrss/' url='x'/>"),
    item("other", "<n:content xmlns:n='urn:other'>x</n:content>"),
    item("respaced", "<m:content xmlns:m='urn:m'>x</m:content>"),
    item("based", "<link>/b</link>").replace(b"<item>", b"<item xml:base='https://base.example/'>"),
    item("relative", "<link>c/d</link><comments>e</comments>"),
    item("german", "<description type='html'><div>x</div></description>").replace(b"<item>", b"<item xml:lang='de'>"),
    item("source", "<source url='https://s.example/'>S</source>"),
    item("image", "<image><url>x</url><title>no</title></image>"),
    item("twice", "<title>again</title><description>a</description><description>b</description>"),
    b"<item/>",
]
HARMFUL = [
    item("entity &nbsp; &mdash;"),
    item("bare & ampersand", "<link>https://a.example/?a=1&b=2</link>"),
    item("void", "<description>a<br>b</description>"),
    item("unclosed", "<description><p>one"),
    item("quote", "<a href='x>y</a>"),
    item("undeclared", "<u:v>x</u:v>"),
    item("comment", "<!-- a -- b -->"),
    item("marked", "<![if x]>y<![endif]>"),
    item("svg", "<description><svg><title>x</title></svg><svg></description>"),
]


@given(st.lists(st.sampled_from(HARMLESS + HARMFUL), min_size=1, max_size=5), st.data())
def test_unknown_items_are_read_as_in_the_whole_document(items: list[bytes], data: st.DataObject) -> None:
    body = rss(*items, head=b"<title>t</title>")
    document = read(body)
    digests = [one.digest for one in document.items]
    if not all(digests):
        return
    known = data.draw(st.sets(st.sampled_from(digests)))
    partly = read(body, b"".join(known))
    assert partly.items == tuple(one for one in document.items if one.digest not in known)
    assert partly.standing == b"".join(digest for digest in digests if digest in known)
    assert partly.total == document.total
    compared = read(body, b"".join(known), whole=True)
    assert (compared.items, compared.difference) == (partly.items, "")


@pytest.mark.parametrize(
    ("known", "unknown"),
    [
        ("<x:date xmlns:x='urn:w'>2026</x:date>", "<dc:date xmlns:dc='urn:w'>2026</dc:date>"),
        ("<q:creator xmlns:q='http://purl.org/dc/elements/1.1/'>a</q:creator>", "<q:creator>b</q:creator>"),
        ("<link xml:base='https://base.example/'>a</link>", "<link>b</link>"),
        ("<description>&nbsp;</description>", "<description>a &#38;#60; b</description>"),
        ("<description><p>open</description>", "<description>a</description>"),
    ],
)
def test_what_a_known_item_leaves_behind_is_still_there_without_parsing_all(known: str, unknown: str) -> None:
    body = rss(item("known", known), item("unknown", unknown), item("plain"))
    document = read(body)
    partly = read(body, document.items[0].digest + document.items[2].digest)
    assert partly.items == document.items[1:2]


@given(st.lists(st.sampled_from(HARMLESS), min_size=1, max_size=5))
def test_well_formed_documents_always_have_digests(items: list[bytes]) -> None:
    document = read(rss(*items))
    assert all(one.digest for one in document.items)
    assert len(document.items) == document.total == len(items)
    assert not document.bozo


def test_a_difference_is_told_and_the_whole_parse_believed() -> None:
    # An `<item>` within XHTML is text to feedparser; nothing in the tags shows it
    body = rss(item("a"), item("b"))
    known = read(body).items[1].digest
    text = b"<description type='xhtml'><div><item>not one</item></div></description>"
    changed = rss(item("a"), item("b"), head=text)
    document = read(changed, known, whole=True)
    assert titles(document) == ["a", "b"]
    assert document.difference == "2 items, but 3 by their tags and 1 of 2 without the known ones"
    assert not any(one.digest for one in document.items)
    assert titles(read(changed, known)) == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rss(item("a &eacute; b"), item("c & d")), ["a é b", "c & d"]),
        (rss(item("a"), item("b", "<description>cut o"))[:-40], ["a", "b"]),
        (b"Warning: x\n\n<?xml version='1.0'?>" + rss(item("a")), ["a"]),
        (rss(item("a"), item("b &#99999999999;&#xD800; c")), ["a", "b  c"]),
        (rss(b"<item><title>a</title>", b"<item><title>b</title>"), ["a", "b"]),
        (rss(item("a\x00\x1b[1m")), ["a[1m"]),
    ],
)
def test_malformed_feeds_yield_what_can_be_read(body: bytes, expected: list[str]) -> None:
    document = read(body)
    assert titles(document) == expected
    assert document.bozo is (b"Warning" not in body)


def test_entities_neither_expand_nor_read_files() -> None:
    bomb = b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
    title = read(bomb + rss(item("&b;&f;x"))).items[0].title
    assert "hahaha" not in title
    assert Path("/etc/hostname").read_text().strip() not in title
    assert titles(read(b'<!DOCTYPE r [\n<!ENTITY who "Writer">\n]>' + rss(item("A. &who;")))) == ["A. Writer"]


def test_an_empty_feed_is_a_feed() -> None:
    assert read(rss()).items == ()


GOOD = item("good")
MANY = 40_000
HOSTILE = {
    "items": rss(*[b"<item><title>t</title></item>"] * (MAX_ITEMS + MANY)),
    "open items": rss(b"<item>" * MANY),
    "attributes": rss(GOOD, b"<item " + b" ".join(b"a%d='x'" % n for n in range(MANY)) + b"/>"),
    "root attributes": rss(GOOD).replace(b"<rss", b"<rss " + b" ".join(b"a%d='x'" % n for n in range(MANY)), 1),
    "categories": rss(GOOD, b"<item>" + b"".join(b"<category>%d</category>" % n for n in range(MANY)) + b"</item>"),
    "terms": rss(GOOD, b"<item>" + b"".join(b"<category term='%d'/>" % n for n in range(9_000)) + b"</item>"),
    "head": rss(GOOD, head=b"".join(b"<category>%d</category>" % n for n in range(MANY))),
    "keywords": rss(GOOD, item("x", "<tags>" + ",".join(map(str, range(MANY))) + "</tags>")),
    "address": rss(GOOD, item("x", "<author>" + "a." * MANY + "</author>")),
    "comments in text": rss(GOOD, item("x", f"<description><![CDATA[{'<!--' * MANY}]]></description>")),
    "comments": rss(GOOD, b"<!-- " * MANY),
    "brackets": rss(GOOD, item("x", "<description>" + "<" * 20 * MANY + "</description>")),
    "soup": rss(GOOD, item("x", "<description>" + "<b><i></b>&x" * MANY + "</description>")),
    "references": rss(GOOD, item("&" * 20 * MANY)),
    "deep": rss(GOOD, b"<a>" * 20 * MANY),
    "deep item": rss(GOOD, b"<item>" + b"<a>" * MANY + b"</a>" * MANY + b"</item>"),
    "namespaces": rss(GOOD).replace(
        b"<rss", b"<rss " + b" ".join(b"xmlns:n%d='n:%d'" % (n, n) for n in range(MANY)), 1
    ),
    "big title": rss(GOOD, item("x" * 5_000_000)),
    "quotes": rss(GOOD, b"<item a='" * MANY),
    "cdata": rss(GOOD, b"<![CDATA[" * MANY),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_take_no_time(name: str) -> None:
    body = HOSTILE[name]
    started = time.process_time()
    document = read(body)
    assert time.process_time() - started < 1.5
    assert document.items
    assert document.total == len(document.items) + document.left_out + document.unreadable
    if GOOD in body:
        assert document.items[0].title == "good"


def test_items_beyond_the_bound_are_counted() -> None:
    document = read(HOSTILE["items"])
    assert (len(document.items), document.left_out, document.total) == (MAX_ITEMS, MANY, MAX_ITEMS + MANY)
    assert all(one.digest for one in document.items)
    assert read(HOSTILE["open items"]).left_out == MANY - MAX_ITEMS


def test_an_item_that_is_all_tags_is_given_up_and_counted() -> None:
    document = read(HOSTILE["soup"])
    assert (titles(document), document.unreadable, document.bozo) == (["good"], 1, True)
