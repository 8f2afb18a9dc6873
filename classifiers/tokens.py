"""Text to words that compare equal however they were typed, each with its place in the original.

Words are what terms are made of, so that spacing, hyphens, quotes, line breaks and case do not matter and a word never
matches inside another one. Scripts without spaces (Chinese, Japanese, Thai, ...) give one word per character. `U.S.`
and `U . S .` are the word `US`, the possessive `'s` is dropped, and the end of a sentence is the word `.`, so that no
phrase matches across it. What else a script writes in several ways, `forms` makes one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import Final

from classifiers.forms import KANA_VOICE, MARKS, TATWEEL, plain, unify

MAX_CHARS: Final = 100_000  # of one field; what a news item says is said by then, and work stays bounded

_UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u3004\u3006-\u312f\u31a0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Alternatives begin with a plain class, which lets `re` skip ahead; classes that follow each other are disjoint, so
# that matching takes linear time.
_STOPS: Final = r"[.!?\n](?:(?<=\w\w[.!?])(?=[\s\"')]|\Z)|(?<=\n)(?=[ \t\r]*\n))"
_WIDE_STOPS: Final = "[。！？]"
_LETTERS: Final = rf"[^\W{_UNSPACED}{TATWEEL}]+"
_WORD: Final = re.compile(
    rf"{_LETTERS}(?:[{MARKS}]+(?:{_LETTERS})?)*|[{_UNSPACED}](?<=\w)[{MARKS}{KANA_VOICE}]*|{_STOPS}|{_WIDE_STOPS}"
)
_PLAIN_WORD: Final = re.compile(rf"\w+|{_STOPS}")
_NOT_PLAIN: Final = re.compile(f"[{_UNSPACED}{MARKS}]")
_STOP: Final = re.compile(_STOPS)
_STOP_SIGNS: Final = "!?。！？\n"
_POSSESSIVE: Final = re.compile(r"'[sS]\b")
_ACRONYM: Final = re.compile(r"[A-Z](?<!\w\w)(?: ?\. ?[A-Z])+(?!\w)")
_ACRONYM_END: Final = re.compile(r"\. ?[A-Z](?!\w)")  # quick to look for, and seldom there
_BETWEEN: Final = re.compile(r"[ .]")
_JOINER: Final = "\u2060"

# The short way for ASCII, three times as fast: what is no letter becomes a space. Two control characters stand for
# what a space must not replace.
_NOTHING: Final = "\x00"
_END: Final = "\x01"
_SPACED: Final = "".join(chr(i) if chr(i).isalnum() or chr(i) in f"_{_NOTHING}{_END}" else " " for i in range(128))


class Tokens:
    """The words of one text.

    Attributes:
        cased: The words, each with one space before and after it: ` China tells US `.
        folded: The same words, case-folded.
    """

    __slots__ = ("_rest", "_spans", "_text", "cased", "folded")

    def __init__(self, text: str) -> None:
        text = text[:MAX_CHARS]
        if not text.isascii():
            text = plain(text)
        self._text = text
        self._spans: list[tuple[int, int]] = []
        self._rest: Iterator[re.Match[str]] | None = None
        if text.isascii() and _NOTHING not in text and _END not in text:
            self.cased = f" {_ascii_words(text)} "
            self.folded = self.cased.lower()
            return
        text = _closed_up(text)
        words = " ".join(_pattern_for(text).findall(text))
        for sign in _STOP_SIGNS:
            words = words.replace(sign, ".")
        if not words.isascii():
            words = unify(words)
        self.cased = f" {words} "
        folded = words.casefold()
        self.folded = f" {folded if words.isascii() else unicodedata.normalize('NFC', folded)} "

    def span(self, first: int, count: int) -> tuple[int, int]:
        """Return where `count` words from word `first` on stand in the original text: start and end character."""
        if self._rest is None:
            text = _closed_up(self._text)
            self._rest = _pattern_for(text).finditer(text)
        missing = first + count - len(self._spans)
        if missing > 0:  # what is asked for stands mostly at the beginning, so go no further than needed
            self._spans += [match.span() for match in islice(self._rest, missing)]
        return self._spans[first][0], self._spans[first + count - 1][1]


def _ascii_words(text: str) -> str:
    """Return what the patterns below find in a text of ASCII characters, joined by spaces."""
    if _ACRONYM_END.search(text):
        text = _ACRONYM.sub(lambda match: _BETWEEN.sub(_NOTHING, match[0]), text)
    if "'" in text:
        text = _POSSESSIVE.sub("  ", text)
    text = _STOP.sub(f" {_END} ", text).translate(_SPACED)  # a str maps code points too
    return " ".join(text.split()).replace(_NOTHING, "").replace(_END, ".")


def _pattern_for(text: str) -> re.Pattern[str]:
    return _PLAIN_WORD if text.isascii() or not _NOT_PLAIN.search(text) else _WORD


def _closed_up(text: str) -> str:
    """Return the text, of the same length, with acronyms in one piece and without possessives."""
    return _POSSESSIVE.sub("  ", _ACRONYM.sub(lambda match: _BETWEEN.sub(_JOINER, match[0]), text))
