"""YAML 1.2 files into strict structs, every problem at once, each with its place and the nearest right thing.

The node graph of ruamel.yaml keeps the position of every key and value; scalars become only null, bool, int, float or
str (no dates, no sexagesimal `22:00`, no Norway problem), a duplicate key is an error, and an unknown key names its
nearest neighbour.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

T = TypeVar("T")
Key = tuple[str | int, ...]
Position = tuple[int, int]

_MAX_NODES: Final = 200_000  # aliases can make a small file expand without end; without them it has a node a byte
_MAX_BYTES: Final = 10 * 1024 * 1024


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
    """A parsed file: its plain data, and where each part of it stands."""

    def __init__(self, file: str, data: Any, positions: dict[Key, Position]) -> None:
        self.file = file
        self.data = data
        self._positions = positions

    def position(self, key: Key) -> Position:
        """Return line and column of a value, or of its nearest parent that stands in the file."""
        while key and key not in self._positions:
            key = key[:-1]
        return self._positions.get(key, (1, 1))

    def problem(self, key: Key, message: str, suggestion: str = "") -> Problem:
        """Return a problem at the place of `key`."""
        line, column = self.position(key)
        return Problem(self.file, line, column, message, suggestion)


def load(path: Path) -> tuple[Document, list[Problem]]:
    """Parse a file; the document holds what could be read, the list what could not."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Document(str(path), None, {}), [Problem(str(path), 1, 1, f"cannot be read: {error.strerror}")]
    if len(raw) > _MAX_BYTES:
        return Document(str(path), None, {}), [Problem(str(path), 1, 1, f"is larger than {_MAX_BYTES:,} bytes")]
    return parse(raw, str(path))


def parse(raw: bytes, file: str) -> tuple[Document, list[Problem]]:
    """Parse YAML bytes; see `load`."""
    try:
        node = YAML(typ="rt", pure=True).compose(raw)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Document(file, None, {}), [Problem(file, line, column, f"not YAML: {error.problem or error.context}")]
    except ReaderError as error:
        line = raw[: error.position].count(b"\n") + 1
        return Document(file, None, {}), [Problem(file, line, 1, f"not YAML: {error.reason}")]
    except (YAMLError, ValueError, RecursionError) as error:
        return Document(file, None, {}), [Problem(file, 1, 1, f"not YAML: {str(error) or type(error).__name__}")]
    builder = _Builder(file, max(_MAX_NODES, len(raw)))
    data = builder.build(node, ()) if node is not None else None
    return Document(file, data, builder.positions), builder.problems


def convert(document: Document, kind: type[T], *, at: Key = ()) -> tuple[T | None, list[Problem]]:
    """Return the document (or the part of it at `at`) as a `kind`, or None and all that keeps it from being one."""
    data = document.data
    for step in at:
        data = data[step]
    problems = list(_problems(document, data, kind, at))
    if problems:
        return None, problems
    try:
        return msgspec.convert(data, kind), []
    except (msgspec.ValidationError, ValueError) as error:  # a struct's own __post_init__
        return None, [document.problem(at, str(error))]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, or an empty string."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


class _Builder:
    """Walks ruamel's node graph once, collecting plain values, positions and problems."""

    def __init__(self, file: str, max_nodes: int) -> None:
        self.file = file
        self._max_nodes = max_nodes
        self.positions: dict[Key, Position] = {}
        self.problems: list[Problem] = []
        self._nodes = 0
        self._open: set[int] = set()

    def build(self, node: Node, key: Key) -> Any:
        self.positions.setdefault(key, _mark(node))
        self._nodes += 1
        if self._nodes > self._max_nodes or id(node) in self._open or len(key) > 50:
            if not self.problems or self.problems[-1].message != "expands without end":
                self.problems.append(Problem(self.file, *_mark(node), "expands without end"))
            return None
        if isinstance(node, ScalarNode):
            return _scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self.build(child, (*key, i)) for i, child in enumerate(node.value)]
            return self._mapping(node, key)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: MappingNode, key: Key) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.problems.append(Problem(self.file, *_mark(key_node), "a key must be a word"))
                continue
            name = str(key_node.value)
            if name in out:
                self.problems.append(Problem(self.file, *_mark(key_node), f"duplicate key '{name}'"))
                continue
            # A value that is left empty has its mark at whatever comes next, be it lines below.
            self.positions[(*key, name)] = _mark(key_node if _is_left_empty(value_node) else value_node)
            self.positions[(*key, name, "")] = _mark(key_node)
            out[name] = self.build(value_node, (*key, name))
        return out


def _mark(node: Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _is_left_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value == "" and node.style is None


def _scalar(node: ScalarNode) -> Any:
    text = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    kind = str(node.tag).rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    try:
        if kind == "int":
            return (
                int(text.replace("_", ""), 0) if text.lower().startswith(("0x", "0o")) else int(text.replace("_", ""))
            )
        if kind == "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    return text


def _problems(document: Document, data: Any, kind: Any, key: Key) -> Iterator[Problem]:
    info = msgspec.inspect.type_info(kind) if not isinstance(kind, msgspec.inspect.Type) else kind
    yield from _walk(document, data, info, key)


def _walk(document: Document, data: Any, info: msgspec.inspect.Type, key: Key) -> Iterator[Problem]:
    """Yield what keeps `data` from being an `info`, descending wherever the shape fits."""
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    if isinstance(info, msgspec.inspect.UnionType):
        info = _choose(info, data)
    if isinstance(info, msgspec.inspect.StructType) and isinstance(data, dict):
        yield from _walk_struct(document, data, info, key)
    elif isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType) and isinstance(data, list):
        for i, item in enumerate(data):
            yield from _walk(document, item, info.item_type, (*key, i))
        yield from _leaf(document, [], info, key) if not data else ()
    elif isinstance(info, msgspec.inspect.DictType) and isinstance(data, dict):
        for name, item in data.items():
            yield from _leaf(document, name, info.key_type, (*key, name, ""))
            yield from _walk(document, item, info.value_type, (*key, name))
    else:
        yield from _leaf(document, data, info, key)


def _walk_struct(
    document: Document, data: dict[str, Any], info: msgspec.inspect.StructType, key: Key
) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in info.fields}
    for name, item in data.items():
        if name in fields:
            yield from _walk(document, item, fields[name].type, (*key, name))
        else:
            hint = nearest(name, fields.keys() - data.keys()) or nearest(name, fields)
            yield document.problem((*key, name, ""), f"unknown key '{name}'", hint)
    for name, field in fields.items():
        if field.required and name not in data:
            yield document.problem(key, f"key '{name}' is missing")


def _choose(info: msgspec.inspect.UnionType, data: Any) -> msgspec.inspect.Type:
    """Return the member of a union that `data` was meant as, by its outer shape."""
    shapes: dict[type, tuple[type, ...]] = {
        dict: (msgspec.inspect.StructType, msgspec.inspect.DictType),
        list: (msgspec.inspect.ListType, msgspec.inspect.VarTupleType),
    }
    for member in info.types:
        if isinstance(member, shapes.get(type(data), ())):
            return member
    return info


def _leaf(document: Document, value: Any, info: msgspec.inspect.Type, key: Key) -> Iterator[Problem]:
    if isinstance(info, msgspec.inspect.StructType | msgspec.inspect.DictType):
        yield document.problem(key, f"expected a mapping, got {_say(value)}")
        return
    if isinstance(info, msgspec.inspect.EnumType):
        choices = [str(member.value) for member in info.cls]
        if value not in choices:
            what = f"{_say(value)} is none of {', '.join(choices)}"
            yield document.problem(key, what, nearest(str(value), choices))
        return
    if isinstance(info, msgspec.inspect.LiteralType):
        if value not in info.values:
            choices = [str(choice) for choice in info.values]
            what = f"{_say(value)} is none of {', '.join(choices)}"
            yield document.problem(key, what, nearest(str(value), choices))
        return
    expected = _expected(info)
    if expected is not None and not isinstance(value, expected):
        names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
        yield document.problem(key, f"expected {names.get(expected[0], 'another type')}, got {_say(value)}")
    elif isinstance(value, bool) and expected is not None and bool not in expected:
        yield document.problem(key, f"expected a number, got {_say(value)}")


def _expected(info: msgspec.inspect.Type) -> tuple[type, ...] | None:
    """Return the Python types a leaf may have, the one to name first; None where msgspec itself decides."""
    kinds: Sequence[tuple[type, tuple[type, ...]]] = (
        (msgspec.inspect.StrType, (str,)),
        (msgspec.inspect.BoolType, (bool,)),
        (msgspec.inspect.IntType, (int,)),
        (msgspec.inspect.FloatType, (float, int)),
        (msgspec.inspect.ListType, (list,)),
        (msgspec.inspect.VarTupleType, (list,)),
    )
    return next((types for kind, types in kinds if isinstance(info, kind)), None)


def _say(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"'{value}'"
