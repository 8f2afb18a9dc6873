"""How good the judgement is on labelled articles that it has never seen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from classifiers.combined import CombinedClassifier
from classifiers.definition import Theme
from classifiers.evaluating import SAMPLES, Report, evaluate
from classifiers.keywords import KeywordClassifier
from classifiers.labelled import Labelled
from classifiers.model.examples import Shelf, known_themes
from classifiers.model.groups import Groups
from classifiers.model.training import Recipe, train

FOLDS: Final = 5
WORDS_ALONE: Final = 0.3  # probability from which words alone assign a theme: where their F1 is best

COMBINED: Final = "combined"
TERMS: Final = "terms"
MODEL: Final = "model"

Verdicts = Mapping[str, list[frozenset[str]]]


def verdicts(articles: Sequence[Labelled], classifier: CombinedClassifier | KeywordClassifier) -> Verdicts:
    """Return the themes each article is given, by terms and model together and by each alone."""
    given: dict[str, list[frozenset[str]]] = {COMBINED: [], TERMS: [], MODEL: []}
    for one in articles:
        if isinstance(classifier, KeywordClassifier):
            scores = classifier.judge(one.title, one.summary, one.text)
            given[TERMS].append(frozenset(score.theme for score in scores))
            continue
        opinions = classifier.opinions(one.title, one.summary, one.text)
        given[COMBINED].append(_at_least(1.0, opinions.combined))
        given[TERMS].append(_at_least(1.0, opinions.terms))
        given[MODEL].append(_at_least(WORDS_ALONE, opinions.model))
    if isinstance(classifier, KeywordClassifier):
        del given[COMBINED], given[MODEL]
    return given


def _say_nothing(fold: int) -> None:
    """Show no progress."""


def cross_validate(
    articles: Sequence[Labelled],
    shelf: Shelf,
    themes: Mapping[str, Theme],
    groups: Groups,
    *,
    recipe: Recipe | None = None,
    folds: int = FOLDS,
    progress: Callable[[int], None] = _say_nothing,
) -> Verdicts:
    """Return the verdicts on articles, each by a model that has seen neither it nor a copy of it.

    Args:
        articles: What is judged; each fold also trains on the other folds of them.
        shelf: What every fold trains on besides.
        themes: The theme files.
        groups: Words that stand for one another.
        recipe: Of the training.
        folds: How many models; an article's fold follows from its id.
        progress: Called with each fold's number.
    """
    rest = shelf.without(articles)
    terms = KeywordClassifier(themes)
    given: dict[str, list[frozenset[str]]] = {name: [frozenset()] * len(articles) for name in (COMBINED, TERMS, MODEL)}
    for fold in range(folds):
        progress(fold)
        held = [i for i, one in enumerate(articles) if _fold(one.id, folds) == fold]
        out = [articles[i] for i in held]
        others = [one for one in articles if _fold(one.id, folds) != fold]
        seen = msgspec.structs.replace(rest, as_they_come=[*rest.as_they_come, *others]).without(out)
        model = train(seen.examples(terms, groups), known_themes(seen, themes), groups, recipe)
        for name, sets in verdicts(out, CombinedClassifier(themes, model)).items():
            for i, assigned in zip(held, sets, strict=True):
                given[name][i] = assigned
    return given


def report_on(
    articles: Sequence[Labelled], given: Verdicts, themes: Sequence[str], *, samples: int = SAMPLES
) -> Report:
    """Return precision, recall and F1 of each variant."""
    return evaluate(articles, given, themes, samples=samples)


def _at_least(score: float, scores: Mapping[str, float]) -> frozenset[str]:
    return frozenset(theme for theme, one in scores.items() if one >= score)


def _fold(article_id: str, folds: int) -> int:
    digest = hashlib.blake2b(article_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % folds
