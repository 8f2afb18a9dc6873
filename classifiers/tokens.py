"""Text to words that compare equal however they were typed, each with its place in the original.

Words are what terms are made of, so that spacing, hyphens, quotes, line breaks and case do not matter and a word never
matches inside another one. Scripts without spaces (Chinese, Japanese, Thai, ...) give one word per character. `U.S.`
and `U . S .` are the word `US`, the possessive `'s` is dropped, and the end of a sentence is a word of its own, so that
no phrase matches across it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_CHARS: Final = 100_000  # of one field; what a news item says is said by then, and work stays bounded

_UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u3004\u3006-\u312f\u31a0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_INVISIBLE: Final = r"\u00ad\u200b-\u200d\u2060\ufeff"
_MARKS: Final = rf"\u0300-\u036f{_INVISIBLE}"  # inside a word; `\w` does not know them
# Alternatives begin with a plain class, which lets `re` skip ahead; classes that follow each other are disjoint, so
# that matching takes linear time.
_STOPS: Final = r"[.!?…](?<=\w\w.)(?=[\s\"”’)]|\Z)|[。！？]|\n(?=[ \t\r]*\n)"
_LETTERS: Final = rf"[^\W{_UNSPACED}]+"
_WORD: Final = re.compile(rf"{_LETTERS}(?:[{_MARKS}]+(?:{_LETTERS})?)*|[{_UNSPACED}](?<=\w)|{_STOPS}")
_PLAIN_WORD: Final = re.compile(rf"\w+|{_STOPS}")
_NOT_PLAIN: Final = re.compile(f"[{_UNSPACED}{_MARKS}]")
_POSSESSIVE: Final = re.compile(r"['’][sS]\b")
_ACRONYM: Final = re.compile(r"[A-Z](?<!\w\w)(?: ?\. ?[A-Z])+(?!\w)")
_BETWEEN: Final = re.compile(r"[ .]")
_INVISIBLES: Final = re.compile(f"[{_INVISIBLE}]+")
_JOINER: Final = "\u2060"


class Tokens:
    """The words of one text.

    Attributes:
        cased: The words, each with one space before and after it: ` China tells US `.
        folded: The same words, case-folded.
    """

    __slots__ = ("_spans", "_text", "_word", "cased", "folded")

    def __init__(self, text: str) -> None:
        text = text[:MAX_CHARS]
        text = _POSSESSIVE.sub("  ", _ACRONYM.sub(_close_up, text))  # both keep the length, so places stay right
        self._text = text
        self._word = _PLAIN_WORD if text.isascii() or not _NOT_PLAIN.search(text) else _WORD
        self._spans: list[tuple[int, int]] | None = None
        words = " ".join(self._word.findall(text))
        if not words.isascii():
            words = unicodedata.normalize("NFC", _INVISIBLES.sub("", words))
        self.cased = f" {words} "
        folded = words.casefold()
        self.folded = f" {folded if words.isascii() else unicodedata.normalize('NFC', folded)} "

    def span(self, first: int, count: int) -> tuple[int, int]:
        """Return where `count` words from word `first` on stand in the original text: start and end character."""
        if self._spans is None:
            self._spans = [match.span() for match in self._word.finditer(self._text)]
        return self._spans[first][0], self._spans[first + count - 1][1]


def _close_up(match: re.Match[str]) -> str:
    return _BETWEEN.sub(_JOINER, match[0])
