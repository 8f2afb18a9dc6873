"""Groups of words that stand for one another: who acts, and what kind of thing is done.

A few thousand labelled articles do not hold every ambassador of every country; that some `{China}` and some `{US}`
stand in one title they do hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Final

from classifiers.terms import parse_term
from classifiers.tokens import Tokens

Pair = tuple[str, str]

_CACHED: Final = 100_000


class Groups:
    """Finds groups among words; `names` are in the order of the bits that stand for them."""

    def __init__(self, members: Mapping[str, Sequence[str]]) -> None:
        """Take the words of each group: single words or pairs, `*` for any ending of the last one.

        Raises:
            ValueError: a word can never be found; the message says why.
        """
        self.members = {name: tuple(words) for name, words in members.items()}
        self.names = tuple(self.members)
        self.pairs: dict[Pair, int] = {}
        words: dict[str, int] = defaultdict(int)
        stems: dict[str, int] = defaultdict(int)
        self._pair_stems: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for bit, some in enumerate(self.members.values()):
            for written in some:
                self._add(written, 1 << bit, words, stems)
        self._all = (1 << len(self.members)) - 1
        self._starting = self._all + 1  # one more bit, of the words with which a pair with an open end begins
        for first in self._pair_stems:
            words[first] |= self._starting
        self._masks = _Masks(words, stems)

    def _add(self, written: str, bit: int, alone: dict[str, int], stems: dict[str, int]) -> None:
        parse_term(written)
        words = Tokens(written.removesuffix("*")).folded.split()
        *before, last = words
        if len(before) > 3 or (written.endswith("*") and len(before) > 1):
            raise ValueError(f"'{written}' is longer than a group's word may be")
        if not before and written.endswith("*"):
            stems[last] |= bit
        elif not before:
            alone[last] |= bit
        elif written.endswith("*"):
            self._pair_stems[before[0]].append((last, bit))
        else:
            # The first two words of a longer name are as good as all of it.
            key = (words[0], words[1])
            self.pairs[key] = self.pairs.get(key, 0) | bit

    def of_word(self, word: str) -> int:
        """Return the bits of a word that stands alone."""
        return self._masks[word] & self._all

    def of_pair(self, first: str, second: str) -> int:
        """Return the bits of two neighbours, beyond those of each."""
        bits = self.pairs.get((first, second), 0)
        for stem, bit in self._pair_stems.get(first, ()):
            if second.startswith(stem):
                bits |= bit
        return bits

    def of_set(self, words: Iterable[str], pairs: Set[Pair]) -> int:
        """Return the bits of all groups that occur among words and pairs of neighbours."""
        bits = 0
        for mask in set(map(self._masks.__getitem__, words)):
            bits |= mask
        for pair in pairs & self.pairs.keys():
            bits |= self.pairs[pair]
        if bits & self._starting:
            for first, second in pairs:
                if first in self._pair_stems:
                    bits |= self.of_pair(first, second)
        return bits & self._all

    def place(self, name: str, words: Sequence[str]) -> tuple[int, int] | None:
        """Return at which word a group first occurs, and how many words it covers; None if it does not."""
        bit = 1 << self.names.index(name) if name in self.members else 0
        before = ""
        for at, word in enumerate(words):
            if bit & self.of_pair(before, word):
                return at - 1, 2
            if bit & self.of_word(word):
                return at, 1
            before = word
        return None

    def of_words(self, words: Iterable[str]) -> int:
        """Return the bits of all groups that occur."""
        bits, before = 0, ""
        for word in words:
            bits |= self.of_word(word) | self.of_pair(before, word)
            before = word
        return bits


def bits_of(mask: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class _Masks(dict[str, int]):
    """The bits of a word, worked out once; forgets all when too many different words came by."""

    def __init__(self, words: Mapping[str, int], stems: Mapping[str, int]) -> None:
        super().__init__()
        self._words, self._stems = words, stems

    def __missing__(self, word: str) -> int:
        if len(self) >= _CACHED:
            self.clear()
        bits = self._words.get(word, 0)
        for end in range(1, len(word) + 1):
            bits |= self._stems.get(word[:end], 0)
        self[word] = bits
        return bits
