from __future__ import annotations

import time

import pytest

from producers.reading.taming import (
    DECLARATION,
    MAX_ATTRIBUTES,
    MAX_CATEGORIES,
    cut,
    find_root,
    is_well_formed,
    mend,
    tame,
)


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"\n\n  ",
        b"<?xml version='1.1' encoding='x'?>",
        b"<!-- <rss> -->\n<?x <feed> ?>",
        b"<!DOCTYPE rss PUBLIC 'x' 'y'>",
        b"Warning: undefined index in feed.php on line 3\n",
        b"<!DOCTYPE rss [<!ELEMENT a (b)>]>",
    ],
)
def test_the_document_begins_at_its_root(before: bytes) -> None:
    root = find_root(before + b"<rdf:RDF><a/></rdf:RDF>")
    assert root == ("rdf", DECLARATION + b"<rdf:RDF><a/></rdf:RDF>", False)


def test_declared_entities_are_kept() -> None:
    root = find_root(b'<!DOCTYPE r [\n\n<!ENTITY a "b">\n]><r>&a;</r>')
    assert root.has_entities
    assert b'<!ENTITY a "b">' in root.document


@pytest.mark.parametrize("body", [b"", b"text", b"1 < 2", b"<!-- <rss>", b"<?" * 5000, b"\n<!DOCTYPE x " * 50_000])
def test_what_has_no_root_has_none(body: bytes) -> None:
    started = time.process_time()
    assert find_root(body).name == "" or body == b"<!-- <rss>"
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("document", "well_formed"),
    [
        (b"<a><b/></a>", True),
        (b"<a><b></a>", False),
        (b"<a>&nbsp;</a>", False),
        (b"<x:a/>", False),
        (b"<a/><b/>", False),
    ],
)
def test_well_formed_is_what_xml_says(document: bytes, well_formed: bool) -> None:
    assert is_well_formed(DECLARATION + document) is well_formed


def test_honest_documents_are_left_alone() -> None:
    item = b"<item a='1' b='2'>" + b"<category>x</category>" * MAX_CATEGORIES + b"<author>A. Writer</author></item>"
    assert tame(item * 30) == item * 30


def test_surplus_attributes_categories_and_keywords_go() -> None:
    attributes = b" ".join(b"a%d='x'" % number for number in range(5_000))
    assert tame(b"<link " + attributes + b"/>").count(b"=") == MAX_ATTRIBUTES
    for one in (b"<category>c</category>", b"<category term='c'/>", b"<dc:subject><![CDATA[<c>]]></dc:subject>"):
        tamed = tame((b"<item>" + one * 500 + b"</item>") * 2)
        assert tamed == (b"<item>" + one * MAX_CATEGORIES + b"</item>") * 2
    assert len(tame(b"<author>" + b"a." * 50_000 + b"</author>")) < 1_100
    assert tame(b"<tags><![CDATA[" + b"a," * 50_000 + b"]]></tags>").endswith(b"]]></tags>")


def test_a_document_is_cut_before_a_tag() -> None:
    assert cut(b"<a><b><c>", 2) == b"<a><b>"
    assert cut(b"<a><b><c>", 3) == b"<a><b><c>"


def test_a_damaged_document_is_mended() -> None:
    mended = mend(b"<rss><channel><item><title>a &mdash; b</title><p></item>")
    assert is_well_formed(mended)
    assert "a — b" in mended.decode()
    assert mend(b"") == b""
