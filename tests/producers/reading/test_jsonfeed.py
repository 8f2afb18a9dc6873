from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.errors import ParseError
from producers.reading.jobs import Document, Job, RawItem
from producers.reading.reading import read_document
from producers.reading.syndication import MAX_ITEMS

VERSION = "https://jsonfeed.org/version/1.1"
FULL: dict[str, Any] = {
    "id": 7,
    "url": "/a?x=1",
    "external_url": "https://other.example/",
    "title": "Ships <b> & quays",
    "content_html": "<p>Long</p>",
    "content_text": "Long",
    "summary": "1 < 2",
    "date_published": "2026-03-01T05:00:00Z",
    "date_modified": "2026-03-01T06:00:00Z",
    "language": "fr",
    "authors": [{"name": "A. Writer"}, {"url": "x"}, None],
    "tags": ["Ports", "Ports", 3, None],
}


def read(body: bytes, known: bytes = b"") -> Document:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return read_document(Job(feed_id="f", body=body, url="https://post.example/feeds/all.json", known=known, now=now))


def feed(*items: object, **others: object) -> bytes:
    return json.dumps({"version": VERSION, "language": "en", **others, "items": items}).encode()


def test_an_item_comes_out_as_html_with_absolute_links() -> None:
    (item,) = read(feed(FULL)).items
    assert msgspec.structs.replace(item, digest=b"") == RawItem(
        guid="7",
        link="https://post.example/a?x=1",
        title="Ships &lt;b&gt; &amp; quays",
        summary="1 &lt; 2",
        content="<p>Long</p>",
        published="2026-03-01T05:00:00Z",
        updated="2026-03-01T06:00:00Z",
        language="fr",
        authors=("A. Writer",),
        categories=("Ports", "3"),
    )


def test_older_and_sparser_feeds_are_read() -> None:
    old = {"id": "a", "external_url": "https://o.example/", "content_text": "a & b", "author": {"name": "B"}}
    (item,) = read(feed(old, version="https://jsonfeed.org/version/1")).items
    assert (item.link, item.content, item.authors) == ("https://o.example/", "a &amp; b", ("B",))
    assert read(b"\xef\xbb\xbf" + feed(old, version="1.0")).total == 1
    assert read(feed(old).decode().encode("utf-16")).items == (read(feed(old)).items)
    assert read(feed()).items == ()


def test_known_items_are_not_read_again() -> None:
    document = read(feed(FULL, {"id": "b"}))
    first, second = (item.digest for item in document.items)
    again = read(feed(FULL, {"id": "c"}, {"id": "b"}), known=first + second)
    assert [item.guid for item in again.items] == ["c"]
    assert (again.standing, again.total) == (first + second, 3)


def test_items_that_are_none_are_counted() -> None:
    document = read(feed(FULL, 3, None, [1], {"id": "b", "title": {"deep": 1}, "tags": "x", "authors": "y"}))
    assert [item.guid for item in document.items] == ["7", "b"]
    assert (document.unreadable, document.total) == (3, 5)


@given(st.integers(0, 400))
def test_a_document_that_is_cut_off_yields_the_items_before(lost: int) -> None:
    body = feed({"id": "a", "title": 'with "quotes", {braces} and \\ more'}, {"id": "b"}, {"id": "c"})
    body = body[: max(len(body) - lost, 0)]
    with contextlib.suppress(ParseError):
        document = read(body)
        assert [item.guid for item in document.items] == ["a", "b", "c"][: document.total]
        assert document.bozo or not lost
        assert document.total == body.count(b"}") - (not lost) - (body.count(b"{braces}"))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"items": []}',
        b'{"version": 2, "items": []}',
        feed()[:-2],
        b'{"items": [' + b"[" * 100_000,
    ],
)
def test_other_json_is_refused(body: bytes) -> None:
    if body == feed()[:-2]:
        assert read(body).items == ()
        return
    with pytest.raises(ParseError, match="JSON"):
        read(body)


def test_hostile_documents_take_no_time() -> None:
    deep = b'{"version":"%b","items":[{"id":"a"},{"id":' % VERSION.encode()
    started = time.process_time()
    for tail in (b"[" * 300_000, b"{" * 300_000, b"[" * 50_000 + b"]" * 50_000 + b"}]}", b'"\\' * 300_000):
        assert [item.guid for item in read(deep + tail).items] == ["a"]
    many = feed(*({"id": number} for number in range(MAX_ITEMS + 3_000)))
    assert (len(read(many).items), read(many).left_out) == (MAX_ITEMS, 3_000)
    assert time.process_time() - started < 2


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=4))
def test_values_of_any_kind_are_survived(value: object) -> None:
    item = dict.fromkeys(("id", "url", "title", "summary", "authors", "author", "tags", "date_published"), value)
    assert read(feed(item, language=value)).total == 1
