"""The review queue in the terminal: one question, one key, and each answer is in the file before the next question."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.text import Text

from classifiers.corrections import Correction, append
from classifiers.definition import Theme
from classifiers.reviewing import Question

NOTE: Final = "review"

_MAX_TITLE: Final = 400
_MAX_BODY: Final = 1_500
_KEYS: Final = "[y]es  [n]o  [s]kip  [u]ndo  [q]uit "
_LAST_KEYS: Final = "\nThat was the last question.  [u]ndo  [q]uit "
_ENDS: Final = ("q", "\x03", "\x04", "\x1b", "")
_JOINERS: Final = "\u200c\u200d"  # they shape Persian and emoji, and move nothing


class Tally(msgspec.Struct):
    """How a review went."""

    yes: int = 0
    no: int = 0
    skipped: int = 0
    left: int = 0


class Review:
    """A walk through questions; `run` asks them."""

    def __init__(
        self,
        questions: Sequence[Question],
        path: Path,
        *,
        by: str,
        clock: Callable[[], datetime],
        console: Console,
        themes: Mapping[str, Theme],
        read_key: Callable[[], str] = click.getchar,
    ) -> None:
        self._questions = questions
        self._path = path
        self._by = by
        self._clock = clock
        self._console = console
        self._themes = themes
        self._read_key = read_key

    def run(self) -> Tally:
        """Ask until the queue or the reader's patience ends; each answer is appended to the corrections at once.

        Undo goes back one question, and withdraws its answer by a further line.

        Raises:
            ConfigError: an answer could not be written.
        """
        answers: list[str] = []
        total = len(self._questions)
        while total:
            at_end = len(answers) == total
            if not at_end:
                self._console.print(present(self._questions[len(answers)], self._themes, len(answers) + 1, total))
            key = self._key(_LAST_KEYS if at_end else _KEYS)
            if key == "u":
                self._undo(answers)
            elif at_end or key in _ENDS:
                break
            else:
                if key != "s":
                    self._file(self._questions[len(answers)], key)
                answers.append(key)
        return Tally(
            yes=answers.count("y"),
            no=answers.count("n"),
            skipped=answers.count("s"),
            left=total - len(answers),
        )

    def _key(self, choice: str) -> str:
        """Return the first key that means something."""
        self._console.print(Text(choice, style="bold"), end="")
        while True:
            try:
                key = self._read_key().lower()
            except (EOFError, KeyboardInterrupt):
                key = "q"
            if key in ("y", "n", "s", "u", *_ENDS):
                self._console.print(Text(key if key.isalpha() else "q"))
                return key

    def _file(self, question: Question, key: str) -> None:
        themes = (question.theme,)
        self._append(question, is_=themes if key == "y" else (), not_=themes if key == "n" else ())

    def _undo(self, answers: list[str]) -> None:
        if not answers:
            self._console.print(Text("This is the first question.", style="yellow"))
            return
        question = self._questions[len(answers) - 1]
        if answers.pop() != "s":
            self._append(question, withdrawn=(question.theme,))

    def _append(
        self,
        question: Question,
        *,
        is_: tuple[str, ...] = (),
        not_: tuple[str, ...] = (),
        withdrawn: tuple[str, ...] = (),
    ) -> None:
        article = question.article
        correction = Correction(
            id=article.id,
            title=article.title,
            summary=article.summary,
            text=article.text,
            is_=is_,
            not_=not_,
            withdrawn=withdrawn,
            by=self._by,
            at=self._clock(),
            note=NOTE,
        )
        append(self._path, correction)


def present(question: Question, themes: Mapping[str, Theme], number: int, total: int) -> Text:
    """Return a question as it is shown: the article with its terms highlighted, the two opinions, the theme."""
    article = question.article
    out = Text("\n")
    out.append(f"{number}/{total}  ", "dim").append(harmless(article.id), "dim").append("\n")
    out.append(_highlit("title", article.title, question, _MAX_TITLE, "bold")).append("\n")
    for field in ("summary", "text"):
        body = getattr(article, field)
        if body and not (field == "text" and body == article.summary):
            out.append(_highlit(field, body, question, _MAX_BODY, "")).append("\n")
    terms = ", ".join(f"{harmless(one.term)} {one.weight:+.2f} in {one.field}" for one in question.evidence[:8])
    out.append(f"\nterms say {_yes(question.terms_score >= 1)}: {question.terms_score:.2f} of 1")
    out.append(f" ({terms})\n" if terms else "\n")
    if question.model_probability is None:
        out.append("no model of this theme\n")
    else:
        out.append(f"model says: {question.model_probability:.0%} likely\n")
    theme = themes.get(question.theme)
    out.append("Is it about ").append(harmless(theme.title if theme else question.theme), "bold cyan").append("?\n")
    if theme:
        out.append(" ".join(harmless(theme.definition).split()) + "\n", "dim")
    return out


def harmless(text: str) -> str:
    """Return text that cannot move the cursor, colour the screen or turn round what stands beside it.

    Character for character, so that offsets stay right: control characters become their pictures, format characters
    (such as those that set the direction of writing) and half characters become `·`, separators a space.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() and char.isascii() else _shown(char) for char in text)


def _shown(char: str) -> str:
    if char in "\n\t\u2028\u2029":
        return " "
    if char < "\x20" or char == "\x7f":
        return "\u2421" if char == "\x7f" else chr(0x2400 + ord(char))
    return "·" if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") and char not in _JOINERS else char


def _highlit(field: str, text: str, question: Question, most: int, style: str) -> Text:
    """Return the part of a field in which its first term stands, `most` characters at most, terms marked."""
    places = sorted(
        (one.start, one.end) for one in question.evidence if one.field == field and one.start < one.end <= len(text)
    )
    start = max(0, places[0][0] - most // 3) if places and places[0][1] > most else 0
    shown = Text(harmless(text[start : start + most]), style)
    for first, last in places:
        if last > start:
            shown.stylize("reverse", max(0, first - start), last - start)
    return Text.assemble("…" if start else "", shown, "…" if start + most < len(text) else "")


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
