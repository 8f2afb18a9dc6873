from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reading.jobs import DIGEST_SIZE
from producers.reading.splitting import (
    cut_digests,
    has_relative,
    is_closed,
    is_closed_alone,
    is_separable,
    split,
    starts,
    without,
)

HEAD, TAIL = b"<rss version='2.0'><channel><title>t</title>", b"</channel></rss>"

ITEMS = [
    b"<item><title>a</title></item>",
    b"<item rdf:about='x>y'>b</item >",
    b"<item/>",
    b"<item><![CDATA[</item><item>]]></item>",
    b"<item><!-- <item> --><?x <item> ?></item>",
    b"<item>\n<items/><itemised/><my.item.x/></item>",
]


@given(st.lists(st.sampled_from(ITEMS)), st.sampled_from([b"", b"\n", b"<!-- <item> -->", b"<x>&lt;item></x>"]))
def test_items_are_found_where_they_are(items: list[bytes], gap: bytes) -> None:
    document = HEAD + gap + b"".join(item + gap for item in items) + TAIL
    parts = split(document, 100)
    assert parts is not None
    assert [document[start:end] for start, end in parts.spans] == items
    assert without(document, parts.spans) == HEAD + gap * (len(items) + 1) + TAIL
    assert [parts.digests[items.index(item)] for item in items] == list(parts.digests), "equal items, equal digests"
    assert len(set(parts.digests)) == len(set(items))


@pytest.mark.parametrize(
    "items",
    [
        b"<item><title>open",
        b"<item><item></item></item>",
        b"<item>a<item>b</item>",
        b"</item><item></item>",
        b"<item></item><entry></entry>",
        b"<item></item><media:item></media:item>",
        b"<item><![CDATA[ </item>",
        b"<!-- <item></item>",
        b"<item a='></item>",
    ],
)
def test_documents_in_which_items_cannot_be_told_apart_are_not_split(items: bytes) -> None:
    assert split(HEAD + items + TAIL, 100) is None


@pytest.mark.parametrize("name", [b"Item", b"rss:item", b"entry", b"atom:entry"])
def test_prefixes_and_case_are_names_too(name: bytes) -> None:
    parts = split(HEAD + b"<%b>a</%b>" % (name, name) + TAIL, 100)
    assert parts is not None
    assert len(parts.spans) == 1


def test_items_beyond_the_limit_are_one_stretch() -> None:
    document = HEAD + b"".join(b"<item>%d</item>\n" % number for number in range(5)) + TAIL
    parts = split(document, 2)
    assert parts is not None
    assert parts.rest is not None
    assert document[parts.rest.start : parts.rest.end].split() == [b"<item>%d</item>" % number for number in (2, 3, 4)]
    assert len(starts(document, *parts.rest)) == 3
    assert split(document, 5) == (*split(document, 9)[:2], None)  # type: ignore[index]  # both can be split


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (HEAD.replace(b">t<", b">changed<"), True),
        (HEAD.replace(b"<channel>", b"<channel xml:base='https://b.example/'>"), False),
        (HEAD.replace(b"version", b"xmlns:dc='urn:x' version"), False),
    ],
)
def test_digests_change_with_the_tags_around_the_items_alone(other: bytes, same: bool) -> None:
    item = b"<item>a</item>"
    one, two = split(HEAD + item + TAIL, 9), split(other + item + TAIL, 9)
    assert one is not None
    assert two is not None
    assert (one.digests == two.digests) is same


@given(st.lists(st.binary(min_size=DIGEST_SIZE, max_size=DIGEST_SIZE)))
def test_digests_are_cut_as_they_were_joined(digests: list[bytes]) -> None:
    assert cut_digests(b"".join(digests)) == set(digests)


@pytest.mark.parametrize(
    ("first", "second", "separable"),
    [
        (b"<a/>", b"<b/>", True),
        (b"<m:a xmlns:m='urn:1'/>", b"<m:a xmlns:m='urn:1'/>", True),
        (b"<m:a xmlns:m='urn:1'/>", b"<m:a xmlns:m='urn:2'/>", False),
        (b"<m:a xmlns:m='urn:1'/>", b"<n:a xmlns:n='urn:1'/>", False),
    ],
)
def test_items_that_give_a_prefix_two_meanings_are_not_separable(first: bytes, second: bytes, separable: bool) -> None:
    document = HEAD + b"<item>" + first + b"</item><item>" + second + b"</item>" + TAIL
    parts = split(document, 9)
    assert parts is not None
    assert is_separable(document, parts) is separable


@pytest.mark.parametrize(
    ("item", "closed"),
    [
        (b"<item><title>a &nbsp; b & c</title></item>", True),
        (b"<item><![CDATA[<p><br>]]><x a='1'/></item>", True),
        (b"<item><p>a<br></p></item>", False),
        (b"<item><a href=x>a</a></item>", False),
        (b"<item><a href='x>a</a></item>", False),
        (b"<item>1 < 2</item>", False),
        (b"<item><!-- a --></item>", False),
        (b"<item xml:lang='de'>a</item>", False),
    ],
)
def test_in_a_malformed_document_only_plainly_closed_items_are_closed(item: bytes, closed: bool) -> None:
    assert is_closed_alone(item) is closed


def test_a_base_matters_to_relative_links_alone() -> None:
    item = b"<entry xml:base='https://b.example/'><title>a</title></entry>"
    assert is_closed(item, base_matters=False)
    assert not is_closed(item, base_matters=True)
    assert not is_closed(b"<entry xml:lang='de'><content><div>a</div></content></entry>", base_matters=False)
    assert not has_relative(b"<entry><id>tag:a,1</id><link href='https://a.example/'/></entry>")
    assert has_relative(b"<entry><link href='/a'/></entry>")
    assert has_relative(b"<item><link>a/b</link></item>")
