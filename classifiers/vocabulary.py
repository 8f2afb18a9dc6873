"""All terms of all themes, found in one pass over a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ahocorasick_rs import AhoCorasick

from classifiers.terms import Term
from classifiers.tokens import Tokens

Found = tuple[int, int]  # first word, index of the term

GAP: Final = 2  # numbers left out between two texts, so that no phrase spans both


class Vocabulary:
    """Finds every occurrence of every term, also of terms inside others, in time linear in text and findings."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._cased = _Automaton((i, term) for i, term in enumerate(terms) if term.cased)
        self._folded = _Automaton((i, term) for i, term in enumerate(terms) if not term.cased)

    def find(self, *texts: Tokens) -> list[Found]:
        """Return the terms found, by the number of the word at which they begin.

        Where there are several texts, the words of a later one have the numbers from `GAP` after the last on.
        """
        cased, folded = [text.cased for text in texts], [text.folded for text in texts]
        return self._cased.find(" ".join(cased)) + self._folded.find(" ".join(folded))


class _Step(NamedTuple):
    """One pattern of a term that has several: it counts where the one before ended."""

    term: int
    before: int  # words of the patterns before it
    words: int
    last: bool


class _Automaton:
    """Finds patterns. Who owns a pattern: a term, by its index, or step -1, -2, ... of one that has several."""

    def __init__(self, terms: Iterable[tuple[int, Term]]) -> None:
        owners: dict[str, list[int]] = {}
        self._steps: list[_Step] = []
        for index, term in terms:
            if not term.then:
                for pattern in term.patterns:
                    owners.setdefault(pattern, []).append(index)
                continue
            for number, patterns in enumerate((term.patterns, *((pattern,) for pattern in term.then))):
                before, last = sum(term.lengths[:number]), number == len(term.then)
                self._steps.append(_Step(index, before, term.lengths[number], last))
                for pattern in patterns:
                    owners.setdefault(pattern, []).append(-len(self._steps))
        self._owners = [tuple(who) for who in owners.values()]
        self._automaton = AhoCorasick(list(owners)) if owners else None

    def find(self, text: str) -> list[Found]:
        if self._automaton is None:
            return []
        matches = self._automaton.find_matches_as_indexes(text, overlapping=True)
        found: list[Found] = []
        begun: set[Found] = set()  # words at which a step would go on with its term
        word = at = 0  # a term begins with the space before its first word: counting spaces counts words
        for start, index in sorted([(start, index) for index, start, _ in matches]):
            if start != at:
                word += text.count(" ", at, start)
                at = start
            for owner in self._owners[index]:
                if owner >= 0:
                    found.append((word, owner))
                else:
                    self._take(-owner - 1, word, begun, found)
        return found

    def _take(self, number: int, word: int, begun: set[Found], found: list[Found]) -> None:
        step = self._steps[number]
        if step.before and (word, number) not in begun:
            return
        if step.last:
            found.append((word - step.before, step.term))
        else:
            begun.add((word + step.words, number + 1))
