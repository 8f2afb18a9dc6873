"""One form for what a script writes in several ways, so that words compare equal however they were typed.

Typographic quotes and dashes; letters with separate, doubled or invisible marks; full-width Latin and half-width kana;
Russian `ё`; Arabic vowel signs, tatweel, the variants of alef, ya and ta marbuta, the article and what is written
together with it (`وبالعقوبات` is the word `عقوبات`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

INVISIBLE: Final = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
TATWEEL: Final = "\u0640"
_ARABIC_SIGNS: Final = r"\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
_HEBREW_SIGNS: Final = r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
_INDIC_SIGNS: Final = (
    r"\u0900-\u0903\u093a-\u093c\u093e-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc\u09be-\u09cd"
)
KANA_VOICE: Final = r"\u3099\u309a"
SIGNS: Final = rf"\u0300-\u036f\u0483-\u0487{_HEBREW_SIGNS}{_ARABIC_SIGNS}{TATWEEL}{INVISIBLE}"
"""What stands inside a word, but does not make another word of it: for a character class."""
MARKS: Final = SIGNS + _INDIC_SIGNS
"""What `re` takes for no part of a word though it is: for a character class."""

PROCLITICS: Final = ("", *("و", "ف", "ب", "ك", "ل", "وب", "ول", "وك", "فب", "فل"))
"""What Arabic writes together with the word after it: and, so, with, like, for."""

# Of the same length, so that places stay right. The three dots end a sentence, but no acronym: hence no full stop.
_PLAIN: Final = {
    "'": "\u2018\u2019\u02bc\u2032\u00b4`\uff07",
    '"': "\u201c\u201d\u201e\u00ab\u00bb",
    "-": "\u2010\u2011\u2013\u2014",
    "!": "\u2026",
    " ": "\u00a0\u2009\u202f",
}
_PLAIN_PAIRS: Final = tuple((char, plain) for plain, chars in _PLAIN.items() for char in chars)
_HALF_WIDTH: Final = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9f]")
_CYRILLIC_APOSTROPHE: Final = re.compile(r"(?<=[\u0400-\u052f])'(?=[\u0400-\u052f])")
_JOINER: Final = "\u2060"

_INVISIBLES: Final = re.compile(f"[{INVISIBLE}]+")
_SIGNS: Final = re.compile(f"[{SIGNS}]+")
_PRESENTED: Final = re.compile("[\ufb50-\ufdff\ufe70-\ufefc]")
_ARABIC: Final = re.compile("[\u0620-\u06d3]")
_ARABIC_PAIRS: Final = tuple(zip("أإآٱىةیک", "اااايهيك", strict=True))
_ARTICLE: Final = re.compile(r" [وف]?(?:[بك]?ال|لل)(?=\w{3})")


def plain(text: str) -> str:
    """Return the text with typographic signs and widths as a typewriter has them, each character in its place."""
    for char, instead in _PLAIN_PAIRS:
        text = text.replace(char, instead)
    if text.isascii():
        return text
    if _HALF_WIDTH.search(text):
        text = _HALF_WIDTH.sub(_full_or_narrow, text)
    return _CYRILLIC_APOSTROPHE.sub(_JOINER, text) if "'" in text else text


def unify(words: str) -> str:
    """Return the words (one space between each) in the form that is compared; their number and order stay."""
    words = unicodedata.normalize("NFC", _INVISIBLES.sub("", words))
    if _PRESENTED.search(words):
        words = _PRESENTED.sub(_letters, words)
    words = _SIGNS.sub("", words).replace("ё", "е").replace("Ё", "Е")
    if _ARABIC.search(words):
        for variant, letter in _ARABIC_PAIRS:
            words = words.replace(variant, letter)
        words = _ARTICLE.sub(" ", f" {words}")[1:]
    return words


def is_arabic(word: str) -> bool:
    """Return whether the word begins with an Arabic letter."""
    return _ARABIC.match(word) is not None


def _full_or_narrow(match: re.Match[str]) -> str:
    char = match[0]
    if char in "\uff9e\uff9f":  # the voice of the kana before; NFC unites them
        return "\u3099" if char == "\uff9e" else "\u309a"
    return unicodedata.normalize("NFKC", char)


def _letters(match: re.Match[str]) -> str:
    """Return the letters of a presentation form; those that stand for several words or a bare sign stay."""
    letters = unicodedata.normalize("NFKC", match[0])
    return letters if letters.isalpha() else match[0]
