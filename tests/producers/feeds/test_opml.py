from __future__ import annotations

from pathlib import Path

import pytest

from deskwatch.errors import ConfigError
from producers.feeds.config import check, load
from producers.feeds.opml import read_opml, to_yaml

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
    (tmp_path / "feeds.yaml").write_text(to_yaml(feeds))
    assert check(tmp_path) == []
    assert list(load(tmp_path)) == feeds


def test_names_that_look_like_yaml_stay_text(tmp_path: Path) -> None:
    outlines = "".join(
        f'<outline text="{name}" xmlUrl="https://{n}.example/"/>'
        for n, name in enumerate(["null", "12:30", "a: #b", "C:\\dir", "&quot;q&quot;&#10;x"])
    )
    feeds, _ = read_opml(f"<opml><body>{outlines}</body></opml>".encode(), "list.opml")
    (tmp_path / "feeds.yaml").write_text(to_yaml(feeds))
    assert [feed.source for feed in load(tmp_path)] == ["null", "12:30", "a: #b", "C:\\dir", '"q" x']


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
    (tmp_path / "feeds.yaml").write_text(to_yaml([]))
    assert load(tmp_path) == ()
