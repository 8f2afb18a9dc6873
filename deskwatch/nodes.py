"""YAML text as a tree of nodes that know where they stand: the everyday subset read quickly, all else by ruamel.yaml.

Both ways give the same tree, which a test holds; so the quick one is only a matter of time. ruamel.yaml's own reader
takes some 200 µs for a line, which for the desks of a ministry is seconds at each look.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from deskwatch.plainyaml import read_plain
from deskwatch.yamltree import Items, Node, Pairs, Scalar

MAX_DEPTH: Final = 50


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is refused here, and where; of the `known` anchors one may be meant by `word`."""

    line: int
    column: int
    message: str
    word: str = ""
    known: tuple[str, ...] = ()


class FaultError(ValueError):
    """Text that has a fault."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.message)


def read_nodes(text: str) -> Node | None:
    """Return the tree of one document, None of an empty one.

    Raises:
        FaultError: for what is refused here.
        ruamel.yaml.error.YAMLError, ValueError: for what ruamel.yaml refuses.
    """
    quick = read_plain(text)
    return quick if quick is not None else compose(text)


def compose(text: str) -> Node | None:
    """Return the tree as ruamel.yaml reads it; see `read_nodes`."""
    return _Composer().compose(YAML(typ="safe", pure=True).parse(text))


class _Composer:
    """Makes nodes of events: ruamel.yaml's own one forgets where an alias stands."""

    def __init__(self) -> None:
        self._root: Node | None = None
        self._documents = 0
        self._anchors: dict[str, Node] = {}
        self._open: list[Items | Pairs] = []
        self._keys: list[Node | None] = []  # of each open mapping the key that has no value yet

    def compose(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            if isinstance(event, DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise _refuse(event, "a second document begins: a file holds one")
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._open.pop()
                self._keys.pop()
            elif isinstance(event, AliasEvent):
                self._add(self._alias(event))
            elif isinstance(event, ScalarEvent):
                self._begin(event, Scalar(event.value, *_mark(event), event.style or "", str(event.tag or "")))
            elif isinstance(event, MappingStartEvent):
                self._descend(event, Pairs([], *_mark(event)))
            elif isinstance(event, SequenceStartEvent):
                self._descend(event, Items([], *_mark(event)))
        return self._root

    def _descend(self, event: Any, node: Items | Pairs) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise _refuse(event, f"is nested more than {MAX_DEPTH} deep")
        self._begin(event, node)
        self._open.append(node)
        self._keys.append(None)

    def _begin(self, event: Any, node: Node) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node)

    def _alias(self, event: Any) -> Node:
        meant = self._anchors.get(event.anchor)
        if meant is None:
            line, column = _mark(event)
            fault = Fault(
                line=line,
                column=column,
                message=f"nothing is called &{event.anchor} above this *{event.anchor}",
                word=event.anchor,
                known=tuple(self._anchors),
            )
            raise FaultError(fault)
        line, column = _mark(event)
        if isinstance(meant, Scalar):
            return Scalar(meant.text, line, column, meant.style, meant.tag)
        return type(meant)(meant.children, line, column)  # type: ignore[arg-type]  # each its own children

    def _add(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if isinstance(parent, Items):
            parent.children.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = node
        else:
            parent.children.append((key, node))
            self._keys[-1] = None


def _mark(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _refuse(event: Any, message: str) -> FaultError:
    line, column = _mark(event)
    return FaultError(Fault(line=line, column=column, message=message))
