"""All terms of all themes, found in one pass over a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ahocorasick_rs import AhoCorasick

from classifiers.terms import Term
from classifiers.tokens import Tokens

Found = tuple[int, int]  # first word, index of the term


class Vocabulary:
    """Finds every occurrence of every term, also of terms inside others, in time linear in text and findings."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._cased = _Automaton((i, term.pattern) for i, term in enumerate(terms) if term.cased)
        self._folded = _Automaton((i, term.pattern) for i, term in enumerate(terms) if not term.cased)

    def find(self, tokens: Tokens) -> list[Found]:
        """Return the terms found, by the number of the word at which they begin."""
        return self._cased.find(tokens.cased) + self._folded.find(tokens.folded)


class _Automaton:
    def __init__(self, patterns: Iterable[tuple[int, str]]) -> None:
        owners: dict[str, list[int]] = {}
        for index, pattern in patterns:
            owners.setdefault(pattern, []).append(index)
        self._owners = list(owners.values())
        self._automaton = AhoCorasick(list(owners)) if owners else None

    def find(self, text: str) -> list[Found]:
        if self._automaton is None:
            return []
        matches = self._automaton.find_matches_as_indexes(text, overlapping=True)
        found: list[Found] = []
        word = at = 0  # a term begins with the space before its first word: counting spaces counts words
        for start, index in sorted((start, index) for index, start, _ in matches):
            word += text.count(" ", at, start)
            at = start
            found.extend((word, owner) for owner in self._owners[index])
        return found
