from __future__ import annotations

from pathlib import Path

import pytest

from deskwatch.errors import ConfigError
from deskwatch.feedrecords import Feed
from producers.feeds import config
from producers.feeds.adding import add_feeds, address, find_same, fresh_id, make_feed, sort_out

FILE = """# Ours.
feeds:
  # Agencies.
  - id: quay   # the first one
    url: https://quay.example/rss
    source: Quay
"""
NEW = Feed(id="crane", url="https://crane.example/feed?a=1&b=2", source="Crane: the paper", category="trade")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / config.FILE
    path.write_text(FILE)
    return path


def test_a_feed_is_appended_and_nothing_else_changes(file: Path) -> None:
    add_feeds(file, [NEW])
    assert file.read_text() == FILE + (
        "  - id: crane\n    url: https://crane.example/feed?a=1&b=2\n"
        '    source: "Crane: the paper"\n    category: trade\n'
    )
    assert [feed.id for feed in config.load(file.parent)] == ["quay", "crane"]
    assert list(file.parent.iterdir()) == [file]


def test_a_missing_file_is_made(tmp_path: Path) -> None:
    add_feeds(tmp_path / config.FILE, [NEW])
    assert [feed.url for feed in config.load(tmp_path)] == [NEW.url]


def test_what_would_not_load_is_refused_with_its_place_and_changes_nothing(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"feeds\.yaml:7:\d+: error: id 'Crane!'"):
        add_feeds(file, [Feed(id="Crane!", url=NEW.url, source="Crane")])
    with pytest.raises(ConfigError, match=r"id 'quay' is taken"):
        add_feeds(file, [NEW, Feed(id="quay", url="https://other.example/", source="Other")])
    assert file.read_text() == FILE
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    "before",
    [
        b"feeds:\n  - id: Quay\n    url: https://quay.example/\n    source: Quay\n",
        b"feeds:\n  quay: {}\n",
        b"feeds: [\n",
        b"- 1\n",
        "feeds:\n  - id: quay\n    url: https://quay.example/\n    source: Größe\n".encode("latin-1"),
        b"x: &feed {id: a, url: 'https://a.example/', source: A}\n",
        # its last feed stands elsewhere in the file, so the list's end is not where its text ends
        b"feeds:\n  - &a {id: a, url: 'https://a.example/', source: A}\n  - *a\n",
    ],
)
def test_a_file_that_is_wrong_already_stays_as_it_is(file: Path, before: bytes) -> None:
    file.write_bytes(before)
    with pytest.raises(ConfigError):
        add_feeds(file, [NEW])
    assert file.read_bytes() == before


def test_mode_and_link_of_the_file_are_kept(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    file.chmod(0o640)
    add_feeds(link, [NEW])
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert NEW.url in file.read_text()


def test_a_directory_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
        add_feeds(tmp_path / "none" / config.FILE, [NEW])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://Quay.example/rss", "https://quay.example/rss"),
        ("https://quay.example/rss/", "https://quay.example/rss"),
        ("https://quay.example:443/?b=2&a=1#x", "https://quay.example/?a=1&b=2"),
        ("https://quay.example/rss?utm_source=x", "https://quay.example/rss"),
    ],
)
def test_one_address_in_two_spellings_is_one_feed(one: str, other: str) -> None:
    assert address(one) == address(other)
    feed = Feed(id="a", url=one, source="A")
    assert find_same([feed], other) is feed


def test_other_paths_and_parameters_are_other_feeds() -> None:
    urls = ["https://quay.example/rss?id=1", "https://quay.example/rss?id=2", "https://quay.example/RSS"]
    assert len({address(url) for url in urls}) == 3


def test_ids_come_from_names_and_are_free() -> None:
    taken = {"quay-post"}
    assert fresh_id("Quay Post", "https://quay.example/", taken) == "quay-post-2"
    assert fresh_id("港口", "https://www.gang.example/", taken) == "gang-example"
    assert fresh_id("Größe & Zoë", "https://x.example/", taken) == "groe-zoe"
    assert fresh_id("x" * 500, "https://x.example/", taken) != fresh_id("x" * 500, "https://x.example/", taken)
    assert all(len(id_) <= 64 for id_ in taken)


def test_a_feed_is_made_of_what_was_found_and_what_was_asked_for() -> None:
    found = "https://quay.example:8443/rss"
    feed = make_feed(found, "https://quay.example:8443/", "Quay", [], category=" trade ")
    assert (feed.id, feed.source, feed.category, feed.ports) == ("quay", "Quay", "trade", (8443,))
    assert make_feed(found, "https://quay.example/", "Quay", []).ports == ()
    assert make_feed(found, found, "Quay", [feed]).id == "quay-2"
    named = make_feed(found, found, "", [], id_="q", source="")
    assert (named.id, named.source) == ("q", "quay.example")


def test_a_list_is_sorted_into_new_feeds_and_those_that_are_there() -> None:
    known = [Feed(id="quay", url="https://quay.example/rss", source="Quay")]
    found = [
        Feed(id="quay", url="https://quay.example/world", source="Quay"),
        Feed(id="quay-x", url="http://quay.example/rss/", source="Quay"),
        Feed(id="crane", url="https://crane.example/", source="Crane"),
        Feed(id="crane-2", url="http://crane.example", source="Crane"),
    ]
    new, skipped = sort_out(found, known)
    assert [(feed.id, feed.url) for feed in new] == [
        ("quay-2", "https://quay.example/world"),
        ("crane", "https://crane.example/"),
    ]
    assert len(skipped) == 2
    assert "as 'quay'" in skipped[0]
    assert "as 'crane'" in skipped[1]
