"""What keeps plain data from being of a type: every place at once, with what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from msgspec import inspect

from deskwatch.spelling import nearest

if TYPE_CHECKING:
    from deskwatch.configfile import Document, Key, Problem

_NAMES: Final = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
_LEAVES: Final[tuple[tuple[Any, tuple[type, ...]], ...]] = (
    (inspect.StrType, (str,)),
    (inspect.BoolType, (bool,)),
    (inspect.IntType, (int,)),
    (inspect.FloatType, (float, int)),
    (inspect.ListType, (list,)),
    (inspect.VarTupleType, (list,)),
)
_MAX_SAID: Final = 80
_TRUE: Final = frozenset({"true", "yes", "on", "y", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "n", "0"})
_GLUED: Final = re.compile(r"(-?)\s*([A-Za-z_]\w*):((?!//)\S.*)")


def is_strict(info: inspect.Type) -> bool:
    """Return whether msgspec refuses whatever is refused here, unknown keys before all."""
    match info:
        case inspect.Metadata():
            return is_strict(info.type)
        case inspect.StructType():
            return info.cls.__struct_config__.forbid_unknown_fields and all(is_strict(one.type) for one in info.fields)
        case inspect.ListType() | inspect.VarTupleType():
            return is_strict(info.item_type)
        case inspect.DictType():
            return is_strict(info.value_type)
        case inspect.UnionType():
            return all(is_strict(one) for one in info.types)
        case _:
            return True


def problems(document: Document, data: Any, info: inspect.Type, key: Key) -> Iterator[Problem]:
    """Yield what keeps `data`, which stands at `key` of the document, from being an `info`."""
    yield from _Walk(document, dict(_homes(info, "the file", set()))).walk(data, info, key)


def say(value: Any) -> str:
    """Return a value as a message names it."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return f"'{str(value).lower()}'"
        case _:
            return f"'{_hide(str(value))}'"


def _hide(text: str) -> str:
    """Return a text cut short, and of an address only its host: the rest may be a secret."""
    scheme, sign, rest = text.partition("://")
    host = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    text = f"{scheme}://{host}/…" if sign else text
    return text if len(text) <= _MAX_SAID else text[:_MAX_SAID] + "…"


class _Walk:
    """Descends wherever the shape fits; `homes` says of a field in which key's mapping it belongs."""

    def __init__(self, document: Document, homes: dict[str, str]) -> None:
        self._document = document
        self._homes = homes

    def walk(self, data: Any, info: inspect.Type, key: Key) -> Iterator[Problem]:
        while isinstance(info, inspect.Metadata):
            info = info.type
        if isinstance(info, inspect.UnionType):
            info = _choose(info, data)
        if isinstance(info, inspect.StructType) and isinstance(data, dict):
            yield from self._struct(data, info, key)
        elif isinstance(info, inspect.ListType | inspect.VarTupleType) and isinstance(data, list):
            for i, item in enumerate(data):
                yield from self.walk(item, info.item_type, (*key, i))
        elif isinstance(info, inspect.DictType) and isinstance(data, dict):
            for name, item in data.items():
                yield from self._leaf(name, info.key_type, (*key, name, ""))
                yield from self.walk(item, info.value_type, (*key, name))
        else:
            yield from self._leaf(data, info, key)

    def _struct(self, data: dict[str, Any], info: inspect.StructType, key: Key) -> Iterator[Problem]:
        fields = {field.encode_name: field for field in info.fields}
        meant = set()
        for name, item in data.items():
            if name in fields:
                yield from self.walk(item, fields[name].type, (*key, name))
                continue
            hint = nearest(name, fields.keys() - data.keys()) or nearest(name, fields)
            message = f"unknown key {say(name)}"
            if (glued := _GLUED.fullmatch(_hide(name))) and (known := nearest(glued[2], fields)):
                message, hint = f"{message}: a space must follow the colon", f"{known}: {glued[3]}"
                meant.add(known)
            elif name in self._homes and not hint:
                message = f"{message} here: it belongs in {self._homes[name]} (check the indentation)"
            elif not hint:
                message = f"{message}: known are {', '.join(fields)}"
            meant.add(hint)
            yield self._document.problem((*key, name, ""), message, hint)
        for name, field in fields.items():
            if field.required and name not in data and name not in meant:
                yield self._document.problem(key, f"key '{name}' is missing")

    def _leaf(self, value: Any, info: inspect.Type, key: Key) -> Iterator[Problem]:
        if isinstance(info, inspect.StructType | inspect.DictType):
            yield self._document.problem(key, *_no_mapping(value, info))
            return
        if isinstance(info, inspect.EnumType | inspect.LiteralType):
            known = [member.value for member in info.cls] if isinstance(info, inspect.EnumType) else [*info.values]
            if value not in known:
                choices = [str(one) for one in known]
                what = f"{self._said(value, key)} is none of {', '.join(choices)}"
                yield self._document.problem(key, what, nearest(str(value), choices))
            return
        expected = next((types for kind, types in _LEAVES if isinstance(info, kind)), None)
        if expected is None:
            return
        if not isinstance(value, expected):
            message = f"expected {_NAMES[expected[0]]}, got {self._said(value, key)}"
            if expected == (list,) and isinstance(value, dict):
                message += ": begin each entry with '- '"
            yield self._document.problem(key, message, _meant(value, expected[0]))
        elif isinstance(value, bool) and bool not in expected:
            yield self._document.problem(key, f"expected a number, got {say(value)}")

    def _said(self, value: Any, key: Key) -> str:
        hidden = self._document.hidden(key) if value is None else ""
        return f'nothing: {hidden} is a comment, quoted it is "{hidden}"' if hidden else say(value)


def _choose(info: inspect.UnionType, data: Any) -> inspect.Type:
    """Return the member of a union that `data` was meant as, by its outer shape."""
    shapes: dict[type, tuple[type, ...]] = {
        dict: (inspect.StructType, inspect.DictType),
        list: (inspect.ListType, inspect.VarTupleType),
    }
    for member in info.types:
        if isinstance(member, shapes.get(type(data), ())):
            return member
    rest = [member for member in info.types if not isinstance(member, inspect.NoneType)]
    return rest[0] if len(rest) == 1 and data is not None else info


def _homes(info: inspect.Type, home: str, seen: set[type]) -> Iterator[tuple[str, str]]:
    """Yield each field below a type with the mapping it belongs in, in words; the outermost last, which counts."""
    match info:
        case inspect.Metadata():
            yield from _homes(info.type, home, seen)
        case inspect.UnionType():
            for one in info.types:
                yield from _homes(one, home, seen)
        case inspect.ListType() | inspect.VarTupleType():
            yield from _homes(info.item_type, f"an entry of {home}", seen)
        case inspect.DictType():
            yield from _homes(info.value_type, f"an entry of {home}", seen)
        case inspect.StructType() if info.cls not in seen:
            seen.add(info.cls)
            for field in info.fields:
                yield from _homes(field.type, f"'{field.encode_name}'", seen)
            yield from ((field.encode_name, home) for field in info.fields)


def _no_mapping(value: Any, info: inspect.StructType | inspect.DictType) -> tuple[str, str]:
    """Return message and suggestion where a mapping is expected."""
    keys = [field.encode_name for field in info.fields] if isinstance(info, inspect.StructType) else []
    if isinstance(value, str) and (glued := _GLUED.fullmatch(_hide(value))):
        return f"expected a mapping, got {say(value)}: a space must follow the colon", f"{glued[2]}: {glued[3]}"
    if isinstance(value, list):
        return "expected a mapping, got a list: leave out the '- '", ""
    first, _, rest = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if rest and first in keys:
        return f"expected a mapping, got {say(value)}: a colon must follow the key", f"{first}: {_hide(rest)}"
    return f"expected a mapping, got {say(value)}" + (f": its keys are {', '.join(keys)}" if keys else ""), ""


def _meant(value: Any, expected: type) -> str:
    """Return how a value would be written as what is expected, or an empty string."""
    if isinstance(value, dict | list) or value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if text != _hide(text):
        return ""
    if expected is str:
        return f'"{text}"'
    if expected is list:
        return f"- {text[1:].split()[0]}" if re.match(r"-\w", text) else f"[{text.strip('[] ')}]"
    if expected is bool:
        word = text.lower()
        return "true" if word in _TRUE else "false" if word in _FALSE else nearest(word, ("true", "false"))
    plain = re.sub(r"(?<=\d)[_, ](?=\d{3}\b)", "", text).replace(",", ".").strip()
    if expected is int:
        return plain.removesuffix(".0") if re.fullmatch(r"-?\d+(\.0)?", plain) else ""
    return plain if re.fullmatch(r"-?\d+(\.\d+)?", plain) else ""
