"""The nearest right word to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_ALIKE: Final = 0.6
_MAX_WORD: Final = 100  # comparing two words takes the product of their lengths
_MAX_COMPARED: Final = 700  # words; more are only looked up by one letter that is missing, wrong or changed over


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, or an empty string."""
    return _nearest(word[:_MAX_WORD].strip().casefold(), tuple(known))


@lru_cache(maxsize=512)
def _nearest(word: str, known: tuple[str, ...]) -> str:
    by_word, by_rest = _index(known)
    if word in by_word:
        return by_word[word]
    near = {one for rest in _rests(word) for one in by_rest.get(rest, ())}
    for candidates in (sorted(near), by_word if len(by_word) <= _MAX_COMPARED else ()):
        if found := difflib.get_close_matches(word, candidates, n=1, cutoff=_ALIKE):
            return by_word[found[0]]
    return by_word[min(near)] if near and len(word) > 3 else ""  # letters changed over in a short word: tsets


@lru_cache(maxsize=16)
def _index(known: tuple[str, ...]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the words by how they are compared, and those by what is left of them without one letter."""
    by_word, by_rest = {one[:_MAX_WORD].casefold(): one for one in known}, dict[str, list[str]]()
    for one in by_word:
        for rest in _rests(one):
            by_rest.setdefault(rest, []).append(one)
    return by_word, by_rest


def _rests(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}
