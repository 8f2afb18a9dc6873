"""Labelled articles to what training needs: their features, what the terms say, and how much each counts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from classifiers.keywords import KeywordClassifier, bodies_of
from classifiers.labelled import Labelled
from classifiers.model.features import MAX_WORDS, features_of, words_of
from classifiers.model.groups import Groups
from classifiers.model.training import Example
from classifiers.tokens import Tokens

Weights = tuple[float, float]

AS_THEY_COME: Final[Weights] = (3.0, 10.0)
"""Of articles drawn like the ones that will be judged: they say how often a term is right."""
PICKED: Final[Weights] = (1.0, 0.3)
"""Of articles chosen because they are hard: there are many of them, and they say what words mean."""
CORRECTED: Final[Weights] = (5.0, 10.0)
"""Of what an officer said about an alert: it must not happen again."""

_NO_WORD: Final = re.compile(r"\W+")


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """Labelled articles by how they were found."""

    as_they_come: Sequence[Labelled] = ()
    picked: Sequence[Labelled] = ()
    corrected: Sequence[Labelled] = ()

    def without(self, articles: Iterable[Labelled]) -> Shelf:
        """Return all but these articles, and but those that have the id or the title of one of them."""
        articles = list(articles)
        ids = {one.id for one in articles}
        titles = {_title(one) for one in articles} - {""}

        def rest(some: Sequence[Labelled]) -> list[Labelled]:
            return [one for one in some if one.id not in ids and _title(one) not in titles]

        return Shelf(as_they_come=rest(self.as_they_come), picked=rest(self.picked), corrected=rest(self.corrected))

    def examples(self, terms: KeywordClassifier, groups: Groups) -> list[Example]:
        """Return what training needs of each article."""
        parts = ((self.as_they_come, AS_THEY_COME), (self.picked, PICKED), (self.corrected, CORRECTED))
        return [example_of(one, terms, groups, weights) for some, weights in parts for one in some]


def example_of(article: Labelled, terms: KeywordClassifier, groups: Groups, weights: Weights = (1.0, 1.0)) -> Example:
    """Return what training needs of an article."""
    head, bodies = Tokens(article.title), bodies_of(article.summary, article.text)
    body = [word for _, tokens in bodies for word in words_of(tokens, MAX_WORDS)][:MAX_WORDS]
    return Example(
        id=article.id,
        features=frozenset(features_of(words_of(head), body, groups)),
        terms=terms.read(head, bodies).scores,
        themes=article.themes,
        unsure=article.unsure,
        weight=weights[0],
        stack_weight=weights[1],
    )


def known_themes(shelf: Shelf, themes: Collection[str]) -> list[str]:
    """Return those of `themes` that some article is labelled with, sorted."""
    some = (*shelf.as_they_come, *shelf.picked, *shelf.corrected)
    return sorted(set(themes) & {theme for one in some for theme in one.themes})


def _title(article: Labelled) -> str:
    return _NO_WORD.sub(" ", (article.title or article.text[:200]).casefold()).strip()
