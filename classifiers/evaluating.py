"""Precision, recall and F1 of several classifiers on the same labelled articles, with bootstrap intervals.

Articles are drawn with replacement, the same ones for every variant, so that the difference of two variants has an
interval of its own, which is far narrower than those of the two.

Source:
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13 (percentile interval).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from classifiers.labelled import Labelled

SAMPLES: Final = 1_000
LEVEL: Final = 0.95

_BLOCK: Final = 4_000_000  # drawn articles held at a time

Floats = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and its interval; None where it is not defined, such as the recall of what nobody labelled."""

    value: float | None
    low: float | None
    high: float | None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How well one variant finds one theme, or all of them."""

    precision: Estimate
    recall: Estimate
    f1: Estimate


class ThemeResult(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of one theme by variant, and how many articles carry it."""

    theme: str
    positives: int
    scores: dict[str, Score]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """By how much the F1 of the first variant exceeds that of another on the same articles."""

    micro: Estimate
    macro: Estimate


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `evaluate` found.

    Attributes:
        variants: Their names; the first is the one whose worth is in question.
        themes: By id. Those without a positive are in neither `micro` nor `macro`.
        differences: By the other variant.
        unknown: Themes that the articles are labelled with, but that nobody judged.
    """

    articles: int
    samples: int
    level: float
    variants: tuple[str, ...]
    themes: tuple[ThemeResult, ...]
    micro: dict[str, Score]
    macro: dict[str, Score]
    differences: dict[str, Difference]
    unknown: tuple[str, ...]


class _Rates(NamedTuple):
    """Figures in the order precision, recall, F1; first the articles as they are, then one row a resample."""

    themes: Floats  # [1 + samples, 3, themes]
    micro: Floats  # [1 + samples, 3]
    macro: Floats  # [1 + samples, 3]


def evaluate(
    gold: Sequence[Labelled],
    assigned: Mapping[str, Sequence[Collection[str]]],
    themes: Collection[str],
    *,
    samples: int = SAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Report:
    """Return how well each variant finds the themes; pairs of article and theme that are `unsure` count for nothing.

    Args:
        gold: Labelled articles.
        assigned: By variant, the themes it gave each article, in the order of `gold`; the variant in question first.
        themes: What the variants could assign.
        samples: Bootstrap resamples.
        level: Of the intervals.
        seed: Equal seeds give equal intervals.

    Raises:
        ValueError: a variant judged another number of articles.
    """
    for name, given in assigned.items():
        if len(given) != len(gold):
            raise ValueError(f"variant {name} judged {len(given)} articles of {len(gold)}")
    order = sorted(themes)
    is_so = _marks([article.themes for article in gold], order)
    counts_for = ~_marks([article.unsure for article in gold], order)
    positives = (is_so & counts_for).sum(axis=0)
    draws = _draws(len(gold), samples, seed)
    rates = {
        name: _rates(is_so & counts_for, _marks(given, order) & counts_for, positives > 0, draws)
        for name, given in assigned.items()
    }
    first, *others = rates.items()
    return Report(
        articles=len(gold),
        samples=samples,
        level=level,
        variants=tuple(assigned),
        themes=tuple(
            ThemeResult(
                theme=theme,
                positives=int(positives[i]),
                scores={name: _score(rate.themes[:, :, i], level) for name, rate in rates.items()},
            )
            for i, theme in enumerate(order)
        ),
        micro={name: _score(rate.micro, level) for name, rate in rates.items()},
        macro={name: _score(rate.macro, level) for name, rate in rates.items()},
        differences={
            name: Difference(
                micro=_estimate(first[1].micro[:, 2] - rate.micro[:, 2], level),
                macro=_estimate(first[1].macro[:, 2] - rate.macro[:, 2], level),
            )
            for name, rate in others
        },
        unknown=tuple(sorted(frozenset[str]().union(*(article.themes for article in gold)) - set(order))),
    )


def _marks(sets: Sequence[Collection[str]], order: Sequence[str]) -> Marks:
    """Return which article (row) has which theme (column)."""
    column = {theme: i for i, theme in enumerate(order)}
    marks = np.zeros((len(sets), len(order)), dtype=np.bool_)
    for row, themes in enumerate(sets):
        marks[row, [column[theme] for theme in themes if theme in column]] = True
    return marks


def _draws(articles: int, samples: int, seed: int) -> list[Floats]:
    """Return how often each article (column) is in each sample (row), in blocks; the first row has each once."""
    blocks: list[Floats] = [np.ones((1, articles))]
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // max(1, articles))
    for start in range(0, samples if articles else 0, step):
        rows = min(step, samples - start)
        drawn = rng.integers(0, articles, (rows, articles)) + np.arange(rows)[:, None] * articles
        counts = np.bincount(drawn.ravel(), minlength=rows * articles)
        blocks.append(counts.reshape(rows, articles).astype(np.float64))
    return blocks


def _rates(is_so: Marks, said: Marks, scored: Marks, draws: Sequence[Floats]) -> _Rates:
    """Return the rates of one variant in each sample; nan where one is not defined."""
    hits, found, real = (
        np.concatenate([block @ marks.astype(np.float64) for block in draws]) for marks in (is_so & said, said, is_so)
    )
    by_theme = np.stack(_three(hits, found, real), axis=1)
    micro = np.stack(_three(*(part[:, scored].sum(axis=1) for part in (hits, found, real))), axis=1)
    part = by_theme[:, :, scored]
    defined = ~np.isnan(part)
    macro = _divide(np.where(defined, part, 0.0).sum(axis=2), defined.sum(axis=2).astype(np.float64))
    return _Rates(by_theme, micro, macro)


def _three(hits: Floats, found: Floats, real: Floats) -> tuple[Floats, Floats, Floats]:
    """Return precision, recall and F1; the F1 of what never occurs is not defined, whatever was found."""
    f1 = _divide(2 * hits, np.where(real > 0, found + real, 0.0))
    return _divide(hits, found), _divide(hits, real), f1


def _divide(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _score(rates: Floats, level: float) -> Score:
    precision, recall, f1 = (_estimate(rates[:, i], level) for i in range(3))
    return Score(precision=precision, recall=recall, f1=f1)


def _estimate(values: Floats, level: float) -> Estimate:
    """Return the first value with the interval that the others give."""
    drawn = values[1:][~np.isnan(values[1:])]
    if np.isnan(values[0]):
        return Estimate(value=None, low=None, high=None)
    value = float(values[0])
    if not len(drawn):
        return Estimate(value=value, low=value, high=value)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value=value, low=float(low), high=float(high))
