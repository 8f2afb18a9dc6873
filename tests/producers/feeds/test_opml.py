from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.errors import ConfigError
from deskwatch.feedrecords import Feed
from producers.feeds.config import check, load
from producers.feeds.editing import render
from producers.feeds.opml import MAX_BYTES, read_opml, to_opml

DATA_MISSING = "needs the reference data: set DESKWATCH_DATA"

OPML = """<?xml version="1.0"?><opml version="2.0"><head><title>t</title></head><body>
<outline text="Asia"><outline text="Harbour: Post" type="rss" xmlUrl="https://post.example/rss?a=1&amp;b=2"/>
<outline title="Harbour Post" xmlurl="https://post.example/world"/><outline text="港口" xmlUrl="https://gang.example/"/>
</outline><outline text="Harbour Post" xmlUrl="https://post.example/world"/><outline xmlUrl="file:///etc"/>
</body></opml>"""


def test_feeds_of_an_opml_file_become_valid_config(tmp_path: Path) -> None:
    feeds, skipped = read_opml(OPML.encode(), "list.opml")
    assert [(feed.id, feed.category) for feed in feeds] == [
        ("harbour-post", "Asia"),
        ("harbour-post-2", "Asia"),
        ("gang-example", "Asia"),
    ]
    assert len(skipped) == 2
    (tmp_path / "feeds.yaml").write_text(render(feeds))
    assert check(tmp_path) == []
    assert list(load(tmp_path)) == feeds


def test_names_that_look_like_yaml_stay_text(tmp_path: Path) -> None:
    outlines = "".join(
        f'<outline text="{name}" xmlUrl="https://{n}.example/"/>'
        for n, name in enumerate(["null", "12:30", "a: #b", "C:\\dir", "&quot;q&quot;&#10;x"])
    )
    feeds, _ = read_opml(f"<opml><body>{outlines}</body></opml>".encode(), "list.opml")
    (tmp_path / "feeds.yaml").write_text(render(feeds))
    assert [feed.source for feed in load(tmp_path)] == ["null", "12:30", "a: #b", "C:\\dir", '"q" x']


def test_a_list_in_another_encoding_is_read() -> None:
    document = '<?xml version="1.0" encoding="{}"?><opml><body><outline text="Größe" xmlUrl="https://a.example/?a=1&amp;b"/></body></opml>'
    for encoding in ("utf-16", "iso-8859-1", "windows-1252"):
        ((feed,), _) = read_opml(document.format(encoding).encode(encoding), "list.opml")
        assert (feed.source, feed.url) == ("Größe", "https://a.example/?a=1&b")


@pytest.mark.parametrize(
    "data",
    [
        b"no xml",
        b"<opml><body>",
        b'<!DOCTYPE o [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><opml><body><outline text="&b;"/></body></opml>',
        b'<?xml version="1.0" encoding="klingon"?><opml/>',
    ],
)
def test_what_is_no_opml_is_refused_with_its_place(data: bytes) -> None:
    with pytest.raises(ConfigError, match=r"list\.opml:1:\d+: error: not OPML"):
        read_opml(data, "list.opml")


def test_an_empty_list_is_valid_yaml(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(render([]))
    assert load(tmp_path) == ()


def test_what_is_exported_comes_back(tmp_path: Path) -> None:
    feeds = [
        Feed(id="quay", url="https://quay.example/rss?a=1&b=2", source='Quay "& <Post>', category="Ports & sea"),
        Feed(id="gang.1", url="https://gang.example/", source="港口", language="zh-Hant", category="Ports & sea"),
        Feed(id="crane", url="http://crane.example/", source="Crane"),
        Feed(id="dock", url="http://dock.example/", source="null", category="x"),
    ]
    assert read_opml(to_opml(feeds, "Ours & <theirs>").encode(), "list.opml") == (feeds, [])


TEXT = st.text(st.characters(exclude_categories=["Cs", "Co", "Cn"]), min_size=1, max_size=30).filter(
    lambda text: text.isprintable() and text == text.strip()
)


@given(st.lists(st.tuples(TEXT, TEXT | st.just("")), max_size=6))
def test_any_name_and_category_come_back(found: list[tuple[str, str]]) -> None:
    feeds = [
        Feed(id=f"f{n}", url=f"https://{n}.example/?q=%20&r", source=source, category=category)
        for n, (source, category) in enumerate(found)
    ]
    assert read_opml(to_opml(feeds, "t").encode(), "list.opml") == (feeds, [])


@given(st.text())
def test_no_text_makes_an_export_that_cannot_be_read(text: str) -> None:
    feed = Feed(id="f", url="https://f.example/", source=f"x{text}", category=text)
    ((back,), skipped) = read_opml(to_opml([feed], text).encode("utf-8", "surrogatepass"), "list.opml")
    assert (back.id, back.url, skipped) == ("f", "https://f.example/", [])


def test_ids_of_others_are_only_taken_if_they_are_good_and_free() -> None:
    outlines = "".join(
        f'<outline deskwatch:id="{id_}" language="{language}" text="Post" xmlUrl="https://{n}.example/"/>'
        for n, (id_, language) in enumerate([("a", "en"), ("a", "english!"), ("Not Good", ""), ("post-3", "")])
    )
    document = f'<opml xmlns:deskwatch="urn:deskwatch:opml"><body>{outlines}</body></opml>'
    feeds, _ = read_opml(document.encode(), "list.opml")
    assert [(feed.id, feed.language) for feed in feeds] == [("a", "en"), ("post", ""), ("post-2", ""), ("post-3", "")]


def test_a_feed_belongs_to_the_innermost_named_outline() -> None:
    document = (
        '<opml><body><outline text="Asia"><outline><outline text="Ports"><outline xmlUrl="https://a.example/"/></outline>'
        '<outline xmlUrl="https://b.example/"><outline xmlUrl="https://c.example/"/></outline></outline></outline>'
        '<outline xmlUrl="https://d.example/"/></body></opml>'
    )
    feeds, _ = read_opml(document.encode(), "list.opml")
    assert [feed.category for feed in feeds] == ["Ports", "Asia", "Asia", ""]


def test_what_cannot_be_taken_is_said_with_its_reason() -> None:
    document = (
        '<opml><body><outline type="rss" text="No address"/><outline text="A&#10;b" xmlUrl="javascript:alert(1)"/>'
        f'<outline text="Long" xmlUrl="https://x.example/{"x" * 3_000}"/><outline text="Folder"/></body></opml>'
    )
    feeds, skipped = read_opml(document.encode(), "list.opml")
    assert feeds == []
    assert skipped[0] == "'No address': it has no xmlUrl"
    assert skipped[1] == "'A b': 'javascript:alert(1)' is no http or https URL"
    assert len(skipped) == 3
    assert len(skipped[2]) < 300


def test_an_ampersand_that_nobody_escaped_is_taken_as_it_stands() -> None:
    document = (
        b'<opml><body><outline text="Quay & Crane&nbsp;" xmlUrl="https://a.example/?a=1&b=2&amp;c"/></body></opml>'
    )
    ((feed,), _) = read_opml(document, "list.opml")
    assert (feed.source, feed.url) == ("Quay & Crane&nbsp;", "https://a.example/?a=1&b=2&c")


def test_a_document_that_is_nearly_xml_is_read_as_it_was_meant() -> None:
    document = (
        '<?xml version="1.0"?>\n<opml><head><title>x</title></head><body>\n<outline text="Sea">\n'
        '<outline text="The "Quay" post" description="<p>By <a href="https://x.example/" rel="me">us</a> & them" '
        "xmlUrl='https://a.example/?a=1&amp;b=2' type=\"rss\" />\n"
        '<outline text="" description=""All" we know" xmlUrl="https://b.example/"/>\n</outline>\n'
        '<outline text="Crane&#233;&#xD800;" xmlUrl="https://c.example/"></outline></body></opml>'
    )
    feeds, skipped = read_opml(document.encode(), "list.opml")
    assert [(feed.source, feed.url, feed.category) for feed in feeds] == [
        ('The "Quay" post', "https://a.example/?a=1&b=2", "Sea"),
        ("b.example", "https://b.example/", "Sea"),
        ("Crane\u00e9\ufffd", "https://c.example/", ""),
    ]
    assert skipped == ["what could not be made out: the document is no XML from line 4 on"]


def test_hostile_documents_cost_little() -> None:
    began = process_time()
    deep = b"<opml><body>" + b'<outline text="">' * 50_000 + b'<outline xmlUrl="https://a.example/"/>' * 200
    assert len(read_opml(deep, "list.opml")[0]) == 1
    for piece in (b'<outline a="', b"<outline ", b' a="', b'"', b"'\" "):
        with pytest.raises(ConfigError, match="not OPML"):
            read_opml(b"<opml><outline " + piece * 30_000, "list.opml")
    with pytest.raises(ConfigError, match="larger than"):
        read_opml(b" " * (MAX_BYTES + 1), "list.opml")
    with pytest.raises(ConfigError, match="not OPML"):
        read_opml(b'<opml><body><outline text="a\x00b"/></body></opml>', "list.opml")
    assert process_time() - began < 3


def test_lists_of_strangers_are_read_without_exception(reference_data: Path) -> None:
    files = sorted((reference_data / "feeds" / "awesome-rss-feeds").rglob("*.opml"))
    if not files:
        pytest.skip(DATA_MISSING)
    count = 0
    for file in files:
        feeds, _ = read_opml(file.read_bytes(), file.name)
        assert feeds, file
        assert read_opml(to_opml(feeds, file.stem).encode(), file.name) == (feeds, []), file
        count += len(feeds)
    assert count > 1_000
