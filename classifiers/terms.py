"""One term as a theme file writes it, to the pattern that finds it among a text's words."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from classifiers.tokens import Tokens

_CASED_LETTERS: Final = 3
_SHORTEST_STEM: Final = 3
_PUNCTUATION: Final = re.compile(r"[.!?…。！？\n]")


class Term(msgspec.Struct, frozen=True):
    """A term ready to be looked for.

    Attributes:
        written: As the theme file has it.
        pattern: What to look for in `Tokens.cased` or `Tokens.folded`; begins with a space, and ends with one
            unless any ending of the last word will do.
        words: How many words it covers.
        cased: Whether capitals matter: they do for a term of at most three capitals, so that `US` is not `us`.
    """

    written: str
    pattern: str
    words: int
    cased: bool


def parse_term(written: str) -> Term:
    """Return the term that a theme file's text stands for; a `*` at the end allows any ending.

    Raises:
        ValueError: it could never match as meant; the message says why.
    """
    stem = written.removesuffix("*")
    if "*" in stem:
        raise ValueError(f"'{written}': a * may stand only at the end")
    tokens = Tokens(stem)
    letters = [char for char in stem if char.isalpha()]
    cased = 0 < len(letters) <= _CASED_LETTERS and all(char.isupper() for char in letters)
    words = (tokens.cased if cased else tokens.folded)[1:-1]
    if not words or not any(char.isalnum() for char in words):
        raise ValueError(f"'{written}' holds no word")
    if _PUNCTUATION.search(words):
        raise ValueError(f"'{written}' holds the end of a sentence; a phrase never matches across one")
    if stem != written:
        if not stem[-1].isalnum():
            raise ValueError(f"'{written}': a * must follow a letter")
        if len(words.split(" ")[-1]) < _SHORTEST_STEM:
            raise ValueError(f"'{written}': a * after fewer than {_SHORTEST_STEM} letters matches too much")
    return Term(written, f" {words}" if stem != written else f" {words} ", words.count(" ") + 1, cased)
