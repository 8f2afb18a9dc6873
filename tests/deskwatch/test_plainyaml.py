from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from deskwatch.nodes import FaultError, compose
from deskwatch.plainyaml import read_plain
from deskwatch.yamltree import Node

ROOT = Path(__file__).parents[2]

WORDS = ("a", "key", "no", "1.5", "22:00", "a b", "x#y", "é", "mon-fri", "https://a.b/c", "a:", ":b", "-1", "- x", "")
SIGNS = ("'a'", '"#b"', "'it''s'", '"\\n"', "[]", "{}", "[a, b]", "{a: b}", "{a: [b, {c: d}]}", "[a", "b}", "[a,]")
MARKS = ("- ", "-", ": ", ":", "? ", "# c", " # c", "#", "&a ", "*a", "!t ", "|", ">", "%", "@", ",", "~", "---", "\t")
STARTS = ("", "  ", "    ", " ", "- ", "  - ", "- - ")
piece = st.sampled_from(WORDS + SIGNS + MARKS)
likely = st.tuples(
    st.sampled_from(STARTS), st.sampled_from(("key: ", "other: ", "key:", "a: ", "")), st.sampled_from(WORDS + SIGNS)
).map("".join)
wild = st.lists(piece, max_size=5).map("".join)
scalar = st.sampled_from(("a", "no", "7", '"#a: b"', "'x'", "a b", "2026-01-01", "a/b", "café"))
inner = st.recursive(
    scalar,
    lambda child: (
        st.lists(child, max_size=3).map(lambda found: f"[{', '.join(found)}]")
        | st.dictionaries(st.sampled_from(("a", "b_c", "d-e")), child, max_size=3).map(
            lambda found: "{" + ", ".join(f"{name}: {value}" for name, value in found.items()) + "}"
        )
    ),
    max_leaves=6,
)


def as_ruamel(text: str) -> Node | None:
    """Return ruamel.yaml's tree, or None where it refuses the text."""
    try:
        return compose(text)
    except (YAMLError, FaultError, ValueError):
        return None


@settings(max_examples=600)
@given(st.lists(likely | likely | likely | wild, min_size=1, max_size=8).map("\n".join))
def test_what_is_read_quickly_is_what_ruamel_reads(text: str) -> None:
    quick = read_plain(text)
    assert quick is None or quick == as_ruamel(text)


@given(st.text(alphabet="ab:-[]{}#'\" \n,&*", max_size=40))
def test_no_text_is_read_quickly_that_ruamel_reads_otherwise(text: str) -> None:
    quick = read_plain(text)
    assert quick is None or quick == as_ruamel(text)


@given(st.lists(st.tuples(st.sampled_from(("", "# c\n", "\n")), inner), min_size=1, max_size=4), st.booleans())
def test_everyday_files_are_read_quickly(entries: list[tuple[str, str]], is_indented: bool) -> None:
    space = "  " if is_indented else ""
    text = "top:\n" + "".join(f"{gap}{space}- name: x  # why\n{space}  value: {value}\n" for gap, value in entries)

    quick = read_plain(text)

    assert quick is not None
    assert quick == as_ruamel(text)


@pytest.mark.parametrize("path", [*sorted((ROOT / "config").rglob("*.y*ml"))], ids=lambda path: path.name)
def test_shipped_files_read_alike(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    quick = read_plain(text)
    assert quick is None or quick == as_ruamel(text)


def test_the_shipped_subscriptions_are_in_the_subset() -> None:
    assert read_plain((ROOT / "config" / "subscriptions" / "example.yaml").read_text(encoding="utf-8")) is not None
