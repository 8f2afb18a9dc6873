"""What the model sees of an article: its words, pairs of neighbours, stems, groups of words, and what is in the title.

A feature is a short text that people can read: `tariff`, `trade war`, `retal…` (a stem), `{US}` (a group),
`{US} {China}` (both occur), and each of them with `title: ` before it. An article has a feature or not; that a word
occurs two, four or eight times is a feature of its own, `oil×4`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Final

from classifiers.model.groups import Groups, bits_of
from classifiers.tokens import Tokens

MAX_WORDS: Final = 250  # of the body: what an article is about is said by then, and long texts weigh like short ones
STEM: Final = 5  # letters; carries an inflection in most European languages
IN_TITLE: Final = "title: "
CUT: Final = "…"
TIMES: Final = "×"
OFTEN: Final = (2, 4, 8)

_CACHED_WORDS: Final = 100_000
_CACHED_MASKS: Final = 20_000
_STOP: Final = "."

Words = Sequence[str]


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
    found.update(IN_TITLE + feature for feature in _of_mask(in_title, groups))
    found.update(_of_mask(in_title | groups.of_words(body), groups))
    return found


def place(feature: str, tokens: Tokens, groups: Groups) -> tuple[int, int] | None:
    """Return at which word of a text a feature first stands, and how many words it covers; None if it does not.

    Of two groups that occur together, the first one is looked for. `title: ` before a feature says where to look, which
    is the caller's part, and does not matter here.
    """
    wanted = feature.removeprefix(IN_TITLE).split(TIMES)[0]
    if wanted.startswith("{"):
        return groups.place(wanted[1 : wanted.index("}")], words_of(tokens))
    at = tokens.folded.find(f" {wanted.removesuffix(CUT)}" if wanted.endswith(CUT) else f" {wanted} ")
    return (tokens.folded.count(" ", 0, at), wanted.count(" ") + 1) if at >= 0 else None


def _pairs(words: Words) -> Iterator[tuple[str, str]]:
    return ((first, second) for first, second in pairwise(words) if _STOP not in (first, second))


def _of_word(word: str) -> tuple[str, ...]:
    if word == _STOP or word.isdigit():
        return ()
    return (word, word[:STEM] + CUT) if len(word) >= STEM else (word,)


def _of_count(word: str, count: int) -> list[str]:
    if word == _STOP or word.isdigit():
        return []
    return [f"{word}{TIMES}{times}" for times in OFTEN if times <= count]


def _of_mask(mask: int, groups: Groups) -> Iterator[str]:
    names = ["{" + groups.names[bit] + "}" for bit in bits_of(mask)]
    for i, name in enumerate(names):
        yield name
        for other in names[i + 1 :]:
            yield f"{name} {other}"


class Vocabulary:
    """The features that a model knows, by number."""

    def __init__(self, names: Sequence[str], groups: Groups) -> None:
        self.names = tuple(names)
        self.groups = groups
        number = {name: i for i, name in enumerate(self.names)}
        self._words = _Words(number, "")
        self._title_words = _Words(number, IN_TITLE)
        self._masks = _Masks(number, groups, "")
        self._title_masks = _Masks(number, groups, IN_TITLE)
        self._pairs = {
            tuple(name.split(" ")): i
            for name, i in number.items()
            if " " in name and name[0] != "{" and ": " not in name
        }
        self._known = frozenset(name for name in number if " " not in name)
        self._often: dict[str, list[tuple[int, int]]] = {}
        for name, i in number.items():
            word, _, times = name.partition(TIMES)
            if times:
                self._often.setdefault(word, []).append((int(times), i))

    def find(self, title: Words, body: Words) -> tuple[list[int], float]:
        """Return the numbers of an article's features, and the share of its different words that the model knows.

        It finds what `features_of` names, each once and in no order, but is quicker.
        """
        words, groups = {*title, *body}, self.groups
        found = set(chain.from_iterable(map(self._words.__getitem__, words)))
        found.update(chain.from_iterable(map(self._title_words.__getitem__, title)))
        if len(words) < len(title) + len(body) and (often := words & self._often.keys()):
            counts = Counter(chain(title, body))
            found.update(i for word in often for times, i in self._often[word] if times <= counts[word])
        title_pairs = set(pairwise(title))
        pairs = title_pairs.union(pairwise(body))
        found.update([self._pairs[pair] for pair in pairs & self._pairs.keys()])
        in_title = groups.of_set(title, title_pairs)
        found.update(self._title_masks[in_title])
        found.update(self._masks[in_title | groups.of_set(words, pairs)])
        words.discard(_STOP)
        return list(found), len(words & self._known) / len(words) if words else 0.0


class _Words(dict[str, tuple[int, ...]]):
    """The features of a word, worked out once; forgets all when too many different words came by."""

    def __init__(self, number: Mapping[str, int], prefix: str) -> None:
        super().__init__()
        self._number, self._prefix = number, prefix

    def __missing__(self, word: str) -> tuple[int, ...]:
        if len(self) >= _CACHED_WORDS:
            self.clear()
        numbers = (self._number.get(self._prefix + feature) for feature in _of_word(word))
        found = self[word] = tuple(number for number in numbers if number is not None)
        return found


class _Masks(dict[int, tuple[int, ...]]):
    """The features of a set of groups, worked out once."""

    def __init__(self, number: Mapping[str, int], groups: Groups, prefix: str) -> None:
        super().__init__()
        self._number, self._groups, self._prefix = number, groups, prefix

    def __missing__(self, mask: int) -> tuple[int, ...]:
        if len(self) >= _CACHED_MASKS:
            self.clear()
        numbers = (self._number.get(self._prefix + feature) for feature in _of_mask(mask, self._groups))
        found = self[mask] = tuple(number for number in numbers if number is not None)
        return found
