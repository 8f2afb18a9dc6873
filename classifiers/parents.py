"""Scores handed up: an article with a theme also has the themes above it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from deskwatch.records import ThemeScore

Parents = Mapping[str, tuple[str, ...]]


def with_parents(scores: Iterable[ThemeScore], parents: Parents) -> tuple[ThemeScore, ...]:
    """Return the scores and those of all ancestors, best first.

    An ancestor has the score and the evidence of its best descendant, unless its own score is as high.
    """
    best = {score.theme: score for score in scores}
    for score in list(best.values()):
        for ancestor in ancestors(score.theme, parents):
            if ancestor not in best or score.score > best[ancestor].score:
                best[ancestor] = msgspec.structs.replace(score, theme=ancestor)
    return tuple(sorted(best.values(), key=lambda score: (-score.score, score.theme)))


def ancestors(theme: str, parents: Parents) -> list[str]:
    """Return all themes above a theme, each once, nearest first; where they form a cycle, the theme itself too."""
    found = dict.fromkeys(parents.get(theme, ()))
    waiting = list(found)
    for parent in waiting:
        new = [above for above in parents.get(parent, ()) if above not in found]
        found.update(dict.fromkeys(new))
        waiting += new
    return list(found)
