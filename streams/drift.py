"""Counts what shows that a theme drifts, while articles are judged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import Counter, Histogram

from classifiers.observing import Seen
from streams.metrics import ClassifierMetrics

ADDED: Final = "added"
VETOED: Final = "vetoed"


class Drift:
    """An observer that counts: by theme, how often terms occur, how high the scores are, and where the model objects.

    Looking up a label takes longer than counting, so what is counted for each is looked up once.
    """

    def __init__(self, metrics: ClassifierMetrics, *, term_hits: bool = True) -> None:
        self._metrics = metrics
        self._by_model, self._by_terms = metrics.judged.labels("model"), metrics.judged.labels("terms")
        self._themes: dict[str, _Theme] = {}
        self._term_hits = term_hits

    def begin(self, themes: Iterable[str], *, configured: bool, loaded: bool) -> None:
        """Show all series of the themes, at 0, and whether there is a model file, and whether it judges."""
        for theme in themes:
            self._of(theme)
        self._metrics.model_configured.set(configured)
        self._metrics.model_loaded.set(loaded)

    def __call__(self, seen: Seen) -> None:
        """Count one article."""
        terms, scores = seen.terms, seen.scores
        (self._by_model if seen.by_model else self._by_terms).inc()
        for name, score in terms.items():
            theme = self._of(name)
            theme.found.inc()
            if score >= 1 and scores.get(name, 0.0) < 1:
                theme.vetoed.inc()
        for name, score in scores.items():
            if score > 0:
                theme = self._of(name)
                theme.scores.observe(score)
                if score >= 1 and terms.get(name, 0.0) < 1:
                    theme.added.inc()
        if self._term_hits:
            for judged in seen.judged:
                if judged.score >= 1:
                    self._of(judged.theme).hit({one.term for one in judged.evidence if one.by == "terms"})

    def _of(self, name: str) -> _Theme:
        theme = self._themes.get(name)
        if theme is None:
            theme = self._themes[name] = _Theme(self._metrics, name)
        return theme


class _Theme:
    """What is counted of one theme."""

    def __init__(self, metrics: ClassifierMetrics, name: str) -> None:
        self.found: Counter = metrics.terms_found.labels(name)
        self.added: Counter = metrics.disagreements.labels(name, ADDED)
        self.vetoed: Counter = metrics.disagreements.labels(name, VETOED)
        self.scores: Histogram = metrics.scores.labels(name)
        self._hits: dict[str, Counter] = {}
        self._name, self._metrics = name, metrics

    def hit(self, terms: Iterable[str]) -> None:
        """Count the terms that are evidence of one article."""
        for term in terms:
            counter = self._hits.get(term)
            if counter is None:
                counter = self._hits[term] = self._metrics.term_hits.labels(self._name, term)
            counter.inc()
