from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch import configfile
from deskwatch.errors import ConfigError
from deskwatch.feedrecords import Feed
from producers.feeds.editing import append, render

A = Feed(id="a", url="https://a.example/", source="A")
ITEM = "  - id: q\n    url: https://q.example/\n    source: Q\n"


def data_of(text: str) -> list[dict[str, object]]:
    document, problems = configfile.parse(text.encode(), "feeds.yaml")
    assert problems == []
    found: list[dict[str, object]] = document.data["feeds"]
    return found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "feeds:\n  - id: a\n    url: https://a.example/\n    source: A\n"),
        ("# only this", "# only this\nfeeds:\n  - id: a\n    url: https://a.example/\n    source: A\n"),
        ("feeds: []  # none yet\n", "feeds:  # none yet\n  - id: a\n    url: https://a.example/\n    source: A\n"),
        (
            "feeds:\ndomains: {}\n",
            "feeds:\n  - id: a\n    url: https://a.example/\n    source: A\ndomains: {}\n",
        ),
        (
            f"feeds:\n{ITEM}\n# of all\ndomains:\n  q.example: {{wire: true}}\n",
            f"feeds:\n{ITEM}  - id: a\n    url: https://a.example/\n    source: A\n"
            "\n# of all\ndomains:\n  q.example: {wire: true}\n",
        ),
        (
            "feeds:\n-   id: q\n    source: Q # last\n# end",
            "feeds:\n-   id: q\n    source: Q # last\n-   id: a\n    url: https://a.example/\n    source: A\n# end",
        ),
        ("feeds:\n- id: q", "feeds:\n- id: q\n- id: a\n  url: https://a.example/\n  source: A\n"),
        (
            "feeds:\n  - id: p\n\n  - id: q\n",
            "feeds:\n  - id: p\n\n  - id: q\n\n  - id: a\n    url: https://a.example/\n    source: A\n",
        ),
        (
            "feeds:\r\n  - id: q\r\n",
            "feeds:\r\n  - id: q\r\n  - id: a\r\n    url: https://a.example/\r\n    source: A\r\n",
        ),
        ("feeds:\n  - id: q\n    source:\n\n# c\n", "feeds:\n  - id: q\n    source:\n"),
        (
            '{"feeds": [{"id": "q"}]}',
            '{"feeds": [{"id": "q"}, {"id": "a", "url": "https://a.example/", "source": "A"}]}',
        ),
        ('{"feeds": []}', '{"feeds": [{"id": "a", "url": "https://a.example/", "source": "A"}]}'),
        ("\ufefffeeds:\n  - id: q\n", "\ufefffeeds:\n  - id: q\n  - id: a\n"),
    ],
)
def test_a_feed_goes_to_the_end_of_the_list_in_its_style(before: str, after: str) -> None:
    text = append(before, [A], "feeds.yaml")
    if before.endswith("# c\n"):  # a key left empty: all that matters is that it stays so
        assert data_of(text) == [{"id": "q", "source": None}, {"id": "a", "url": A.url, "source": "A"}]
    else:
        assert text.startswith(after)
        assert data_of(text)[-1] == {"id": "a", "url": A.url, "source": "A"}


def test_the_shipped_file_keeps_every_line(pytestconfig: pytest.Config) -> None:
    before = (Path(pytestconfig.rootpath) / "config" / "feeds.yaml").read_text()
    after = append(before, [A], "feeds.yaml")
    added = "  - id: a\n    url: https://a.example/\n    source: A\n"
    assert after.replace(added, "", 1) == before
    assert data_of(after) == [*data_of(before), {"id": "a", "url": A.url, "source": "A"}]


@pytest.mark.parametrize("text", ["feeds: {}\n", "- 1\n", "feeds: [\n", "\x00", "words\n"])
def test_what_holds_no_list_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"feeds\.yaml:1"):
        append(text, [A], "feeds.yaml")


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Co", "Cn", "Zl", "Zp"]), min_size=1, max_size=30).filter(
    lambda text: text.isprintable()
)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_any_text_comes_back_as_it_was(found: list[tuple[str, str]]) -> None:
    feeds = [Feed(id=f"f{n}", url=A.url, source=source, category=more) for n, (source, more) in enumerate(found)]
    wanted = [{"id": f"f{n}", "url": A.url, "source": s, "category": m} for n, (s, m) in enumerate(found)]
    assert data_of(render(feeds)) == wanted
    assert data_of(append("feeds:\n  - id: q\n", feeds, "feeds.yaml"))[1:] == wanted
    assert data_of(append("{feeds: [{id: q}]}", feeds, "feeds.yaml"))[1:] == wanted


@given(st.text(max_size=20))
def test_hostile_names_never_break_the_file(source: str) -> None:
    (entry,) = data_of(append("", [Feed(id="f", url=A.url, source=f"x{source}")], "feeds.yaml"))
    assert set(entry) == {"id", "url", "source"}


def test_plain_words_stay_unquoted_and_words_of_yaml_do_not() -> None:
    def written(text: str) -> str:
        return append("", [Feed(id="f", url=A.url, source=text)], "").splitlines()[-1].strip()

    assert written("Harbour Post") == "source: Harbour Post"
    assert written("Größe, 港口") == "source: Größe, 港口"
    for text in ("null", "Yes", "12:30", "a: b", "a #b", "- x", "*x", "1e5", "x:", "'q'"):
        assert written(text) == f'source: "{text}"'


def test_no_feeds_are_an_empty_list() -> None:
    assert data_of(render([])) == []
