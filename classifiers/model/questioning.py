"""Articles from a file to the questions that are worth an officer's time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from classifiers.combined import CombinedClassifier
from classifiers.jsonlines import read_lines
from classifiers.keywords import KeywordClassifier
from classifiers.labelled import Item
from classifiers.model.validating import WORDS_ALONE
from classifiers.reviewing import Opinion, Question, ask_about
from deskwatch.configfile import Problem


class _Line(msgspec.Struct):
    """An article as people keep it, as we do, or as `deskwatch export` prints it."""

    id: str | int | None = None
    article_id: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    value: Any = None


def read_articles(path: Path) -> Iterator[Item]:
    """Yield the articles of a file; lines that are none (ticks, say) are passed over."""
    problems: list[Problem] = []
    decode = msgspec.json.Decoder(_Line).decode
    for _, raw in read_lines(path, problems):
        try:
            line = decode(raw)
            if isinstance(line.value, dict):
                line = msgspec.convert(line.value, _Line)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        article_id = line.article_id or ("" if line.id is None else str(line.id))
        item = Item(id=article_id, title=line.title or "", summary=line.summary or "", text=line.text or "")
        if article_id and (item.title or item.summary or item.text):
            yield item


def questions_about(
    path: Path,
    classifier: KeywordClassifier | CombinedClassifier,
    corrected: Collection[tuple[str, str]],
    *,
    themes: Sequence[str] = (),
    limit: int,
) -> list[Question]:
    """Return the questions about the articles of a file whose answers would teach most, the best first.

    Args:
        path: JSON lines of articles.
        classifier: Whose opinions they are; without a model, only closeness to the threshold counts.
        corrected: What was answered before.
        themes: Only these; empty for all.
        limit: Questions at most.
    """
    judged = ((item, _opinions(item, classifier, themes)) for item in read_articles(path))
    return ask_about(judged, corrected=corrected, threshold=WORDS_ALONE, limit=limit)


def _opinions(
    item: Item, classifier: KeywordClassifier | CombinedClassifier, themes: Sequence[str]
) -> dict[str, Opinion]:
    terms = classifier if isinstance(classifier, KeywordClassifier) else classifier.terms
    by_terms = {one.theme: one for one in terms.judge(item.title, item.summary, item.text, at_least=float("-inf"))}
    by_model = (
        classifier.opinions(item.title, item.summary, item.text).model
        if isinstance(classifier, CombinedClassifier)
        else {}
    )
    return {
        theme: Opinion(
            terms_score=by_terms[theme].score if theme in by_terms else 0.0,
            model_probability=by_model.get(theme),
            evidence=by_terms[theme].evidence if theme in by_terms else (),
        )
        for theme in sorted(by_terms.keys() | by_model.keys())
        if not themes or theme in themes
    }
