"""The review queue: what one label would teach most, where terms and model disagree or are unsure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from classifiers.jsonlines import encode_line
from classifiers.labelled import Item
from deskwatch.records import Evidence

PER_THEME: Final = 25
LIMIT: Final = 200
WORTH_ASKING: Final = 0.25

_UNSURE: Final = 0.25  # what being undecided adds: a clear disagreement teaches more than a shrug


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What terms and model say about one theme of one article.

    Attributes:
        terms_score: At 1 the terms assign the theme.
        model_probability: None where there is no model of the theme.
        evidence: The terms, with their places.
    """

    terms_score: float = 0.0
    model_probability: float | None = None
    evidence: tuple[Evidence, ...] = ()


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Is this article about this theme? `worth` says how much the answer would teach."""

    article: Item
    theme: str
    terms_score: float
    model_probability: float | None
    evidence: tuple[Evidence, ...]
    worth: float


def ask_about(
    judged: Iterable[tuple[Item, Mapping[str, Opinion]]],
    *,
    corrected: Collection[tuple[str, str]] = frozenset(),
    threshold: float = 0.5,
    per_theme: int = PER_THEME,
    limit: int = LIMIT,
) -> list[Question]:
    """Return the questions that teach most, the best first.

    Each theme gets its best question before any theme gets its second one, so none starves. Of copies of one title
    only one is asked about.

    Args:
        judged: Articles, each with the opinions by theme; a theme left out is one that neither sees.
        corrected: Pairs of article id and theme that were answered before.
        threshold: The probability from which on the model says yes.
        per_theme: Questions of one theme at most.
        limit: Questions at most.
    """
    by_theme: dict[str, list[Question]] = defaultdict(list)
    for article, opinions in judged:
        for theme, opinion in opinions.items():
            worth = worth_of(opinion, threshold)
            if worth >= WORTH_ASKING and (article.id, theme) not in corrected:
                by_theme[theme].append(_question(article, theme, opinion, worth))
    ranked = [
        (rank, question)
        for questions in by_theme.values()
        for rank, question in enumerate(_distinct(sorted(questions, key=_order), per_theme))
    ]
    ranked.sort(key=lambda pair: (pair[0], _order(pair[1])))
    return sorted((question for _, question in ranked[:limit]), key=_order)


def worth_of(opinion: Opinion, threshold: float = 0.5) -> float:
    """Return how much a label would teach: 0 (terms and model agree and are sure) to about 1 (they contradict)."""
    terms_doubt = max(0.0, 1.0 - abs(opinion.terms_score - 1.0))
    probability = opinion.model_probability
    if probability is None or not 0 <= probability <= 1:
        return 2 * _UNSURE * terms_doubt
    says = 1.0 if opinion.terms_score >= 1 else 0.0
    room = 1 - threshold if probability >= threshold else threshold
    model_doubt = 1.0 - abs(probability - threshold) / room if room else 0.0
    return abs(says - probability) + _UNSURE * max(terms_doubt, model_doubt)


def as_lines(questions: Sequence[Question]) -> Iterator[bytes]:
    """Yield the queue as JSON lines, with what a correction of each needs."""
    for question in questions:
        yield encode_line(question)


def _question(article: Item, theme: str, opinion: Opinion, worth: float) -> Question:
    return Question(
        article=Item(id=article.id, title=article.title, summary=article.summary, text=article.text),
        theme=theme,
        terms_score=opinion.terms_score,
        model_probability=opinion.model_probability,
        evidence=opinion.evidence,
        worth=round(worth, 4),
    )


def _order(question: Question) -> tuple[float, str, str]:
    return -question.worth, question.article.id, question.theme


def _distinct(questions: Iterable[Question], most: int) -> list[Question]:
    """Return the first `most` questions about articles that differ in id and head."""
    seen: set[str] = set()
    kept: list[Question] = []
    for question in questions:
        article = question.article
        head = " ".join((article.title or article.summary or article.text)[:200].casefold().split())
        if len(kept) < most and not {f"id {article.id}", f"head {head}"} & seen:
            kept.append(question)
            seen |= {f"id {article.id}", f"head {head}"}
    return kept
