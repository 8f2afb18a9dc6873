"""The model itself: numbers, and what they make of an article's words and terms.

For one theme, z = b + sum(w_f x_f) over the features f of an article, x_f = u_f / sqrt(sum(u_g^2)): a linear model over
unit-length vectors. Terms and words are then put together in log-odds, by a second linear model that was fitted on
articles the first one had not seen (stacking; Wolpert 1992), so that it is calibrated:

    logit(p) = start + words * z + terms . bends(s)        s: the theme's score by its terms alone

An article gets the theme when logit(p) reaches `threshold`; the score that is shown is 1 + logit(p) - threshold, so it
is 1 there, and each unit is a factor of e in the odds.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.model.features import Numbers, Vocabulary
from classifiers.model.groups import Groups

Floats = NDArray[np.float32]

BENDS: Final = 5  # numbers that stand for a terms score
VERSION: Final = 1


def bends(score: float) -> tuple[float, float, float, float, float]:
    """Return a score by terms in pieces, so that a linear model can follow a curve through them."""
    return (
        min(max(score, -1.0), 1.0),
        min(max(score, 1.0), 3.0) - 1.0,
        float(score >= 1.0),
        float(score >= 0.55),
        float(score != 0.0),
    )


def fingerprint(article_id: str) -> np.uint64:
    """Return what stands for an article in a model."""
    digest = hashlib.blake2b(article_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "big"))


class Model:
    """What was learnt about some themes; does not change.

    Attributes:
        themes: Ids, in the order of the columns and rows below.
        vocabulary: The features.
        units: u of each feature, shape (features,).
        weights: w, shape (features, themes).
        bias: b, shape (themes,).
        stack: start, words and terms of each theme, shape (themes, 2 + BENDS).
        thresholds: In log-odds, shape (themes,).
        seen: Fingerprints of the articles it was trained on, sorted; nothing is measured on those.
        card: How it came about, for people: flat texts.
    """

    def __init__(
        self,
        *,
        themes: Sequence[str],
        names: Sequence[str],
        groups: Groups,
        units: Floats,
        weights: Floats,
        bias: Floats,
        stack: Floats,
        thresholds: Floats,
        seen: NDArray[np.uint64] | None = None,
        card: Mapping[str, str] | None = None,
    ) -> None:
        self.themes = tuple(themes)
        self.vocabulary = Vocabulary(names, groups)
        self.units, self.bias = units, bias
        self.weights = weights.astype(np.float16).astype(np.float32)  # as the file keeps them
        self.stack, self.thresholds = stack, thresholds
        self.seen = np.zeros(0, np.uint64) if seen is None else seen
        self.card = dict(card or {})

    @cached_property
    def name(self) -> str:
        """Return a hash of all that judges: equal names, equal verdicts."""
        members = (f"{name}: {', '.join(words)}" for name, words in self.vocabulary.groups.members.items())
        digest = hashlib.sha256("\n".join((*self.themes, "", *self.vocabulary.names, "", *members)).encode())
        for part in (self.units, self.weights, self.bias, self.stack, self.thresholds):
            digest.update(np.ascontiguousarray(part, np.float32).tobytes())
        return f"model-{digest.hexdigest()[:12]}"

    def has_seen(self, article_id: str) -> bool:
        """Return whether an article took part in the training."""
        wanted = fingerprint(article_id)
        at = int(np.searchsorted(self.seen, wanted))
        return at < len(self.seen) and self.seen[at] == wanted

    def words(self, features: Numbers) -> Floats:
        """Return z of each theme for an article with these features, shape (themes,)."""
        return self._strengths(features) @ self.weights[features] + self.bias

    def probabilities(self, features: Numbers) -> Floats:
        """Return how likely each theme is by the words alone, shape (themes,)."""
        odds = np.exp(-self.words(features).astype(np.float64))
        return np.asarray(1.0 / (1.0 + odds), np.float32)

    def contributions(self, theme: int, features: Numbers) -> Floats:
        """Return what each feature adds to logit(p) of one theme, shape (features,)."""
        return np.asarray(self.stack[theme, 1] * self._strengths(features) * self.weights[features, theme], np.float32)

    def _strengths(self, features: Numbers) -> Floats:
        """Return x of each feature of an article that has just these, shape (features,)."""
        units = self.units[features]
        return units / max(math.sqrt(units @ units), 1e-9)
