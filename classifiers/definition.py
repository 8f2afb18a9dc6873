"""The shape of a theme file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

STRENGTHS: Final = ("decisive", "strong", "weak")
KINDS: Final = (*STRENGTHS, "against", "not")

Words = tuple[str, ...]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the parts of a theme file share: immutable, unknown keys refused."""


class Weights(Strict, frozen=True, kw_only=True):
    """What a term of each strength adds to the score of a field that weighs 1; the threshold is 1 unless set.

    All weak terms of an article together add `weak_limit` at most. As they are, a decisive or strong term in the title
    is enough; in the text a decisive term needs any other one beside it, a strong term a strong one or repetition.
    """

    decisive: float = 0.9
    strong: float = 0.6
    weak: float = 0.3
    weak_limit: float = 0.35
    against: float = -0.6


class Fields(Strict, frozen=True, kw_only=True):
    """How much a term counts by where it stands."""

    title: float = 1.7
    summary: float = 1.0
    text: float = 1.0


class Terms(Strict, frozen=True, kw_only=True):
    """The terms of one language, by what they say about the theme."""

    decisive: Words = ()  # means the theme and nothing else
    strong: Words = ()  # usually means it
    weak: Words = ()  # supports it, never enough without a stronger one
    against: Words = ()  # speaks against it
    ignore: Words = msgspec.field(default=(), name="not")  # a longer phrase in which the terms mean something else


class Combination(Strict, frozen=True, kw_only=True):
    """Words that together say what none of them says alone: one of every group, within `near` words of each other.

    A group is the name of a list under `words`, or a list on the spot. A word of `without` that near undoes it.
    """

    all: tuple[str | Words, ...]
    near: int = 20
    without: tuple[str | Words, ...] = ()
    strength: str = "strong"


class Example(Strict, frozen=True, kw_only=True):
    """An article that tests a theme; a bare text stands for its title."""

    title: str = ""
    summary: str = ""
    text: str = ""


class Figure(Strict, frozen=True, kw_only=True):
    """A measured share, and the interval it lies in."""

    value: float
    low: float
    high: float


class Measured(Strict, frozen=True, kw_only=True):
    """How well the theme is found, as `deskwatch model evaluate --write` measured it on labelled articles."""

    precision: Figure
    recall: Figure
    f1: Figure
    articles: int
    positives: int  # how many of them carry the theme
    date: str
    data: str  # hash of the articles
    classifier: str


class Theme(Strict, frozen=True, kw_only=True):
    """A theme file. `terms` are by language: the classifier looks for all of them in every article."""

    title: str
    definition: str
    terms: dict[str, Terms]
    must_match: tuple[str | Example, ...]
    must_not_match: tuple[str | Example, ...]
    threshold: float = 1.0
    weights: Weights = Weights()
    fields: Fields = Fields()
    words: dict[str, Words] = {}
    combinations: tuple[Combination, ...] = ()
    parents: tuple[str, ...] = ()  # themes that an article with this theme has too
    measured: Measured | None = None


def term_lists(terms: Terms) -> Iterator[tuple[str, Words]]:
    """Yield each kind of term with its terms, `not` by the name it has in the file."""
    for kind in KINDS:
        yield kind, getattr(terms, "ignore" if kind == "not" else kind)


def example_of(example: str | Example) -> Example:
    """Return an example in its full form."""
    return Example(title=example) if isinstance(example, str) else example
