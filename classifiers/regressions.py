"""Corrections at work: each is a labelled example, and a test that its theme must pass ever after."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from classifiers import Classifier
from classifiers.corrections import Correction, Filed, current
from classifiers.labelled import Labelled
from deskwatch.configfile import Problem, nearest
from deskwatch.records import ThemeScore

_MAX_PARTS: Final = 6  # of an arithmetic in a message


def examples(filed: Iterable[Filed], themes: Collection[str]) -> list[Labelled]:
    """Return each corrected article as a labelled one, the text it had last; themes nobody spoke of are unsure."""
    merged: dict[str, tuple[Correction, set[str], set[str]]] = {}
    for one in current(filed):
        said = one.correction
        _, is_, not_ = merged.get(said.id, (said, set[str](), set[str]()))
        merged[said.id] = (said, is_ | set(said.is_), not_ | set(said.not_))
    return [
        Labelled(
            id=said.id,
            title=said.title,
            summary=said.summary,
            text=said.text,
            themes=frozenset(is_),
            unsure=frozenset(themes) - is_ - not_,
            source="correction",
        )
        for said, is_, not_ in merged.values()
    ]


def failing(filed: Sequence[Filed], classifier: Classifier, themes: Collection[str]) -> list[Problem]:
    """Return a problem for each correction that the classifier does not obey, or that speaks of an unknown theme.

    Args:
        filed: In the order of the file.
        classifier: What is tested.
        themes: All that it can assign.
    """
    problems: list[Problem] = []
    for one in filed:
        said = one.correction
        for theme in sorted({*said.is_, *said.not_, *said.withdrawn} - set(themes)):
            problems.append(one.problem(f"no theme '{theme}'", nearest(theme, themes)))
    for one in current(filed):
        said = one.correction
        scores = {
            score.theme: score
            for score in classifier.judge(said.title, said.summary, said.text, at_least=float("-inf"))
        }
        for wanted, named in ((True, said.is_), (False, said.not_)):
            for theme in named:
                score = scores.get(theme)
                if theme in themes and (score is not None and score.score >= 1) != wanted:
                    problems.append(_disobeyed(one, theme, score, wanted=wanted))
    return sorted(problems)


def _disobeyed(one: Filed, theme: str, score: ThemeScore | None, *, wanted: bool) -> Problem:
    said = one.correction
    who = f"{said.by or 'somebody'} on {said.at:%Y-%m-%d}"
    verb, cure = ("is", "add a term") if wanted else ("is not", "weaken a term or add one under 'against'")
    return one.problem(
        f"article '{said.id}' {verb} about '{theme}' (says {who}), but scores {_arithmetic(score)}: "
        f"{cure}, or run `deskwatch model train`"
    )


def _arithmetic(score: ThemeScore | None) -> str:
    """Return a score with what it is made of, such as `0.60 of 1 (tariff* +0.60 in text)`."""
    if score is None:
        return "0 of 1 (no term occurs)"
    parts = [f"{one.term} {one.weight:+.2f} in {one.field}" for one in score.evidence[:_MAX_PARTS]]
    parts += ["..."] if len(score.evidence) > _MAX_PARTS else []
    return f"{score.score:.2f} of 1 ({', '.join(parts) or 'no evidence'})"
