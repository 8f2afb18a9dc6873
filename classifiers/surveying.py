"""What the terms of all themes find in a corpus: counted for those who look after the terms."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations
from typing import Final

from classifiers.definition import Theme
from classifiers.keywords import KeywordClassifier, bodies_of
from classifiers.languages import guess
from classifiers.terms import Term
from classifiers.tokens import Tokens

UNSPACED: Final = ("zh", "ja")

_MAX_FORMS: Final = 2_000  # different endings that are kept of one stem in one language; no honest stem has so many


class Survey:
    """Counts what themes find, article by article.

    Attributes:
        articles: Articles by language; of those under an empty one nobody knows.
        heard: The terms that occurred, as written.
        letters: The characters of all articles in Chinese or Japanese.
        caught: By term as written, stem of it that ends in `*`, and language: the endings, with the number of articles.
        assigned: Articles by theme.
        both: Articles by pair of themes, the pair in order of the alphabet.
    """

    def __init__(self, themes: Mapping[str, Theme]) -> None:
        self.articles: Counter[str] = Counter()
        self.heard: set[str] = set()
        self.letters: set[str] = set()
        self.caught: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        self.assigned: Counter[str] = Counter()
        self.both: Counter[tuple[str, str]] = Counter()
        self._classifier = KeywordClassifier(themes)
        self._stems = {i: stems for i, term in enumerate(self._classifier.terms) if (stems := _stems(term))}

    @property
    def read(self) -> int:
        """Return how many articles there were."""
        return self.articles.total()

    def add(self, title: str, summary: str = "", text: str = "", *, language: str = "") -> None:
        """Count an article; its language is guessed where it is not given."""
        language = language or guess(f"{title} {summary} {text[:500]}")
        self.articles[language] += 1
        if language in UNSPACED:
            self.letters.update(title, summary, text)
        head, bodies = Tokens(title), bodies_of(summary, text)
        scores = self._classifier.read(head, bodies).scores
        themes = sorted(theme for theme, score in scores.items() if score >= 1)
        self.assigned.update(themes)
        self.both.update(combinations(themes, 2))
        found = {place for _, body in bodies for place in self._find(head, body, language)}
        for term, stem, ending in found:
            self._take(self.caught[term, stem, language], ending)

    def _find(self, head: Tokens, body: Tokens, language: str) -> set[tuple[str, str, str]]:
        """Return the stems that caught something, with the endings; what was heard is noted on the way."""
        found = self._classifier.vocabulary.find(head, body)
        terms = self._classifier.terms
        self.heard.update(terms[index].written for _, index in found)
        if not language:
            return set()
        words: list[str] = []
        caught = set()
        for word, index in found:
            for place, stem in self._stems.get(index, ()):
                words = words or f"{head.folded} {body.folded}"[1:].split(" ")  # as the vocabulary numbers them
                whole = words[word + place]
                if whole.startswith(stem):  # else there is an Arabic letter before it
                    caught.add((terms[index].written, stem, whole[len(stem) :]))
        return caught

    def _take(self, endings: Counter[str], ending: str) -> None:
        if ending in endings or len(endings) < _MAX_FORMS:
            endings[ending] += 1


def _stems(term: Term) -> list[tuple[int, str]]:
    """Return the words of a term that end in `*`: their places in it, and what stands before the `*`."""
    stems, words = [], 0
    for pattern, length in zip((term.patterns[0], *term.then), term.lengths, strict=True):
        words += length
        if not pattern.endswith(" "):
            stems.append((words - 1, pattern.split()[-1].casefold()))
    return stems
