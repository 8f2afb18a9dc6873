"""The nodes of a YAML document, each with the line and the column, counted from 1, at which it begins."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Scalar(msgspec.Struct):
    """A word, number or text as it is written; `style` is the quote or block sign, empty without one."""

    text: str
    line: int
    column: int
    style: str = ""
    tag: str = ""


class Items(msgspec.Struct):
    """A list."""

    children: list[Node]
    line: int
    column: int


class Pairs(msgspec.Struct):
    """A mapping."""

    children: list[tuple[Node, Node]]
    line: int
    column: int


Node: TypeAlias = Scalar | Items | Pairs
