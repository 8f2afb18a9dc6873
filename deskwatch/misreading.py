"""What was probably meant where a file is no YAML: the line at which it went wrong, in words for who wrote it.

A parser stops where it can go on no more, which for a missing colon, quote or bracket is lines below the mistake. So
the lines from where it began to where it stopped are looked at for the usual slips.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from deskwatch.nodes import FaultError

_QUOTED: Final = re.compile(r"(?<![\w.])(?:'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\")")
_OPEN_QUOTE: Final = re.compile(r"(?:^\s*(?:- +)*|: +|[\[{,] *)(['\"])")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_HASH: Final = re.compile(r"(?:: +|[\[,] *|- +)(#[^\s#,\]}]+)")
_HIDDEN: Final = re.compile(r"[^:\s]+: +(#\S+)")
_GLUED: Final = re.compile(r"\s*(?:- +)*([A-Za-z_]\w*):((?!//)\S.*)")
_NO_COLON: Final = re.compile(r"\s*(?:- +)*([A-Za-z_]\w*)(?: +([^\s:].*))?")
_COLONS: Final = re.compile(r"^\s*(?:- +)*[^\s:]+:\s+(.*?: .*|.*:)$")
_SIGN: Final = re.compile(r"found character '(.)' that cannot start")
_DASH: Final = re.compile(r"\s*-(?=\w)")
_FOREIGN: Final = re.compile("(?: *([\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000])| *(?:- +)*[A-Za-z_]\\w*(\uff1a))")
_CLOSING: Final = {"[": "]", "{": "}"}
_MAX_LOOK: Final = 200  # lines


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A mistake, where it was made, and how it would be right; or, of `known`, the one like `word`."""

    line: int
    column: int
    message: str
    suggestion: str = ""
    word: str = ""
    known: tuple[str, ...] = ()


class _Stop(msgspec.Struct, frozen=True, kw_only=True):
    """Where ruamel.yaml went on no more, and what it had begun where."""

    line: int
    column: int
    message: str
    begun: str = ""
    begun_line: int = 0
    begun_column: int = 0


def explain(text: str, error: Exception) -> Finding:
    """Return what is wrong with a text that ruamel.yaml, or our own composing, refuses."""
    if isinstance(error, FaultError):
        one = error.fault
        return Finding(line=one.line, column=one.column, message=one.message, word=one.word, known=one.known)
    if isinstance(error, ReaderError):
        line, column = text.count("\n", 0, error.position) + 1, error.position - text.rfind("\n", 0, error.position)
        return Finding(line=line, column=column, message=f"the character U+{error.character:04X} may not stand in it")
    stop = _stop(error)
    lines = text.split("\n")
    return next(_slips(lines, stop), None) or Finding(line=stop.line, column=stop.column, message=stop.message)


def explain_bytes(raw: bytes, error: UnicodeDecodeError) -> Finding:
    """Return where bytes are no text."""
    before = raw[: error.start]
    start = before.rfind(b"\n") + 1
    byte = raw[error.start]
    column = len(raw[start : error.start].decode("utf-8", "replace")) + 1
    message = f"the byte 0x{byte:02x} is not UTF-8, in which it has to be saved"
    meant = bytes([byte]).decode("cp1252", "ignore")
    message += f"; in Windows-1252 it is {meant}" if meant else ""
    return Finding(line=before.count(b"\n") + 1, column=column, message=message)


def hidden(entry: str) -> str:
    """Return the word that a `#` hides right after `key: `, or an empty string."""
    found = _HIDDEN.match(entry)
    return found[1] if found else ""


def _stop(error: Exception) -> _Stop:
    if not isinstance(error, MarkedYAMLError):
        return _Stop(line=1, column=1, message=str(error).partition("\n")[0] or type(error).__name__)
    mark, begun = error.problem_mark or error.context_mark, error.context_mark
    return _Stop(
        line=mark.line + 1 if mark else 1,
        column=mark.column + 1 if mark else 1,
        message=error.problem or error.context or "what comes here is not expected",
        begun=error.context or "",
        begun_line=begun.line + 1 if begun else 0,
        begun_column=begun.column + 1 if begun else 0,
    )


def _slips(lines: Sequence[str], stop: _Stop) -> Iterator[Finding]:
    """Yield what may be the mistake, the surest first."""
    line = lines[stop.line - 1] if stop.line <= len(lines) else ""
    first = max(min(stop.begun_line or stop.line, stop.line - 1), stop.line - _MAX_LOOK, 1)
    looked = [(number, lines[number - 1]) for number in range(first, min(stop.line, len(lines)) + 1)]
    yield from _signs(line, stop)
    yield from _foreign(looked)
    yield from _quotes(looked)
    if "flow" in stop.begun:
        yield from _hashes(looked)
        yield from _brackets(looked, stop)
    yield from _dashes(lines, stop)
    if "mapping values" in stop.message or "':'" in stop.message or "block end" in stop.message:
        yield from _colons(looked, stop)
    if found := re.search(r"found '([\]},])'", stop.message):
        message = "a comma too many" if found[1] == "," else f"nothing was opened that this {found[1]} closes"
        yield Finding(line=stop.line, column=stop.column, message=message)
    yield from _indents(lines, stop)


def _signs(line: str, stop: _Stop) -> Iterator[Finding]:
    """Yield a character that means something else than was meant where it stands."""
    if "\t" in line[: max(stop.column, len(line) - len(line.lstrip()))]:
        yield Finding(line=stop.line, column=line.index("\t") + 1, message="a tab: indent with spaces")
    sign, column = "", stop.column
    if found := _SIGN.search(stop.message):
        sign = found[1]
    elif "chomping" in stop.message and (found := re.search(r"(?:: +|- +)([|>])", line)):
        sign, column = found[1], found.start(1) + 1
    if sign:
        message = f"a value that begins with {sign} must be quoted"
        yield Finding(line=stop.line, column=column, message=message, suggestion=_quote(line, column))


def _foreign(looked: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    """Yield a space or colon of another alphabet: nobody sees the difference."""
    for number, line in looked:
        if found := _FOREIGN.match(line):
            sign, meant = found[found.lastindex or 1], "space" if found[1] else "colon"
            name = f"U+{ord(sign):04X} ({unicodedata.name(sign, 'unnamed').lower()})"
            message = f"the character {name} is no {meant} here"
            yield Finding(line=number, column=line.index(sign) + 1, message=message)


def _quotes(looked: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    """Yield where a quote is opened that its line does not close."""
    for number, line in looked:
        if found := _OPEN_QUOTE.search(_bare(line)):
            sign, column = found[1], found.start(1)
            if swallower := next((one for one in _QUOTED.finditer(line) if re.search(r"[,:]\s*.$", one[0])), None):
                column = swallower.start()  # it ends where the next one was to begin
            hint = sign + _value_at(line, column + 1).strip() + sign
            message = f"this {sign} is not closed on its line"
            yield Finding(line=number, column=column + 1, message=message, suggestion=hint)
        elif line.count('"') % 2 and (swallower := re.search(r'"[^"]*[,:] *"(?=\w)', line)):
            column = swallower.start()
            hint = '"' + _value_at(line, column + 1).strip() + '"'
            yield Finding(line=number, column=column + 1, message='this " is not closed', suggestion=hint)


def _hashes(looked: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    """Yield where a # hides the rest of a list or mapping in brackets."""
    for number, line in looked:
        if found := _HASH.search(_blot(line)):
            message = f"{found[1]} is a comment: what begins with # must be quoted"
            yield Finding(line=number, column=found.start(1) + 1, message=message, suggestion=f'"{found[1]}"')


def _brackets(looked: Sequence[tuple[int, str]], stop: _Stop) -> Iterator[Finding]:
    """Yield a bracket that is not closed on its line, or what is wrong with the commas inside."""
    number, line = next((one for one in looked if one[0] == stop.begun_line), (stop.begun_line, ""))
    sign = line[stop.begun_column - 1 : stop.begun_column]
    if sign not in _CLOSING:
        return
    closing, rest = _CLOSING[sign], _bare(line)[stop.begun_column :]
    if stop.line > number or closing not in rest:
        wrong = next((one for one in _CLOSING.values() if one != closing and one in rest), "")
        closed_by = f", which ends with {wrong}" if wrong else ""
        message = f"this {sign} is not closed on its line{closed_by}"
        yield Finding(line=number, column=stop.begun_column, message=message, suggestion=closing)
    else:
        message = f"a comma or {closing} is missing before this"
        yield Finding(line=stop.line, column=stop.column, message=message, suggestion=",")


def _dashes(lines: Sequence[str], stop: _Stop) -> Iterator[Finding]:
    """Yield an item of a list that stands at another place than the items beside it."""
    here = lines[stop.line - 1] if stop.line <= len(lines) else ""
    if _DASH.match(here):
        column = len(here) - len(here.lstrip()) + 1
        yield Finding(line=stop.line, column=column, message="a space must follow the dash", suggestion="- ")
    if not here.lstrip().startswith("- "):
        return
    beside = [one for one in lines[max(stop.line - 2, 0) : stop.line + 1 : 2] if one.lstrip().startswith("- ")]
    places = {_indent(one) for one in beside}
    if places and _indent(here) not in places:
        message = f"indented by {_spaces(_indent(here))}, but the items beside it by {min(places)}"
        yield Finding(line=stop.line, column=_indent(here) + 1, message=message)


def _colons(looked: Sequence[tuple[int, str]], stop: _Stop) -> Iterator[Finding]:
    """Yield where a colon is missing, has no space after it, or is one too many."""
    number, line = looked[-1]
    if "mapping values" in stop.message and (found := _COLONS.match(_bare(line))) and "{" not in line:
        column, hint = found.start(1), _quote(line, found.start(1) + 1)
        message = "a value with ': ' in it must be quoted"
        yield Finding(line=number, column=column + 1, message=message, suggestion=hint)
    for number, line in [one for one in reversed(looked) if _bare(one[1]).strip()][:3]:
        bare = _bare(line).rstrip()
        column = len(bare) - len(bare.lstrip(" -")) + 1
        if found := _GLUED.fullmatch(bare):
            hint = f"{found[1]}: {found[2]}"
            yield Finding(line=number, column=column, message="a space must follow the colon", suggestion=hint)
        elif (found := _NO_COLON.fullmatch(bare)) and (found[2] or not bare.lstrip().startswith("-")):
            rest = line[found.start(2) : found.end(2)] if found[2] else ""
            hint = f"{found[1]}: {rest.lstrip('= ')}".strip()
            yield Finding(line=number, column=column, message=f"a colon must follow '{found[1]}'", suggestion=hint)


def _indents(lines: Sequence[str], stop: _Stop) -> Iterator[Finding]:
    """Yield a line whose indentation fits none above."""
    if stop.line > len(lines) or not lines[stop.line - 1].strip() or stop.begun.endswith("scalar"):
        return
    line = lines[stop.line - 1]
    above = [(n, lines[n - 1]) for n in range(max(stop.line - _MAX_LOOK, 1), stop.line) if _bare(lines[n - 1]).strip()]
    if len(above) > 1 and ":" in _bare(above[-1][1]):
        (_, before), (number, last) = above[-2:]
        if _start(last) < min(_start(before), _indent(line)) and not _bare(last).rstrip().endswith(":"):
            message = f"indented by {_spaces(_indent(last))}, less than the lines around it"
            yield Finding(line=number, column=_indent(last) + 1, message=message)
    places: list[int] = []
    for at in (at for _, one in reversed(above) for at in (_start(one), _indent(one))):
        if not places or at < places[-1]:
            places.append(at)
    fitting = " or ".join(str(at) for at in places[:3])
    message = f"indented by {_spaces(_indent(line))}, which fits no line above ({fitting} would)"
    if _indent(line) not in places[:1] and stop.column - 1 >= _indent(line):
        yield Finding(line=stop.line, column=_indent(line) + 1, message=message)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _start(line: str) -> int:
    """Return where the words of a line begin, after its dashes."""
    return len(line) - len(line.lstrip(" -"))


def _spaces(number: int) -> str:
    return f"{number} space{'' if number == 1 else 's'}"


def _blot(line: str) -> str:
    """Return a line of the same length with what is quoted blotted out."""
    return _QUOTED.sub(lambda found: "_" * len(found[0]), line)


def _bare(line: str) -> str:
    """Return a line of the same length up to its comment, with what is quoted blotted out."""
    return _COMMENT.sub("", _blot(line))


def _value_at(line: str, column: int) -> str:
    """Return what stands from a column (from 0) on to the end of the value."""
    rest = line[column:]
    ends = r"[,\]}]|\s#" if re.search(r"[\[{]", line[:column]) else r"\s#"
    return re.split(ends, rest, maxsplit=1)[0].rstrip()


def _quote(line: str, column: int) -> str:
    return f'"{_value_at(line, column - 1)}"'
