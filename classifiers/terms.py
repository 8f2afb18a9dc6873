"""One term as a theme file writes it, to the patterns that find it among a text's words."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import msgspec

from classifiers.forms import PROCLITICS, is_arabic
from classifiers.tokens import Tokens

_CASED_LETTERS: Final = 3
_SHORTEST_STEM: Final = 3
_SHORTEST_PREFIXED: Final = 3  # shorter Arabic words with a letter before them are too often other words
_STAR_INSIDE: Final = re.compile(r"\*[^\s*]")
_END_OF_SENTENCE: Final = re.compile(r"\.(?: |$)")


class Term(msgspec.Struct, frozen=True):
    """A term ready to be looked for.

    Attributes:
        written: As the theme file has it.
        patterns: What to look for in `Tokens.cased` or `Tokens.folded`, any of them: one, but for Arabic words, which
            may have other words written before them. Each begins with a space, and ends with one unless any ending
            of its last word will do.
        then: The patterns that must follow word upon word, one for each `*` inside the term.
        lengths: How many words the first pattern and each of those that follow cover.
        cased: Whether capitals matter: they do for a term of at most three capitals, so that `US` is not `us`.
    """

    written: str
    patterns: tuple[str, ...]
    then: tuple[str, ...]
    lengths: tuple[int, ...]
    cased: bool

    @property
    def words(self) -> int:
        """Return how many words the term covers."""
        return sum(self.lengths)


def parse_term(written: str) -> Term:
    """Return the term that a theme file's text stands for; a `*` at the end of a word allows any ending of it.

    Raises:
        ValueError: it could never match as meant; the message says why.
    """
    letters = [char for char in written if char.isalpha()]
    if not any(char.isalnum() for char in written):
        raise ValueError(f"'{written}' holds no word")
    if _STAR_INSIDE.search(written):
        raise ValueError(f"'{written}': a * may stand only at the end of a word")
    cased = 0 < len(letters) <= _CASED_LETTERS and all(char.isupper() for char in letters)
    *stems, rest = written.split("*")
    patterns = [_stem(stem, written, cased=cased) for stem in stems]
    if rest.strip():
        patterns.append(f" {_words(rest, written, cased=cased)} ")
    lengths = tuple(len(pattern.split()) for pattern in patterns)
    return Term(written, _with_prefixes(patterns[0]), tuple(patterns[1:]), lengths, cased)


def _stem(stem: str, written: str, *, cased: bool) -> str:
    """Return the pattern of what stands before a `*`."""
    if not stem or not (stem[-1].isalnum() or unicodedata.combining(stem[-1])):
        raise ValueError(f"'{written}': a * must follow a letter")
    words = _words(stem, written, cased=cased)
    # The article of an Arabic word is no part of it once it has three letters more: a stem that is cut before that
    # would keep the article, and never match.
    if len(words.split(" ")[-1].removeprefix("ال")) < _SHORTEST_STEM:
        raise ValueError(f"'{written}': a * after fewer than {_SHORTEST_STEM} letters matches too much")
    return f" {words}"


def _words(text: str, written: str, *, cased: bool) -> str:
    tokens = Tokens(text)
    words = (tokens.cased if cased else tokens.folded)[1:-1]
    if not any(char.isalnum() for char in words):
        raise ValueError(f"'{written}' holds no word")
    if _END_OF_SENTENCE.search(words):
        raise ValueError(f"'{written}' holds the end of a sentence; a phrase never matches across one")
    return words


def _with_prefixes(pattern: str) -> tuple[str, ...]:
    """Return the pattern, for an Arabic one also with all that may be written before it."""
    word = pattern.split()[0]
    if not is_arabic(word) or len(word) < _SHORTEST_PREFIXED:
        return (pattern,)
    return tuple(f" {prefix}{pattern[1:]}" for prefix in PROCLITICS)
