"""What the model sees of an article: its words, pairs of neighbours, stems, groups of words, and what is in the title.

A feature is a short text that people can read: `tariff`, `trade war`, `retal…` (a stem), `{US}` (a group),
`{US} {China}` (both occur), and words, stems and groups with `title: ` before them; of a title also three groups that
occur together, `title: {US} {China} {meeting}`. An article has a feature or not; that a word occurs two, four or eight
times is a feature of its own, `oil×4`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cached_property
from itertools import chain, combinations, pairwise, repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.model.groups import Groups
from classifiers.tokens import Tokens

MAX_WORDS: Final = 250  # of the body: what an article is about is said by then, and long texts weigh like short ones
STEM: Final = 5  # letters; carries an inflection in most European languages
IN_TITLE: Final = "title: "
CUT: Final = "…"
TIMES: Final = "×"
OFTEN: Final = (2, 4, 8)

_TOGETHER: Final = 2  # groups, in the whole article: three of them would be too many to learn from
_TOGETHER_IN_TITLE: Final = 3  # who, to whom, what

_CACHED_WORDS: Final = 100_000
_STOP: Final = "."

_NONE: Final = -1  # no feature

Words = Sequence[str]
Numbers = NDArray[np.intp]


def words_of(tokens: Tokens, limit: int = -1) -> list[str]:
    """Return the folded words of a text, ends of sentences included; the first `limit` of them."""
    words = tokens.folded.split(maxsplit=limit)
    return words[:limit] if limit >= 0 else words


def features_of(title: Words, body: Words, groups: Groups) -> set[str]:
    """Return all features of an article, from the words of its title and its body."""
    found: set[str] = set()
    for words in (title, body):
        for word in words:
            found.update(_of_word(word))
        found.update(f"{first} {second}" for first, second in _pairs(words))
    for word in title:
        found.update(IN_TITLE + feature for feature in _of_word(word))
    for word, count in Counter(chain(title, body)).items():
        found.update(_of_count(word, count))
    in_title = groups.of_words(title)
    found.update(IN_TITLE + feature for feature in _of_groups(in_title, groups, _TOGETHER_IN_TITLE))
    found.update(_of_groups(in_title | groups.of_words(body), groups, _TOGETHER))
    return found


class Places:
    """Where features first stand in a text."""

    def __init__(self, tokens: Tokens, groups: Groups) -> None:
        self._tokens = tokens
        self._groups = groups

    def of(self, feature: str) -> tuple[int, int] | None:
        """Return at which word a feature first stands, and how many words it covers; None if it does not.

        Of groups that occur together, the first one is looked for. `title: ` before a feature says where to look,
        which is the caller's part, and does not matter here.
        """
        wanted = feature.removeprefix(IN_TITLE).split(TIMES)[0]
        if wanted.startswith("{"):
            return self._of_groups.get(wanted[1 : wanted.index("}")])
        text = self._tokens.folded
        at = text.find(f" {wanted.removesuffix(CUT)}" if wanted.endswith(CUT) else f" {wanted} ")
        return (text.count(" ", 0, at), wanted.count(" ") + 1) if at >= 0 else None

    @cached_property
    def _of_groups(self) -> Mapping[str, tuple[int, int]]:
        return self._groups.places(words_of(self._tokens))


def _pairs(words: Words) -> Iterator[tuple[str, str]]:
    return ((first, second) for first, second in pairwise(words) if _STOP not in (first, second))


def _of_word(word: str) -> tuple[str, ...]:
    if word == _STOP or word.isdigit():
        return ()
    return (word, word[:STEM] + CUT) if len(word) >= STEM else (word,)


def is_word(name: str) -> bool:
    """Return whether a feature is a single word, wherever it stands."""
    return name[0] != "{" and name[-1] != CUT and " " not in name and TIMES not in name


def _of_count(word: str, count: int) -> list[str]:
    if word == _STOP or word.isdigit():
        return []
    return [f"{word}{TIMES}{times}" for times in OFTEN if times <= count]


def _of_groups(numbers: Set[int], groups: Groups, most: int) -> Iterator[str]:
    return (" ".join(f"{{{groups.names[one]}}}" for one in some) for some in _combined(numbers, most))


def _combined(numbers: Set[int], most: int) -> Iterator[tuple[int, ...]]:
    """Yield each number, each two of them, and so on, up to `most` together."""
    ordered = sorted(numbers)
    return chain.from_iterable(combinations(ordered, size) for size in range(1, most + 1))


class Vocabulary:
    """The features that a model knows, by number."""

    def __init__(self, names: Sequence[str], groups: Groups) -> None:
        self.names = tuple(names)
        self.groups = groups
        number = {name: i for i, name in enumerate(self.names)}
        self._words = _Words(number, "", groups)
        self._title_words = _Words(number, IN_TITLE, groups)
        self._combined = _combinations(number, "", groups)
        self._combined_in_title = _combinations(number, IN_TITLE, groups)
        self._groups = frozenset(range(len(self.names), len(self.names) + len(groups.names)))
        self._pairs = {
            (first, second): i
            for name, i in number.items()
            if name[0] != "{" and not name.startswith(IN_TITLE)
            for first, _, second in [name.partition(" ")]
            if second
        }
        self._is_word = np.array([is_word(name) for name in self.names], np.bool_)
        self._often: dict[str, list[tuple[int, int]]] = {}
        for name, i in number.items():
            word, _, times = name.partition(TIMES)
            if times:
                self._often.setdefault(word, []).append((int(times), i))

    def find(self, title: Words, body: Words) -> tuple[Numbers, float]:
        """Return the numbers of an article's features, and the share of its different words that the model knows.

        It finds what `features_of` names, each once and in no order, but is quicker.
        """
        counts = Counter(chain(title, body))
        in_title = set(title)
        found = set(chain.from_iterable(map(self._title_words.__getitem__, in_title)))
        title_groups = self._take_groups(found) | self.groups.of_pairs(title, in_title)
        found.update(chain.from_iterable(map(self._words.__getitem__, counts)))
        groups = self._take_groups(found) | title_groups | self.groups.of_pairs(body, counts.keys())
        found.update(map(self._combined_in_title.get, _combined(title_groups, _TOGETHER_IN_TITLE), repeat(_NONE)))
        found.update(map(self._combined.get, _combined(groups, _TOGETHER), repeat(_NONE)))
        found.update(map(self._pairs.get, chain(pairwise(title), pairwise(body)), repeat(_NONE)))
        found.discard(_NONE)
        for word, count in counts.items():
            if count > 1:
                found.update(i for times, i in self._often.get(word, ()) if times <= count)
        numbers = np.fromiter(found, np.intp, len(found))
        different = len(counts) - (_STOP in counts)
        return numbers, int(np.count_nonzero(self._is_word[numbers])) / different if different else 0.0

    def _take_groups(self, found: set[int]) -> set[int]:
        """Return the groups that stand among the features of words, behind them, and take them away."""
        groups = found & self._groups
        found -= groups
        return {number - len(self.names) for number in groups}


class _Words(dict[str, tuple[int, ...]]):
    """The features of a word and, behind all features, its groups; forgets all when too many words came by."""

    def __init__(self, number: Mapping[str, int], prefix: str, groups: Groups) -> None:
        super().__init__()
        self._number, self._prefix, self._groups = number, prefix, groups

    def __missing__(self, word: str) -> tuple[int, ...]:
        if len(self) >= _CACHED_WORDS:
            self.clear()
        numbers = [self._number.get(self._prefix + feature) for feature in _of_word(word)]
        numbers += [len(self._number) + group for group in self._groups.of_word(word)]
        found = self[word] = tuple(number for number in numbers if number is not None)
        return found


def _combinations(number: Mapping[str, int], prefix: str, groups: Groups) -> dict[tuple[int, ...], int]:
    """Return the features of groups that occur together, by the numbers of the groups."""
    of_group = {name: i for i, name in enumerate(groups.names)}
    start = prefix + "{"
    named = ((name.removeprefix(start)[:-1].split("} {"), i) for name, i in number.items() if name.startswith(start))
    return {tuple(of_group[name] for name in names): i for names, i in named if of_group.keys() >= set(names)}
