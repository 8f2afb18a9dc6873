from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.definition import Figure, Measured
from classifiers.evaluating import evaluate
from classifiers.labelled import Labelled
from classifiers.measured import data_hash, measured_in, with_measured, write_measured
from deskwatch.configfile import convert, parse
from deskwatch.errors import ConfigError

FIGURE = Figure(value=0.9, low=0.8, high=0.95)
MEASURED = Measured(
    precision=FIGURE,
    recall=Figure(value=1.0, low=1.0, high=1.0),
    f1=FIGURE,
    articles=780,
    positives=41,
    date="2026-11-25",
    data="sha256:0123456789012345",
    classifier="terms-12e4567890ab",
)
NEWER = Measured(
    precision=FIGURE,
    recall=FIGURE,
    f1=FIGURE,
    articles=1_560,
    positives=80,
    date="2026-12-01",
    data="12345",
    classifier="null",
)
BLOCK = """\
measured: # written by `deskwatch model evaluate --write`
  precision: {value: 0.9, low: 0.8, high: 0.95}
  recall: {value: 1.0, low: 1.0, high: 1.0}
  f1: {value: 0.9, low: 0.8, high: 0.95}
  articles: 780
  positives: 41
  date: 2026-11-25
  data: "sha256:0123456789012345"
  classifier: "terms-12e4567890ab"
"""
THEME = """\
# Ours since May.
title:   'Arctic'   # not polar bears
terms:
  en: {strong: [Arctic]}

# the end
"""
PARTS = [
    "title: Arctic",
    "# a remark",
    "",
    "definition: >-\n  Of the\n  north.",
    "terms:\n  en:\n    strong: [Arctic, 'x']  # more\n  # nothing else\n  zh: {strong: [北极]}",
    "words: {a: [b,\n    c]}",
    "note: |\n  kept\n\n  as it is",
    "empty:",
    "  # indented remark",
    "must_match:\n- one\n- two",
]


def written(text: str, measured: Measured = MEASURED) -> str:
    return with_measured(text.encode(), measured, "theme.yaml").decode()


def read(text: str) -> Measured | None:
    document, problems = parse(text.encode(), "theme.yaml")
    assert problems == []
    measured, problems = convert(document, Measured, at=("measured",))
    assert problems == []
    return measured


def test_block_is_put_at_the_end() -> None:
    assert written(THEME) == THEME + "\n" + BLOCK


def test_block_is_replaced_where_it_stands_and_nothing_else() -> None:
    old = "title: A\nmeasured: {f1: 1,\n  date: x}  # old\n\n# about the terms\nterms: {}\n"
    assert written(old) == f"title: A\n{BLOCK}\n# about the terms\nterms: {{}}\n"
    assert written("measured:\n# remark\ntitle: A\n") == f"{BLOCK}# remark\ntitle: A\n"
    assert written("title: A\nmeasured:") == f"title: A\n{BLOCK}".rstrip()


def test_same_figures_again_change_nothing_and_others_only_the_block() -> None:
    once = written(THEME)
    assert written(once) == once
    again = written(once, NEWER)
    assert again.startswith(THEME + "\nmeasured:")
    assert read(again) == NEWER
    assert written(again) == once


def test_line_ends_mark_indentation_and_missing_last_line_end_are_kept() -> None:
    assert written("title: A\r\nterms: {}") == "title: A\r\nterms: {}\r\n\r\n" + BLOCK.replace("\n", "\r\n")
    marked = written("\ufefftitle: A\n")
    assert marked == "\ufefftitle: A\n\n" + BLOCK
    assert written(marked, NEWER).startswith("\ufefftitle: A\n\nmeasured:")
    indented = written("  title: A\n  terms: {}\n")
    assert indented.endswith("\n  measured:" + BLOCK.removeprefix("measured:").replace("\n", "\n  ").rstrip() + "\n")
    assert read(written(indented, NEWER)) == NEWER


def test_figures_are_rounded_to_three_digits() -> None:
    third = Figure(value=1 / 3, low=0.1, high=2 / 3)
    new = Measured(
        precision=third, recall=third, f1=third, articles=1, positives=1, date="2026-01-01", data="x", classifier="y"
    )
    assert "f1: {value: 0.333, low: 0.1, high: 0.667}" in written("title: A\n", new)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{title: A}\n", "write it as 'key: value' lines"),
        (b"", "write it as 'key: value' lines"),
        (b"- a\n", "write it as 'key: value' lines"),
        (b"title: A\n...\n", "as the last key"),
        (b"title: |+\n  kept\n\n", "as the last key"),
        (b"title: &a {x: 1}\nmeasured: &b {y: 1}\nother: *b\n", "as the last key"),
        (b"title: [\n", "not YAML"),
        (b"title: A\ntitle: B\n", "duplicate key 'title'"),
        ("title: Ä\n".encode("utf-16"), "it is not UTF-8"),
        (b"\x00\xff", "not YAML"),
    ],
)
def test_file_in_which_the_block_has_no_place_is_refused_and_left_alone(tmp_path: Path, raw: bytes, says: str) -> None:
    path = tmp_path / "theme.yaml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError, match=says):
        write_measured(path, MEASURED)
    assert path.read_bytes() == raw
    assert list(tmp_path.iterdir()) == [path]


def test_alias_as_old_value_costs_nothing_but_itself() -> None:
    assert written("title: &a {x: 1}\nmeasured: *a\nmore: 1\n") == "title: &a {x: 1}\n" + BLOCK + "more: 1\n"


def test_file_is_replaced_as_a_whole_through_a_link_and_keeps_its_rights(tmp_path: Path) -> None:
    path, link = tmp_path / "theme.yaml", tmp_path / "link.yaml"
    path.write_text(THEME)
    path.chmod(0o640)
    link.symlink_to(path)
    write_measured(link, MEASURED)
    assert link.is_symlink()
    assert path.read_text() == THEME + "\n" + BLOCK
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(tmp_path.iterdir()) == [link, path]
    inode = path.stat().st_ino
    write_measured(path, MEASURED)
    assert path.stat().st_ino == inode  # nothing to write


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: No such file"):
        write_measured(tmp_path / "none.yaml", MEASURED)


@given(
    st.lists(st.sampled_from(PARTS), unique=True, min_size=1),
    st.lists(st.sampled_from(PARTS), unique=True),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_every_other_byte_stays(before: list[str], after: list[str], newline: str, ends: bool) -> None:
    parts = [*before, "measured:\n  f1: {value: 1}\n  # inside\n  date: x", *(p for p in after if p not in before)]
    text = "\n".join(parts).replace("\n", newline) + (newline if ends else "")
    if parse(text.encode(), "f")[1]:
        return
    block = BLOCK.rstrip().replace("\n", newline)
    head, tail = "\n".join(before).replace("\n", newline), "\n".join(parts[len(before) + 1 :]).replace("\n", newline)
    expected = newline.join([head, block, *([tail] if len(parts) > len(before) + 1 else [])])
    assert written(text) == expected + (newline if ends else "")


def test_hash_of_data_knows_contents_not_names_or_order(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    one.write_text("1")
    two.write_text("2")
    three.write_text("1")
    assert data_hash([one, two]) == data_hash([two, three])
    assert data_hash([one]) != data_hash([two]) != data_hash([one, two])
    assert data_hash([one]).startswith("sha256:")
    assert len(data_hash([one])) == len("sha256:") + 16


def test_report_gives_what_was_measured_of_its_first_variant() -> None:
    gold = [Labelled(id="1", title="t", themes=frozenset({"a", "b"})), Labelled(id="2", title="t")]
    report = evaluate(gold, {"it": [{"a"}, set()], "other": [set(), set()]}, ["a", "b", "c"])
    measured = measured_in(report, date="2026-11-25", data="sha256:1", classifier="it-1")
    assert set(measured) == {"a", "b"}
    assert measured["a"].f1.value == 1
    assert measured["b"].precision == Figure(value=0, low=0, high=0)
    assert (measured["a"].articles, measured["a"].positives, measured["a"].classifier) == (2, 1, "it-1")
