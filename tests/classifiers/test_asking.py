from __future__ import annotations

import io
import itertools
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from classifiers.asking import Review, Tally, harmless, present
from classifiers.corrections import corrected, current, read
from classifiers.definition import Theme
from classifiers.labelled import Item
from classifiers.reviewing import Question
from deskwatch.errors import ConfigError
from deskwatch.records import Evidence

AT = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
THEMES = {"taiwan": Theme(title="Taiwan", definition="Not its weather.", terms={}, must_match=(), must_not_match=())}


def question(id_: str = "a1", title: str = "Taipei votes", **fields: Any) -> Question:
    article = Item(id=id_, title=title, text=fields.pop("text", ""))
    evidence = fields.pop("evidence", ())
    return Question(
        article=article,
        theme=fields.pop("theme", "taiwan"),
        terms_score=1.02,
        model_probability=fields.pop("probability", 0.12),
        evidence=evidence,
        worth=1,
    )


def found(term: str, start: int, end: int, field: str = "title") -> Evidence:
    return Evidence(term=term, field=field, start=start, end=end, weight=1.02)


class Reader:
    """Somebody at the keyboard; when the keys have run out, the terminal is gone."""

    def __init__(self, keys: Iterable[str], path: Path) -> None:
        self._keys = iter(keys)
        self._path = path
        self.lines: list[int] = []  # in the file, at each key

    def __call__(self) -> str:
        self.lines.append(self._path.read_bytes().count(b"\n") if self._path.exists() else 0)
        key = next(self._keys, None)
        if key is None:
            raise EOFError
        return key


def walk(path: Path, keys: str | list[str], questions: list[Question]) -> tuple[Tally, str, Reader]:
    out = io.StringIO()
    reader = Reader(keys, path)
    console = Console(file=out, width=100, force_terminal=False)
    review = Review(questions, path, by="ana", clock=lambda: AT, console=console, themes=THEMES, read_key=reader)
    return review.run(), out.getvalue(), reader


def answers(path: Path) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(one.correction.id, one.correction.is_, one.correction.not_) for one in current(read(path)[0])]


def test_each_answer_is_in_the_file_before_the_next_question(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    tally, _, reader = walk(path, "ysn", [question("a"), question("b"), question("c"), question("d")])
    assert tally == Tally(yes=1, no=1, skipped=1, left=1)
    assert reader.lines == [0, 1, 1, 2]
    assert answers(path) == [("a", ("taiwan",), ()), ("c", (), ("taiwan",))]
    first = read(path)[0][0].correction
    assert (first.title, first.by, first.at, first.note) == ("Taipei votes", "ana", AT, "review")


@pytest.mark.parametrize("end", ["q", "Q", "\x03", "\x04"])
def test_walk_ends_at_a_key_and_other_keys_do_nothing(tmp_path: Path, end: str) -> None:
    path = tmp_path / "corrections.jsonl"
    tally, _, _ = walk(path, [*"x?", "\x1b[A", "Y", end, "y"], [question("a"), question("b")])
    assert tally == Tally(yes=1, left=1)
    assert answers(path) == [("a", ("taiwan",), ())]


def test_undo_goes_back_and_withdraws(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    tally, text, _ = walk(path, "uyunsuuy", [question("a"), question("b")])
    assert "This is the first question." in text
    assert "That was the last question." in text
    assert answers(path) == [("a", ("taiwan",), ())]
    assert tally == Tally(yes=1, left=1)
    assert walk(path, "nynq", [question("d")])[0] == Tally(no=1)
    walk(path, "yu", [question("c")])
    assert ("c", "taiwan") not in corrected(read(path)[0])
    lines = path.read_bytes()
    walk(path, "sus", [question("e"), question("f")])
    assert path.read_bytes() == lines  # a skipped question has nothing to withdraw


def test_answer_that_cannot_be_written_ends_the_walk(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        walk(tmp_path / "none" / "corrections.jsonl", "y", [question()])


def test_empty_queue_asks_nothing(tmp_path: Path) -> None:
    tally, text, _ = walk(tmp_path / "corrections.jsonl", "y", [])
    assert (tally, text) == (Tally(), "")


def test_question_shows_article_terms_both_opinions_and_what_the_theme_means() -> None:
    shown = present(question(evidence=(found("Taipei", 0, 6),)), THEMES, 3, 40)
    assert shown.plain == (
        "\n3/40  a1\nTaipei votes\n\nterms say yes: 1.02 of 1 (Taipei +1.02 in title)\nmodel says: 12% likely\n"
        "Is it about Taiwan?\nNot its weather.\n"
    )
    assert [shown.plain[span.start : span.end] for span in shown.spans if span.style == "reverse"] == ["Taipei"]
    assert "no model of this theme" in present(question(probability=None, theme="own"), THEMES, 1, 1).plain


def test_long_text_is_shown_from_its_first_term_on_with_the_terms_in_place() -> None:
    text = "x" * 50_000 + " Taipei " + "y" * 50_000
    shown = present(question(text=text, evidence=(found("Taipei", 50_001, 50_007, "text"),)), THEMES, 1, 1)
    assert len(shown.plain) < 2_500
    assert [shown.plain[span.start : span.end] for span in shown.spans if span.style == "reverse"] == ["Taipei"]


def test_evidence_that_points_nowhere_does_no_harm() -> None:
    wild = (found("a", 90_000, 90_005), found("b", 0, 0, "model"), found("c", 3, 90_000, "text"))
    assert "Taipei votes" in present(question(evidence=wild), THEMES, 1, 1).plain


def test_hostile_title_reaches_the_terminal_as_harmless_characters(tmp_path: Path) -> None:
    title = "a\x1b[2J\x1b]0;owned\x07\r\x9b31m\u202eevil\u2066 [bold]x[/bold] :smile: \ud800\u2028z"
    _, text, _ = walk(tmp_path / "c.jsonl", "q", [question(title=title, id_="\x1b[31m")])
    assert all(char == "\n" or char.isprintable() for char in text)
    assert "a␛[2J␛]0;owned␇␍·31m·evil· [bold]x[/bold] :smile: · z" in text


@given(st.text(st.characters(), max_size=40))
def test_harmless_text_keeps_its_length_and_has_no_character_that_acts(text: str) -> None:
    shown = harmless(text)
    assert len(shown) == len(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert not any(
        unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI") for c in shown
    )


@pytest.mark.parametrize("text", ["Тайвань", "台湾选举", "تايوان", "می\u200cخواهم", "👩\u200d🚀", "naïve – “x”"])
def test_harmless_leaves_every_language_alone(text: str) -> None:
    assert harmless(text) == text


def test_control_characters_all_have_a_picture() -> None:
    for char in itertools.chain(map(chr, range(32)), ["\x7f"]):
        assert harmless(char) != char
