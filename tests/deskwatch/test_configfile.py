from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch import configfile
from deskwatch.configfile import Problem, nearest


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    weight: float = 1.0
    colour: Colour = Colour.RED


class Tree(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    count: Annotated[int, msgspec.Meta(ge=0)] = 0
    on: bool = False
    mode: Literal["fast", "slow"] = "fast"
    leaves: list[Leaf] = []
    terms: dict[str, float] = {}
    note: str | None = None
    at: str = ""


GOOD = """\
title: Oak
count: 3
on: true
mode: slow
leaves:
  - name: first
    weight: 2
  - {name: second, colour: green}
terms:
  acorn: 1.5
note: null
at: 22:00
"""


def read(text: str) -> tuple[Tree | None, list[str]]:
    document, problems = configfile.parse(text.encode(), "tree.yaml")
    tree, found = configfile.convert(document, Tree)
    return tree, [str(problem) for problem in problems + found]


def test_good_file_is_read_whole() -> None:
    assert read(GOOD) == (
        Tree(
            title="Oak",
            count=3,
            on=True,
            mode="slow",
            leaves=[Leaf("first", 2.0), Leaf("second", colour=Colour.GREEN)],
            terms={"acorn": 1.5},
            at="22:00",
        ),
        [],
    )


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("count: 3", "conut: 3", "2:1", "unknown key 'conut' (did you mean 'count'?)"),
        ("    weight: 2", "    wieght: 2", "7:5", "unknown key 'wieght' (did you mean 'weight'?)"),
        ("colour: green", "color: green", "8:20", "unknown key 'color' (did you mean 'colour'?)"),
        ("colour: green", "colour: gren", "8:28", "'gren' is none of red, green (did you mean 'green'?)"),
        ("mode: slow", "mode: slwo", "4:7", "'slwo' is none of fast, slow (did you mean 'slow'?)"),
        ("count: 3", "count: three", "2:8", "expected a whole number, got 'three'"),
        ("count: 3", "count: 3.5", "2:8", "expected a whole number, got '3.5'"),
        ("count: 3", "count: true", "2:8", "expected a number, got 'true'"),
        ("on: true", "on: yes", "3:5", "expected true or false, got 'yes'"),
        ("title: Oak", "title: 7", "1:8", "expected text, got '7'"),
        ("title: Oak", "title:", "1:1", "expected text, got nothing"),
        ("title: Oak", "title: [Oak]", "1:8", "expected text, got a list"),
        ("note: null", "note: 7", "11:7", "expected text, got '7'"),
        ("acorn: 1.5", "acorn: much", "10:10", "expected a number, got 'much'"),
        ("  - name: first", "  - nam: first", "6:5", "unknown key 'nam' (did you mean 'name'?)"),
        ("  - {name: second, colour: green}", "  - second", "8:5", "expected a mapping, got 'second'"),
        ("title: Oak\n", "", "1:1", "key 'title' is missing"),
        ("on: true", "count: 4", "3:1", "duplicate key 'count'"),
        ("on: true", "on: [", "3:5", "not YAML: this [ is not closed on its line"),
        ("on: true", "on: &a [*a]", "3:9", "expands without end"),
        ("on: true", "? [a, b]\n: 1", "3:3", "a key must be a word"),
        ("on: true", "on: *nowhere", "3:5", "not YAML"),
        ("on: true", "on: true\n\ttab: 1", "4:1", "not YAML"),
    ],
)
def test_mistake_is_reported_at_its_line_and_column(old: str, new: str, place: str, said: str) -> None:
    assert old in GOOD
    _, problems = read(GOOD.replace(old, new, 1))
    assert problems
    assert problems[0].startswith(f"tree.yaml:{place}: error: ")
    assert any(said in problem for problem in problems), problems


def test_number_out_of_bounds_is_refused() -> None:
    tree, problems = read(GOOD.replace("count: 3", "count: -3"))
    assert tree is None
    assert len(problems) == 1


def test_all_mistakes_are_reported_at_once() -> None:
    text = GOOD.replace("count: 3", "count: x").replace("mode: slow", "mode: x").replace("acorn: 1.5", "acorn: x")
    _, problems = read(text)
    assert [problem.split(":")[1] for problem in problems] == ["2", "4", "10"]


@pytest.mark.parametrize("text", ["no", "on", "22:00", "1e5x", "2026-01-02", "0123abc", "~tilde"])
def test_words_stay_words(text: str) -> None:
    tree, problems = read(f"title: {text}\n")
    assert problems == []
    assert tree is not None
    assert tree.title == text


def test_quoted_numbers_are_text_and_other_numbers_are_not() -> None:
    assert read("title: '7'\n")[1] == []
    assert read("title: 7\n")[1] != []


@given(st.sampled_from(GOOD.splitlines()[:4] + GOOD.splitlines()[-2:]), st.integers(0, 5), st.integers(0, 3))
def test_unknown_key_is_found_wherever_it_stands(before: str, blank: int, comments: int) -> None:
    filler = "\n" * blank + "# a comment\n" * comments
    text = GOOD.replace(before + "\n", f"{before}\n{filler}zzz: 1\n")
    line = text.splitlines().index("zzz: 1") + 1
    known = "title, count, on, mode, leaves, terms, note, at"
    assert read(text)[1] == [f"tree.yaml:{line}:1: error: unknown key 'zzz': known are {known}"]


@given(st.binary(max_size=200) | st.text(alphabet="abc:-[]{}&*#!|>'\"\n\t ?,%@`0", max_size=60).map(str.encode))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    document, problems = configfile.parse(raw, "f")
    tree, found = configfile.convert(document, Tree)
    assert problems or found or isinstance(tree, Tree)
    for problem in problems + found:
        assert problem.line >= 1
        assert problem.column >= 1


@pytest.mark.parametrize(
    "raw",
    [
        b"a: " + b"[" * 400,
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"b%d: &%c [%s]\n" % (i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9)),
        b"\x00",
        b"a: \xff",
        "\ufeffa: \ufffe".encode("utf-16"),
        b"%YAML 9.9\n---\na: 1",
        b"a: 1\n---\nb: 2\n",
        b"!!python/object/apply:os.system ['true']",
        b"a: 0x\nb: 0b\nc: .inf\nd: 1_000\n",
        b"1: 2\n",
    ],
    ids=[
        "deep",
        "billion laughs",
        "nul",
        "no utf-8",
        "utf-16",
        "version",
        "two documents",
        "tag",
        "numbers",
        "int key",
    ],
)
def test_hostile_file_is_an_answer_not_a_crash(raw: bytes) -> None:
    document, _ = configfile.parse(raw, "f")
    configfile.convert(document, Tree)


def test_unreadable_and_huge_files_are_problems(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        _, (problem,) = configfile.load(path)
        assert "cannot be read" in problem.message
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(11 * 1024 * 1024)
    _, (problem,) = configfile.load(huge)
    assert "is larger than" in problem.message


def test_problem_reads_like_a_compilers() -> None:
    assert str(Problem("a.yaml", 3, 7, "unknown key 'x'", "y")) == (
        "a.yaml:3:7: error: unknown key 'x' (did you mean 'y'?)"
    )


@pytest.mark.parametrize(("word", "known", "found"), [("tawian", ["taiwan", "tariffs"], "taiwan"), ("qqq", ["a"], "")])
def test_nearest_word(word: str, known: list[str], found: str) -> None:
    assert nearest(word, known) == found
