"""The everyday subset of YAML, read quickly: what is not surely in it is left to ruamel.yaml.

In it are block lists and mappings, one key or item a line, with plain words, quoted text without escapes, and lists and
mappings in brackets that end on their line. Not in it: anchors, tags, tabs, several lines of text, documents, quoted
keys, whatever is wrong. Each rule is narrower than YAML's own, so that what is read here means the same there.
"""

from __future__ import annotations

import re
from typing import Final

from deskwatch.yamltree import Items, Node, Pairs, Scalar

# Tabs, other line ends than \n, controls, byte-order marks, surrogates: they have rules of their own.
_ODD: Final = re.compile("[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_BLANK: Final = re.compile(r" *(?:#.*)?")
_KEY: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*):(?: +|$)")
_DASH: Final = re.compile(r"- +(?=[^ #-])")
_END: Final = re.compile(r" *(?: #.*)?")
# A plain word ends before ": " and " #"; between brackets before a comma or bracket too, and has no colon.
_FIRST: Final = r"[^\s\-?:,\[\]{}#&*!|>'\"%@`]"
_PLAIN: Final = re.compile(rf"{_FIRST}(?:[^\s:#]|(?<! )#|:(?! |$)| +(?![ #]|$))*")
_INSIDE: Final = re.compile(rf"{_FIRST}(?:[^\s:#,\[\]{{}}'\"]| +(?![ #,\]}}]|$))*")
_QUOTED: Final = re.compile(r"'[^']*'(?!')|\"[^\"\\]*\"")
_FLOW_KEY: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*): +")
_SPACES: Final = re.compile(r" *")
_MAX_DEPTH: Final = 40


class _NotPlainError(Exception):
    """Something that is left to ruamel.yaml."""


def read_plain(text: str) -> Node | None:
    """Return the tree of a text that is wholly in the subset, else None."""
    if _ODD.search(text):
        return None
    lines = [
        (number, len(line) - len(line.lstrip(" ")), line)
        for number, line in enumerate(text.split("\n"), 1)
        if not _BLANK.fullmatch(line)
    ]
    reader = _Reader(lines)
    try:
        node = reader.read_block(0, 0)
    except _NotPlainError:
        return None
    return node if reader.at == len(lines) else None


class _Reader:
    """Descends along the indentation; `at` is the line to read next."""

    def __init__(self, lines: list[tuple[int, int, str]]) -> None:
        self._lines = lines
        self.at = 0

    def read_block(self, least: int, depth: int) -> Node:
        """Return the list or mapping that begins at the next line, which is indented by `least` at least."""
        if self.at == len(self._lines) or depth > _MAX_DEPTH:
            raise _NotPlainError
        _, indent, line = self._lines[self.at]
        if indent < least:
            raise _NotPlainError
        if line.startswith("- ", indent):
            return self._read_list(indent, depth)
        return self._read_mapping(indent, depth)

    def _read_list(self, indent: int, depth: int) -> Items:
        lines, first, items = self._lines, self._lines[self.at][0], list[Node]()
        while self.at < len(lines) and lines[self.at][1] == indent:
            number, _, line = lines[self.at]
            found = _DASH.match(line, indent)
            if not found:
                break
            if _KEY.match(line, found.end()):
                items.append(self._read_mapping(found.end(), depth + 1))
            else:
                items.append(self._read_value(line, number, found.end()))
                self.at += 1
        self._end(indent, is_empty=not items)
        return Items(items, first, indent + 1)

    def _read_mapping(self, indent: int, depth: int) -> Pairs:
        """Return the mapping whose keys stand at `indent`; before the first one there may be a dash."""
        lines, first, pairs = self._lines, self._lines[self.at][0], list[tuple[Node, Node]]()
        while self.at < len(lines) and (lines[self.at][1] == indent or not pairs):
            number, _, line = lines[self.at]
            found = _KEY.match(line, indent)
            if not found:
                break
            key = Scalar(found[1], number, indent + 1)
            self.at += 1
            if found.end() < len(line) and line[found.end()] != "#":
                pairs.append((key, self._read_value(line, number, found.end())))
            elif self.at < len(lines) and self._begins_inside(indent):
                pairs.append((key, self.read_block(indent, depth + 1)))
            else:
                raise _NotPlainError  # left empty: where that stands is ruamel.yaml's to say
        self._end(indent, is_empty=not pairs)
        return Pairs(pairs, first, indent + 1)

    def _end(self, indent: int, *, is_empty: bool) -> None:
        if is_empty or (self.at < len(self._lines) and self._lines[self.at][1] > indent):
            raise _NotPlainError

    def _begins_inside(self, indent: int) -> bool:
        """Return whether the next line belongs to a key at `indent`; a list may stand right under its key."""
        _, here, line = self._lines[self.at]
        return here > indent or (here == indent and line.startswith("- ", here))

    def _read_value(self, line: str, number: int, start: int) -> Node:
        """Return what stands from `start` to the end of the line, comment aside."""
        if line[start] in "[{":
            node, end = _read_flow(line, number, start, 0)
        else:
            node, end = _read_scalar(line, number, start, _PLAIN)
        if not _END.fullmatch(line, end):
            raise _NotPlainError
        return node


def _read_scalar(line: str, number: int, start: int, plain: re.Pattern[str]) -> tuple[Scalar, int]:
    sign = line[start : start + 1]
    if sign in ("'", '"'):
        found = _QUOTED.match(line, start)
        if not found:
            raise _NotPlainError
        return Scalar(found[0][1:-1], number, start + 1, sign), found.end()
    found = plain.match(line, start)
    if not found:
        raise _NotPlainError
    return Scalar(found[0], number, start + 1), found.end()


def _read_flow(line: str, number: int, start: int, depth: int) -> tuple[Node, int]:
    """Return the list, mapping or scalar between brackets that begins at `start`, and where it ends."""
    sign = line[start : start + 1]
    if sign not in ("[", "{"):
        return _read_scalar(line, number, start, _INSIDE)
    if depth > _MAX_DEPTH:
        raise _NotPlainError
    node: Items | Pairs = Items([], number, start + 1) if sign == "[" else Pairs([], number, start + 1)
    last = "]" if sign == "[" else "}"
    at = _skip(line, start + 1)
    if line.startswith(last, at):
        return node, at + 1
    while True:
        if isinstance(node, Items):
            child, at = _read_flow(line, number, at, depth + 1)
            node.children.append(child)
        else:
            found = _FLOW_KEY.match(line, at)
            if not found:
                raise _NotPlainError
            child, end = _read_flow(line, number, found.end(), depth + 1)
            node.children.append((Scalar(found[1], number, at + 1), child))
            at = end
        at = _skip(line, at)
        if line.startswith(last, at):
            return node, at + 1
        if not line.startswith(", ", at):
            raise _NotPlainError
        at = _skip(line, at + 1)


def _skip(line: str, at: int) -> int:
    found = _SPACES.match(line, at)
    return found.end() if found else at
