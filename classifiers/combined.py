"""Terms and model together: what terms miss the words may show, and what terms catch wrongly the words may veto."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

import msgspec
import numpy as np

from classifiers.definition import Theme
from classifiers.keywords import Body, KeywordClassifier, Reading, bodies_of
from classifiers.model.features import IN_TITLE, MAX_WORDS, Places, words_of
from classifiers.model.weights import Model, bends
from classifiers.observing import Observer, Seen
from classifiers.parents import with_parents
from classifiers.tokens import Tokens
from deskwatch.records import Article, Evidence, ThemeScore

LEAST_KNOWN: Final = 0.5  # share of an article's words the model must have seen to have a say
BY_MODEL: Final = "model"

_WORDS_SHOWN: Final = 8  # of one theme: what the model has to say is many small things
_DENIED: Final = 0.99  # just not enough
_FAINT: Final = 0.05  # what adds less to a score is not worth showing


class Opinions(msgspec.Struct, frozen=True, kw_only=True):
    """What terms and model say about an article, each for itself and together, by theme.

    Attributes:
        terms: At 1 the terms assign the theme; themes none of whose terms occurs are not there.
        model: Probability by the words alone; empty where the model abstains.
        combined: At 1 the theme is assigned; themes that nothing speaks of are not there.
    """

    terms: Mapping[str, float]
    model: Mapping[str, float]
    combined: Mapping[str, float]


class CombinedClassifier:
    """Judges articles by the terms of theme files and by a model that has learnt from labelled articles.

    A theme that the model does not know, and an article in a language it has not learnt, are judged by terms alone.
    Where a theme file says `not`, the model does not add the theme. And as it has learnt from the beginnings of
    articles, it may add a theme to a longer one, but not veto what the terms find in the whole.
    """

    def __init__(self, themes: Mapping[str, Theme], model: Model, *, observer: Observer | None = None) -> None:
        self._observer = observer
        self.terms = KeywordClassifier(themes)
        self.model = model
        self.themes = self.terms.themes
        digest = hashlib.sha256(f"{self.terms.name}+{model.name}".encode()).hexdigest()
        self.name = f"combined-{digest[:12]}"
        self.definitions = {
            theme: f"{own}+{model.name}" if theme in model.themes else own
            for theme, own in self.terms.definitions.items()
        }
        self._columns = {theme: i for i, theme in enumerate(model.themes) if theme in themes}
        self._bends = model.stack[:, 2:].tolist()
        self._start = 1.0 + model.stack[:, 0] - model.thresholds

    def classify(self, article: Article) -> tuple[ThemeScore, ...]:
        """Return the themes assigned to the article (score >= 1), best first."""
        return self.judge(article.title, article.summary, article.text or "")

    def judge(self, title: str, summary: str = "", text: str = "", *, at_least: float = 1.0) -> tuple[ThemeScore, ...]:
        """Return the themes with a score of `at_least`, best first."""
        article = _Article(title, summary, text, self)
        scores = self._scores(article)
        judged = [
            article.reading.judged(theme)
            if article.foreign or theme not in self._columns or theme in article.by_terms
            else self._explain(article, theme, score)
            for theme, score in scores.items()
            if score >= at_least
        ]  # fmt: skip
        if self._observer is not None:
            self._observer(Seen(article.reading.scores, scores, judged, by_model=not article.foreign))
        return with_parents(judged, self.terms.parents)

    def opinions(self, title: str, summary: str = "", text: str = "") -> Opinions:
        """Return what terms and model say, each for itself and together."""
        article = _Article(title, summary, text, self)
        model: dict[str, float] = {}
        if not article.foreign:
            probabilities = self.model.probabilities(article.features).tolist()
            model = {theme: probabilities[column] for theme, column in self._columns.items()}
        return Opinions(terms=article.reading.scores, model=model, combined=self._scores(article))

    def _scores(self, article: _Article) -> Mapping[str, float]:
        by_terms = article.reading.scores
        if article.foreign:
            return by_terms
        words = (self._start + self.model.stack[:, 1] * self.model.words(article.features)).tolist()
        scores = {theme: words[column] for theme, column in self._columns.items()}
        for theme, score in by_terms.items():
            column = self._columns.get(theme)
            scores[theme] = score if column is None else scores[theme] + self._by_terms(column, score)
            if article.is_long and scores[theme] < 1.0 <= score:
                scores[theme] = score
                article.by_terms.add(theme)
        for theme in article.reading.denied:
            if theme in self._columns and by_terms.get(theme, 0.0) < 1.0:
                scores[theme] = min(scores[theme], _DENIED)
        return scores

    def _by_terms(self, column: int, score: float) -> float:
        weights: list[float] = self._bends[column]
        return sum(weight * bend for weight, bend in zip(weights, bends(score), strict=True))

    def _explain(self, article: _Article, theme: str, score: float) -> ThemeScore:
        """Return a score with its arithmetic: base + evidence + rest, in units of the log-odds."""
        column = self._columns[theme]
        own = article.reading.judged(theme)
        share = self._by_terms(column, own.score) / own.score if own.score else 0.0
        terms = [msgspec.structs.replace(one, weight=round(one.weight * share, 4)) for one in own.evidence]
        evidence = (*terms, *self._words(article, column))
        base = float(self._start[column] + self.model.stack[column, 1] * self.model.bias[column])
        return ThemeScore(
            theme=theme,
            score=round(score, 4),
            evidence=evidence,
            base=round(base, 4),
            rest=round(score - base - sum(one.weight for one in evidence), 4),
            probability=round(float(1 / (1 + np.exp(1.0 - score - self.model.thresholds[column]))), 4),
        )

    def _words(self, article: _Article, column: int) -> Iterator[Evidence]:
        """Yield what the model goes by, the heaviest first."""
        parts = self.model.contributions(column, article.features)
        for i in np.argsort(-np.abs(parts))[:_WORDS_SHOWN].tolist():
            weight = float(parts[i])
            if abs(weight) < _FAINT:
                return
            feature = self.model.vocabulary.names[article.features[i]]
            fields = article.fields[:1] if feature.startswith(IN_TITLE) else article.fields
            for (field, tokens), places in zip(fields, article.places, strict=False):
                at = places.of(feature)
                if at is not None:
                    start, end = tokens.span(*at)
                    yield Evidence(
                        term=feature, field=field, start=start, end=end, weight=round(weight, 4), by=BY_MODEL
                    )
                    break


class _Article:
    """An article in words, with what the terms found in it and what the model knows of it."""

    def __init__(self, title: str, summary: str, text: str, judge: CombinedClassifier) -> None:
        head, bodies = Tokens(title), bodies_of(summary, text)
        self.fields: list[Body] = [("title", head), *bodies]
        self.reading: Reading = judge.terms.read(head, bodies)
        words = list(chain.from_iterable(words_of(tokens, MAX_WORDS + 1) for _, tokens in bodies))
        self.features, known = judge.model.vocabulary.find(words_of(head), words[:MAX_WORDS])
        self.foreign = known < LEAST_KNOWN
        self.is_long = len(words) > MAX_WORDS
        self.places = [Places(tokens, judge.model.vocabulary.groups) for _, tokens in self.fields]
        self.by_terms: set[str] = set()  # themes for which the terms alone decide
