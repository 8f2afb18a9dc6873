"""YAML 1.2 files into strict structs, every problem at once, each with its place and the nearest right thing.

Scalars become only null, bool, int, float or str (no dates, no sexagesimal `22:00`, no Norway problem), a duplicate key
is an error, and an unknown key names its nearest neighbour.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver

from deskwatch import misreading, shapes
from deskwatch.nodes import FaultError, read_nodes
from deskwatch.spelling import nearest as nearest
from deskwatch.yamltree import Items, Node, Pairs, Scalar

T = TypeVar("T")
Key = tuple[str | int, ...]
Position = tuple[int, int]

_MAX_NODES: Final = 200_000  # aliases can make a small file expand without end; without them it has a node a byte
MAX_BYTES: Final = 10 * 1024 * 1024
_FIRST_OF_NO_TEXT: Final = frozenset("-+.0123456789tTfFnN~")
_PATH: Final = re.compile(r" - at `(?:key in )?(\$[^`]*)`$")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong in one file; lines and columns count from 1."""

    file: str
    line: int
    column: int
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        return self.told("error")

    def told(self, severity: str) -> str:
        """Return the problem as one line, `FILE:LINE:COLUMN: SEVERITY: message`."""
        hint = f" (did you mean '{self.suggestion}'?)" if self.suggestion else ""
        return f"{self.file}:{self.line}:{self.column}: {severity}: {self.message}{hint}"


class Document:
    """A parsed file: its plain data, where each part of it stands, and its lines."""

    def __init__(self, file: str, data: Any, positions: dict[Key, Position], lines: Sequence[str] = ()) -> None:
        self.file = file
        self.data = data
        self._positions = positions
        self._lines = lines

    def position(self, key: Key) -> Position:
        """Return line and column of a value, or of its nearest parent that stands in the file."""
        while key and key not in self._positions:
            key = key[:-1]
        return self._positions.get(key, (1, 1))

    def problem(self, key: Key, message: str, suggestion: str = "") -> Problem:
        """Return a problem at the place of `key`."""
        line, column = self.position(key)
        return Problem(self.file, line, column, message, suggestion)

    def hidden(self, key: Key) -> str:
        """Return what a `#` hides where a key was given a value and has none: `#desk` of `slack: #desk`, else ''."""
        line, column = self._positions.get((*key, ""), (0, 0))
        return misreading.hidden(self._lines[line - 1][column - 1 :]) if 0 < line <= len(self._lines) else ""


def load(path: Path) -> tuple[Document, list[Problem]]:
    """Parse a file; the document holds what could be read, the list what could not."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Document(str(path), None, {}), [Problem(str(path), 1, 1, f"cannot be read: {error.strerror}")]
    if len(raw) > MAX_BYTES:
        return Document(str(path), None, {}), [Problem(str(path), 1, 1, f"is larger than {MAX_BYTES:,} bytes")]
    return parse(raw, str(path))


def parse(raw: bytes, file: str) -> tuple[Document, list[Problem]]:
    """Parse YAML bytes; see `load`."""
    try:
        text = _decode(raw)
    except UnicodeDecodeError as error:
        found = misreading.explain_bytes(raw, error)
        return Document(file, None, {}), [Problem(file, found.line, found.column, f"not YAML: {found.message}")]
    try:
        node = read_nodes(text)
    except (FaultError, YAMLError, ValueError, RecursionError) as error:
        found = misreading.explain(text, error)
        hint = found.suggestion or nearest(found.word, found.known)
        hint = "" if "://" in hint else hint  # an address may be a secret
        return Document(file, None, {}), [Problem(file, found.line, found.column, f"not YAML: {found.message}", hint)]
    builder = _Builder(file, max(_MAX_NODES, len(raw)))
    data = builder.build(node, ()) if node is not None else None
    return Document(file, data, builder.positions, text.split("\n")), builder.problems


def convert(document: Document, kind: type[T], *, at: Key = ()) -> tuple[T | None, list[Problem]]:
    """Return the document (or the part of it at `at`) as a `kind`, or None and all that keeps it from being one."""
    data = document.data
    for step in at:
        data = data[step]
    info, is_strict = _inspected(kind)  # type: ignore[arg-type]  # mypy does not know that a type is hashable
    if is_strict:
        try:
            return msgspec.convert(data, kind), []
        except (msgspec.ValidationError, ValueError):
            pass  # what is wrong is said below, all of it and better
    problems = list(shapes.problems(document, data, info, at))
    if problems:
        return None, problems
    try:
        return msgspec.convert(data, kind), []
    except (msgspec.ValidationError, ValueError) as error:  # a bound, or a struct's own __post_init__
        message = str(error)
        found = _PATH.search(message)
        steps = [name or int(number) for name, number in _STEP.findall(found[1])] if found else []
        return None, [document.problem((*at, *steps), message[: found.start()] if found else message)]


@cache
def _inspected(kind: Any) -> tuple[msgspec.inspect.Type, bool]:
    """Return what a type is made of, and whether msgspec alone tells whether data is in order."""
    info = msgspec.inspect.type_info(kind)
    return info, shapes.is_strict(info)


def _decode(raw: bytes) -> str:
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if wide else "utf-8-sig").replace("\r\n", "\n")


class _Builder:
    """Walks the tree of nodes once, collecting plain values, positions and problems."""

    def __init__(self, file: str, max_nodes: int) -> None:
        self.file = file
        self._max_nodes = max_nodes
        self.positions: dict[Key, Position] = {}
        self.problems: list[Problem] = []
        self._nodes = 0
        self._open: set[int] = set()

    def build(self, node: Node, key: Key) -> Any:
        self.positions.setdefault(key, (node.line, node.column))
        self._nodes += 1
        if isinstance(node, Scalar):
            return _value(node)
        # An alias shares the children of what it stands for.
        if self._nodes > self._max_nodes or id(node.children) in self._open or len(key) > 50:
            if not self.problems or self.problems[-1].message != "expands without end":
                self.problems.append(Problem(self.file, node.line, node.column, "expands without end"))
            return None
        self._open.add(id(node.children))
        try:
            if isinstance(node, Items):
                return [self.build(child, (*key, i)) for i, child in enumerate(node.children)]
            return self._mapping(node, key)
        finally:
            self._open.discard(id(node.children))

    def _mapping(self, node: Pairs, key: Key) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.children:
            name = key_node.text if isinstance(key_node, Scalar) else ""
            if problem := self._key_problem(key_node, key, out):
                self.problems.append(Problem(self.file, key_node.line, key_node.column, problem))
                continue
            # A value that is left empty has its mark at whatever comes next, be it lines below.
            at = key_node if isinstance(value_node, Scalar) and _is_left_empty(value_node) else value_node
            self.positions[(*key, name)] = at.line, at.column
            self.positions[(*key, name, "")] = key_node.line, key_node.column
            out[name] = self.build(value_node, (*key, name))
        return out

    def _key_problem(self, node: Node, key: Key, out: dict[str, Any]) -> str:
        if not isinstance(node, Scalar):
            return "a key must be a word"
        if node.text == "<<" and not node.style:
            return "merge keys (<<) are not YAML 1.2: write the keys out"
        if node.text in out:
            line, _ = self.positions[(*key, node.text, "")]
            return f"duplicate key '{node.text}', which line {line} has already"
        return ""


def _is_left_empty(node: Scalar) -> bool:
    return not node.text and not node.style


def _value(node: Scalar) -> Any:
    text = node.text
    if node.style:
        return text
    if node.tag:
        return _read(text, node.tag.rpartition(":")[2].lstrip("!"))
    return _read(text, _kind(text)) if not text or text[0] in _FIRST_OF_NO_TEXT else text


@lru_cache(maxsize=4096)
def _kind(text: str) -> str:
    return str(VersionedResolver(version=(1, 2)).resolve(ScalarNode, text, (True, False))).rpartition(":")[2]


def _read(text: str, kind: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    try:
        if kind == "int":
            base = 0 if text.lower().startswith(("0x", "0o")) else 10
            return int(text.replace("_", ""), base)
        if kind == "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    return text
