"""Article to themes.

A theme is a YAML file of weighted terms, combinations and examples; `themes` reads and checks the files, `keywords`
judges articles by them, `combined` with the model of `model/` beside them. Whatever judges articles is a `Classifier`;
`loading` gives the one that a configuration directory describes.
"""

from __future__ import annotations

from typing import Protocol

from deskwatch.records import Article, ThemeScore


class Classifier(Protocol):
    """Judges which themes an article is about."""

    @property
    def name(self) -> str:
        """Return what judges, such that equal names give equal verdicts: kind and hash of its definition."""
        ...

    def classify(self, article: Article) -> tuple[ThemeScore, ...]:
        """Return the themes assigned to the article (score >= 1), best first; empty if it has none."""
        ...

    def judge(self, title: str, summary: str = "", text: str = "", *, at_least: float = 1.0) -> tuple[ThemeScore, ...]:
        """Return the themes with a score of `at_least`, best first."""
        ...
