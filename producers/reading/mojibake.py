"""UTF-8 that somebody read as Windows-1252 or Latin-1 and saved again: `cafÃ©`."""

from __future__ import annotations

import re
from typing import Final

_C1: Final = "".join(bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0))
_TAIL: Final = f"[\x80-\xbf{_C1}]"  # what the second and later bytes of UTF-8 became
_SEQUENCE: Final = f"(?:[\xc2-\xdf]{_TAIL}|[\xe0-\xef]{_TAIL}{_TAIL}|[\xf0-\xf4]{_TAIL}{{3}})"
_ONE: Final = re.compile(_SEQUENCE)
_RUN: Final = re.compile(f"{_SEQUENCE}+")
_FIRST: Final = re.compile(f"[\xc2-\xf4]{_TAIL}")
# Behind a capital with an accent these are honest: `MANHÃ…`, `„Ä“`, `NESTLÉ®`, `CAFÉ »`.
_PUNCTUATION: Final = frozenset("\x80\x85\x91\x92\x93\x94\x96\x97\x99\xa0‘’“”–—…™«»„‚")
_ENOUGH: Final = 6  # characters in a row, three sequences or two, that nobody writes by intent
_BYTES: Final = {ord(bytes([code]).decode("cp1252", "ignore") or chr(code)): code for code in range(0x80, 0xA0)}


def mend(text: str) -> str:
    """Return the text with such sequences as they were meant, where they can be nothing else; all others stay."""
    return _RUN.sub(_mend_run, text) if _FIRST.search(text) else text


def _mend_run(match: re.Match[str]) -> str:
    meant = _decode(match[0]) if len(match[0]) >= _ENOUGH else None
    return meant or _ONE.sub(_mend_one, match[0])


def _mend_one(match: re.Match[str]) -> str:
    meant = _decode(match[0])
    return meant if meant and _is_certain(match[0], meant) else match[0]


def _decode(run: str) -> str | None:
    try:
        return bytes(_BYTES.get(ord(c), ord(c)) for c in run).decode()
    except UnicodeDecodeError:
        return None


def _is_certain(run: str, meant: str) -> bool:
    """Return whether one sequence is a Latin letter, or a quotation mark or the like, and can be nothing else."""
    if run.startswith("â"):  # three characters such as â€™
        return all("\u2000" <= c <= "\u2122" for c in meant)
    return all("\xa0" <= c <= "\u017f" for c in meant) and not _PUNCTUATION.intersection(run)
