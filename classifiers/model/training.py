"""Labelled articles to a model, with scikit-learn; the only place that imports it.

For each theme a linear support vector machine over the features of articles, each feature scaled by what it tells of
the theme; its verdicts on articles it has not seen (five folds) then train a logistic regression, which weighs them
against the terms. The probabilities are calibrated, because that one is fitted on unseen articles and not weighted by
class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from classifiers.model.features import CUT, IN_TITLE, TIMES, is_word
from classifiers.model.groups import Groups
from classifiers.model.weights import Floats, Model, bends, fingerprint

Booleans = NDArray[np.bool_]

FOLDS: Final = 5
_LEAST_SLOPE: Final = 0.1  # words that say the opposite on unseen articles say nothing
LEAST_POSITIVES: Final = 2  # of a theme; with fewer there is nothing to learn, and the terms stand alone


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled article as training sees it.

    Attributes:
        terms: Score by terms alone, of the themes that have any.
        weight: How many ordinary articles this one counts for when words are weighed.
        stack_weight: The same when words and terms are weighed against each other. Articles that were picked because
            terms and model disagree about them make the terms look worse than they are, so they count little there.
    """

    id: str = ""
    features: frozenset[str]
    terms: Mapping[str, float]
    themes: frozenset[str]
    unsure: frozenset[str] = frozenset()
    weight: float = 1.0
    stack_weight: float = 1.0


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """The choices of a training.

    Attributes:
        least_articles: Of a feature; rarer ones are left out.
        least_chi_square: Of a feature that is no single word, with the theme it goes with best; 3.84 is reached by
            chance once in twenty.
        freedom: Of the weights; scikit-learn's C.
        hinge: Whether weights are those of a support vector machine (squared hinge loss), not of a logistic regression.
        title, pairs, stems, groups, often: What a feature of this kind weighs beside a single word; 0 leaves it out.
        rarity: Power of the inverse document frequency.
        relevance: Power of chi-square of feature and theme, by which the feature is scaled before the weights of this
            theme are found; 0 scales none.
        cut: Probability from which a theme is assigned; None: where F1 was best on unseen articles.
    """

    least_articles: int = 3
    least_chi_square: float = 3.84
    freedom: float = 1.0
    hinge: bool = True
    title: float = 1.3
    pairs: float = 0.7
    stems: float = 0.8
    groups: float = 1.4
    often: float = 1.0
    rarity: float = 0.5
    relevance: float = 0.125
    cut: float | None = 0.4
    seed: int = 0


def train(
    examples: Sequence[Example],
    themes: Sequence[str],
    groups: Groups,
    recipe: Recipe | None = None,
    card: Mapping[str, str] | None = None,
) -> Model:
    """Return a model of the themes that have positives enough.

    Args:
        examples: Their features made with the same `groups`.
        themes: What can be learnt, in any order.
        groups: Kept with the model.
        recipe: How; the usual way unless given.
        card: Kept with the model, for people.

    Raises:
        ValueError: no theme has.
    """
    from threadpoolctl import threadpool_limits

    recipe = recipe or Recipe()
    counts = Counter(theme for example in examples for theme in example.themes - example.unsure)
    learnt = [theme for theme in themes if LEAST_POSITIVES <= counts[theme] < len(examples)]
    if not learnt:
        raise ValueError(f"no theme has {LEAST_POSITIVES} labelled articles; there is nothing to learn from")
    names, units = _vocabulary([example.features for example in examples], recipe)
    every = _matrix([example.features for example in examples], names, units)
    kept = _telling(every, names, [[theme in one.themes for one in examples] for theme in learnt], recipe)
    names, units = [names[i] for i in kept], units[kept]
    matrix = _matrix([example.features for example in examples], names, units)
    weights = np.array([(example.weight, example.stack_weight) for example in examples])
    rows = []
    for theme in learnt:
        sure = np.array([theme not in example.unsure for example in examples])
        wanted = np.array([theme in example.themes for example in examples])[sure]
        terms = np.array([bends(example.terms.get(theme, 0.0)) for example in examples])[sure]
        with threadpool_limits(1):  # threads that wait for each other cost more here than they bring
            rows.append(_learn(matrix[sure], wanted, terms, weights[sure], recipe))
    return Model(
        themes=learnt,
        names=names,
        groups=groups,
        units=units,
        weights=np.stack([row[0] for row in rows], axis=1),
        bias=_floats([row[1] for row in rows]),
        stack=_floats([row[2] for row in rows]),
        thresholds=_floats([row[3] for row in rows]),
        seen=np.sort(np.array([fingerprint(example.id) for example in examples], np.uint64)),
        card=card,
    )


def _vocabulary(features: Sequence[frozenset[str]], recipe: Recipe) -> tuple[list[str], Floats]:
    """Return the features that are frequent enough, sorted, and the unit of each."""
    counts = Counter(chain.from_iterable(features))
    names = sorted(
        name
        for name, count in counts.items()
        if count >= recipe.least_articles and "\n" not in name and _kind(name, recipe) > 0
    )
    rarity = np.log((1 + len(features)) / (1 + np.array([counts[name] for name in names]))) + 1
    kinds = np.array([_kind(name, recipe) for name in names])
    return names, _floats(rarity**recipe.rarity * kinds)


def _kind(name: str, recipe: Recipe) -> float:
    if name.startswith(IN_TITLE):
        return recipe.title * (recipe.groups if name.startswith(IN_TITLE + "{") else 1.0)
    if name.startswith("{"):
        return recipe.groups
    if TIMES in name:
        return recipe.often
    if " " in name:
        return recipe.pairs
    return recipe.stems if name.endswith(CUT) else 1.0


def _matrix(features: Sequence[frozenset[str]], names: Sequence[str], units: Floats) -> Any:
    from scipy.sparse import csr_matrix

    number = {name: i for i, name in enumerate(names)}
    rows = [sorted(number[name] for name in one if name in number) for one in features]
    starts = np.cumsum([0, *map(len, rows)])
    index = np.array(list(chain.from_iterable(rows)), np.intp)
    values = units[index].astype(np.float64)
    lengths = np.sqrt(np.add.reduceat(np.append(values**2, 0.0), starts[:-1]))
    lengths[(starts[1:] == starts[:-1]) | (lengths == 0)] = 1.0
    return csr_matrix((values / np.repeat(lengths, np.diff(starts)), index, starts), (len(rows), len(names)))


def _learn(
    matrix: Any, wanted: Booleans, terms: NDArray[np.float64], weights: NDArray[np.float64], recipe: Recipe
) -> tuple[Floats, float, Floats, float]:
    """Return w, b, stack and threshold of one theme."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    unseen = np.zeros(len(wanted))
    folds = StratifiedKFold(min(FOLDS, int(wanted.sum())), shuffle=True, random_state=recipe.seed)
    for seen, held in folds.split(matrix, wanted):
        w, b = _fit(matrix[seen], wanted[seen], weights[seen, 0], recipe)
        unseen[held] = matrix[held] @ w + b
    slope, start = _calibration(unseen, wanted, weights[:, 1])
    both = np.column_stack([slope * unseen + start, terms])
    top = LogisticRegression(C=1.0, max_iter=1000).fit(both, wanted, sample_weight=weights[:, 1])
    probability = top.predict_proba(both)[:, 1]
    cut = recipe.cut if recipe.cut is not None else _best_cut(probability, wanted)
    w, b = _fit(matrix, wanted, weights[:, 0], recipe)
    stack = _floats([top.intercept_[0], *top.coef_[0]])
    return _floats(slope * w), slope * b + start, stack, float(np.log(cut / (1 - cut)))


def _calibration(unseen: NDArray[np.float64], wanted: Booleans, weights: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and start that make log-odds of what a classifier says of unseen articles (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression(C=1.0, max_iter=1000)
    line.fit(unseen[:, None], wanted, sample_weight=weights)
    return max(float(line.coef_[0, 0]), _LEAST_SLOPE), float(line.intercept_[0])


def _fit(
    matrix: Any, wanted: Booleans, weights: NDArray[np.float64], recipe: Recipe
) -> tuple[NDArray[np.float64], float]:
    """Return w and b that tell the wanted articles from the others by their words."""
    from scipy.sparse import diags
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    scale = _relevance(matrix, wanted, weights, recipe.relevance)
    if recipe.hinge:
        model = LinearSVC(C=recipe.freedom, random_state=recipe.seed)
    else:
        model = LogisticRegression(C=recipe.freedom, max_iter=1000)
    model.fit(matrix @ diags(scale) if recipe.relevance else matrix, wanted, sample_weight=weights)
    return model.coef_[0] * scale, float(model.intercept_[0])


def _telling(matrix: Any, names: Sequence[str], themes: Sequence[Sequence[bool]], recipe: Recipe) -> NDArray[np.intp]:
    """Return the numbers of the features that go with some theme or against it more than chance would have it.

    Words are kept in any case: how many of an article's words are known tells in which language it is.
    """
    alone = np.ones(matrix.shape[0])
    most = np.max([len(alone) * _association(matrix, np.array(wanted), alone) for wanted in themes], axis=0)
    return np.flatnonzero((most >= recipe.least_chi_square) | np.array([is_word(name) for name in names]))


def _relevance(matrix: Any, wanted: Booleans, weights: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """Return what each feature is scaled by: how far it goes with the theme or against it, 1 on average (of squares).

    What tells nothing becomes small, so that the few articles of a small theme need not unlearn it.
    """
    if power == 0:
        return np.ones(matrix.shape[1])
    scale = _association(matrix, wanted, weights) ** power
    return np.asarray(scale / max(float(np.sqrt(np.mean(scale**2))), 1e-9))


def _association(matrix: Any, wanted: Booleans, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return chi-square of each feature and the theme, for each article: 0 by chance, 1 if they go hand in hand."""
    has = matrix.T.astype(bool).astype(np.float64)
    total, positive = weights.sum(), weights[wanted].sum()
    count, hits = has @ weights, has @ (weights * wanted)
    apart = hits * total - count * positive
    spread = count * (total - count) * positive * (total - positive)
    return np.asarray(apart**2 / np.maximum(spread, 1.0))


def _best_cut(probability: NDArray[np.float64], wanted: Booleans) -> float:
    """Return the probability from which on F1 is best, drawn towards a half where few articles decide it."""
    order = np.argsort(-probability)
    hits = np.cumsum(wanted[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + wanted.sum())
    best = probability[order[int(f1.argmax())]]
    trust = wanted.sum() / (wanted.sum() + 20)
    return float(np.clip(trust * best + (1 - trust) * 0.4, 0.05, 0.95))


def _floats(values: Any) -> Floats:
    return np.asarray(values, np.float32)
