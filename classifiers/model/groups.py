"""Groups of words that stand for one another: who acts, and what kind of thing is done.

A few thousand labelled articles do not hold every ambassador of every country; that some `{China}` and some `{US}`
stand in one title they do hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Final

from classifiers.terms import parse_term
from classifiers.tokens import Tokens

_CACHED: Final = 100_000


class Groups:
    """Finds groups among words. A group has a number, its place in `names`."""

    def __init__(self, members: Mapping[str, Sequence[str]]) -> None:
        """Take the words of each group: single words or pairs, `*` for any ending of the last one.

        Raises:
            ValueError: a word can never be found; the message says why.
        """
        self.members = {name: tuple(words) for name, words in members.items()}
        self.names = tuple(self.members)
        words: dict[str, set[int]] = defaultdict(set)
        stems: dict[str, set[int]] = defaultdict(set)
        self._second: dict[str, dict[str, set[int]]] = defaultdict(dict)  # first word, second word
        self._second_stems: dict[str, dict[str, set[int]]] = defaultdict(dict)
        for number, some in enumerate(self.members.values()):
            for written in some:
                self._add(written, number, words, stems)
        self._begin_pairs = self._second.keys() | self._second_stems.keys()
        self._of_word = _OfWord(words, stems)

    def _add(self, written: str, number: int, alone: dict[str, set[int]], stems: dict[str, set[int]]) -> None:
        parse_term(written)
        words = Tokens(written.removesuffix("*")).folded.split()
        *before, last = words
        if len(before) > 3 or (written.endswith("*") and len(before) > 1):
            raise ValueError(f"'{written}' is longer than a group's word may be")
        if not before and written.endswith("*"):
            stems[last].add(number)
        elif not before:
            alone[last].add(number)
        elif written.endswith("*"):
            self._second_stems[before[0]].setdefault(last, set()).add(number)
        else:
            # The first two words of a longer name are as good as all of it.
            self._second[words[0]].setdefault(words[1], set()).add(number)

    def of_word(self, word: str) -> frozenset[int]:
        """Return the groups of a word that stands alone."""
        return self._of_word[word]

    def of_pairs(self, words: Sequence[str], among: Set[str]) -> set[int]:
        """Return the groups of all pairs of neighbours, beyond those of the words themselves; `among`: their set."""
        return {number for _, numbers in self._pairs_of(words, among) for number in numbers}

    def of_words(self, words: Sequence[str]) -> set[int]:
        """Return all groups that occur."""
        among = set(words)
        return self.of_pairs(words, among).union(*map(self.of_word, among))

    def places(self, words: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return at which word each group that occurs does so first, and how many words it covers there."""
        found: dict[int, tuple[int, int]] = {}
        among = set(words)
        for word, alone in zip(among, map(self._of_word.__getitem__, among), strict=True):
            if alone:
                at = words.index(word)
                found.update((number, (at, 1)) for number in alone if at < found.get(number, (at + 1,))[0])
        for at, numbers in self._pairs_of(words, among):
            found.update((number, (at, 2)) for number in numbers if at <= found.get(number, (at,))[0])
        return {self.names[number]: place for number, place in found.items()}

    def _pairs_of(self, words: Sequence[str], among: Set[str]) -> Iterator[tuple[int, set[int]]]:
        """Yield where a pair may stand, and the groups of it beyond those of its words."""
        for first in among & self._begin_pairs:
            second, stems, at = self._second.get(first, {}), self._second_stems.get(first, {}), -1
            for _ in range(words.count(first) - (words[-1:] == [first])):
                at = words.index(first, at + 1)
                after = words[at + 1]
                if after in second or after.startswith((*stems,)):
                    yield at, second.get(after, set()).union(*(stems[one] for one in stems if after.startswith(one)))


class _OfWord(dict[str, frozenset[int]]):
    """The groups of a word that stands alone, worked out once; forgets all when too many words came by."""

    def __init__(self, words: Mapping[str, set[int]], stems: Mapping[str, set[int]]) -> None:
        super().__init__()
        self._words, self._stems = words, stems

    def __missing__(self, word: str) -> frozenset[int]:
        if len(self) >= _CACHED:
            self.clear()
        beginnings = (self._stems.get(word[:end], set()) for end in range(1, len(word) + 1))
        found = self[word] = frozenset(self._words.get(word, set()).union(*beginnings))
        return found
