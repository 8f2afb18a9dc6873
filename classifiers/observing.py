"""What those who watch a classifier at work are told of each article: enough to see its themes drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from deskwatch.records import ThemeScore


class Seen(NamedTuple):
    """What was made of one article.

    Attributes:
        terms: Scores by the terms alone, of the themes of which any occurs.
        scores: Scores that count, by theme; a theme that is not there has 0. Nothing is handed up to parents.
        judged: The themes given for these scores, with their evidence.
        by_model: Whether a model had a say.
    """

    terms: Mapping[str, float]
    scores: Mapping[str, float]
    judged: Sequence[ThemeScore]
    by_model: bool


Observer = Callable[[Seen], None]
"""Called once for each article that is judged, by whoever judges it; must be quick, and must not raise."""
