from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.labelled import MAX_CHARS, Labelled, join, read_items, read_labelled, read_labels
from deskwatch.errors import ConfigError


def write(path: Path, *lines: dict[str, Any] | str | bytes) -> Path:
    raw = [
        json.dumps(one).encode() if isinstance(one, dict) else one.encode() if isinstance(one, str) else one
        for one in lines
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    body = b"\n".join(raw) + b"\n"
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def problems_of(path: Path, read: Any = read_labelled) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(path)
    return [str(problem).removeprefix(f"{path}:") for problem in refused.value.problems]


def test_line_becomes_an_article_with_its_labels(tmp_path: Path) -> None:
    line = {
        "id": "a1",
        "title": "T",
        "text": "X",
        "themes": ["taiwan"],
        "unsure": ["tariffs"],
        "source": "S",
        "more": 1,
    }
    assert read_labelled(write(tmp_path / "gold.jsonl", line)) == [
        Labelled(
            id="a1",
            title="T",
            text="X",
            themes=frozenset({"taiwan"}),
            unsure=frozenset({"tariffs"}),
            source="S",
        )
    ]


@pytest.mark.parametrize("name", ["gold.jsonl", "gold.jsonl.gz"])
def test_mark_and_blank_lines_and_line_ends_do_not_matter_nor_does_gzip(tmp_path: Path, name: str) -> None:
    first = b'\xef\xbb\xbf{"id": 7, "summary": "S", "labels": []}\r'
    read = read_labelled(write(tmp_path / name, first, "", '{"id": "8", "text": "без названия", "themes": ["x"]}'))
    assert [(one.id, one.summary or one.text, set(one.themes)) for one in read] == [
        ("7", "S", set()),
        ("8", "без названия", {"x"}),
    ]


def test_every_bad_line_is_named_with_its_place_and_what_was_meant(tmp_path: Path) -> None:
    path = write(
        tmp_path / "gold.jsonl",
        {"id": "a", "title": "T", "theme": ["x"]},
        {"id": "b", "title": "T", "themes": "taiwan"},
        {"id": "c", "titel": "T", "themes": []},
        {"title": "T", "themes": []},
        "[1]",
        '{"id": "d", oops}',
        b"\x00\xff\xfe",
        {"id": "e", "title": ["T"], "themes": [1]},
        {"id": "f", "title": "T", "themes": ["x"], "unsure": ["x"]},
        {"id": "g", "title": "T", "themes": None},
        {"id": True, "title": "T", "themes": []},
    )
    assert problems_of(path) == [
        "1:1: error: key 'themes' is missing; is 'theme' it?",
        "2:1: error: 'themes': expected a list of theme ids, got text",
        "3:1: error: key 'title' or 'summary' or 'text' is missing; is 'titel' it?",
        "4:1: error: key 'id' is missing",
        "5:1: error: expected an object, got a list",
        "6:13: error: not JSON: JSON is malformed: object keys must be strings",
        "7:1: error: not JSON: JSON is malformed: invalid character",
        "8:1: error: 'themes': expected a list of theme ids, got one with a number in it",
        "8:1: error: 'title': expected text, got a list",
        "9:1: error: 'x' is among the themes and among the unsure ones",
        "10:1: error: key 'themes' is missing",
        "11:1: error: 'id': expected text, got true or false",
    ]


def test_same_id_again_is_a_problem_only_with_other_labels(tmp_path: Path) -> None:
    one = {"id": "a", "title": "T", "themes": ["x", "y"]}
    assert len(read_labelled(write(tmp_path / "same.jsonl", one, {**one, "themes": ["y", "x"]}))) == 1
    other = write(tmp_path / "other.jsonl", one, {**one, "themes": ["y"]}, {**one, "unsure": ["z"]})
    assert problems_of(other) == [f"{line}:1: error: 'a' has other labels than in line 1" for line in (2, 3)]


@pytest.mark.parametrize("cut", [5, 40])
def test_cut_or_foreign_gzip_and_missing_file_are_named(tmp_path: Path, cut: int) -> None:
    whole = write(tmp_path / "whole.jsonl.gz", {"id": "a", "title": "T" * 500, "themes": []}).read_bytes()
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole[:cut])
    assert "1:1: error: not gzip, or cut off" in problems_of(path)[0]
    path.write_bytes(whole[:14] + bytes(255 - byte for byte in whole[14:30]) + whole[30:])
    assert "not gzip, or cut off" in problems_of(path)[0]
    path.write_bytes(b"plain text")
    assert "not gzip, or cut off" in problems_of(path)[0]
    assert problems_of(tmp_path / "none.jsonl") == ["1:1: error: cannot be read: No such file or directory"]


def test_endless_line_is_passed_over_and_the_next_one_read(tmp_path: Path) -> None:
    path = write(tmp_path / "gold.jsonl.gz", b"x" * (17 * 1024 * 1024), "{}")
    assert [line.partition(" ")[0] for line in problems_of(path)] == ["1:1:", "2:1:"]


def test_labels_need_no_text_and_items_no_labels(tmp_path: Path) -> None:
    assert read_labels(write(tmp_path / "labels.jsonl", {"id": "a", "themes": ["x"]}))[0].themes == {"x"}
    assert read_items(write(tmp_path / "items.jsonl", {"id": "a", "title": "T", "labels": "of another kind"}))[0].id
    assert "key 'title' or 'summary' or 'text' is missing" in problems_of(tmp_path / "labels.jsonl", read_items)[0]
    assert "key 'themes' is missing" in problems_of(write(tmp_path / "x.jsonl", {"id": "a"}), read_labels)[0]


def test_join_takes_the_first_file_that_has_the_text_and_names_ids_without_one(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.jsonl", "broken", {"id": "one"}, {"id": 2, "title": "Two", "text": "x" * 9_000})
    later = [{"id": "one", "title": "One", "source": "S"}, {"id": "2", "title": "!"}, {"id": "own", "title": "Theirs"}]
    write(tmp_path / "data" / "b" / "c.jsonl.gz", *later, {"id": "lead", "summary": "A lead (long)", "text": "T"})
    (tmp_path / "data" / "z.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / "data" / "one.txt").write_text("not looked at")
    labels = [
        Labelled(id="2", themes=frozenset({"x"})),
        Labelled(id="none"),
        Labelled(id="one", unsure=frozenset({"y"})),
        Labelled(id="own", title="Its own"),
        Labelled(id="lead"),
    ]
    joined, missing = join(labels, tmp_path / "data")
    assert missing == ["none"]
    assert [(one.id, one.title, len(one.text), one.source) for one in joined] == [
        ("2", "Two", MAX_CHARS, ""),
        ("one", "One", 0, "S"),
        ("own", "Its own", 0, ""),
        ("lead", "", 1, ""),
    ]
    assert joined[0].themes == {"x"}
    assert joined[1].unsure == {"y"}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Ministers meet (again) in Oslo. (The Wire)", "Ministers meet (again) in Oslo."),
        ("Ministers meet. (The Wire) (Le Fil)", "Ministers meet."),
        ("Ministers meet.", "Ministers meet."),
        ("(The Wire)", "(The Wire)"),
    ],
)
def test_article_without_title_is_titled_by_its_text_without_the_source(tmp_path: Path, text: str, title: str) -> None:
    write(tmp_path / "bullets.jsonl", {"id": "w", "text": text})
    (joined,), _ = join([Labelled(id="w")], tmp_path)
    assert (joined.title, joined.text) == (title, "")


@given(st.binary(max_size=200))
def test_any_bytes_are_articles_or_problems_never_another_error(tmp_path_factory: Any, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "any.jsonl"
    path.write_bytes(raw)
    with suppress(ConfigError):
        read_labelled(path)
    assert join([Labelled(id="a")], path.parent)[1] in (["a"], [])


def test_every_id_of_the_reference_labels_has_a_text_in_the_reference_data(reference_data: Path) -> None:
    gold = read_labelled(reference_data / "gold" / "dev.jsonl")
    joined, missing = join([Labelled(id=one.id, themes=one.themes) for one in gold], reference_data)
    assert missing == []
    assert [one.themes for one in joined] == [one.themes for one in gold]
