"""A document's bytes to UTF-8: as it says it is encoded, if its bytes agree, else as it looks."""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

from producers.reading.guessing import guess_encoding

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What the first character of a document without a mark looks like, for those that ASCII cannot be read in.
_WIDE: Final = (
    (re.compile(rb"\s*\x00\x00\x00[<{\[]"), "utf-32-be"),
    (re.compile(rb"[<{\[\s]\x00\x00\x00"), "utf-32-le"),
    (re.compile(rb"(?:\x00\s)*\x00[<{\[]"), "utf-16-be"),
    (re.compile(rb"(?:\s\x00)*[<{\[]\x00"), "utf-16-le"),
    (re.compile(rb"\x4c\x6f\xa7\x94"), "cp037"),
)
_DECLARED: Final = re.compile(rb"\s*+<\?xml\s[^>]{0,300}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", re.IGNORECASE)
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
# What documents mean by a name, where that is more than the name says or Python does not know it.
_MEANT: Final = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030", "big5": "cp950",
    "big5-hkscs": "big5hkscs", "shift_jis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932", "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949", "iso-8859-9": "cp1254", "tis-620": "cp874", "iso-8859-11": "cp874",
    "iso-8859-8-i": "iso8859_8", "utf8mb4": "utf-8", "unicode": "utf-8", "utf-16": "utf-8", "utf-32": "utf-8",
    "ucs-2": "utf-8", "iso-10646-ucs-2": "utf-8",
}  # fmt: skip  # UTF-16 without its mark or its zeros is none
# Codecs that run programs' escapes, host names or other things than characters.
_REFUSED: Final = frozenset(
    ("punycode", "idna", "utf-7", "unicode-escape", "unicode_escape", "raw-unicode-escape", "undefined", "mbcs", "oem")
)
_SHIFTING: Final = re.compile(r"iso2022|hz")  # all of their bytes are ASCII's
_LATIN: Final = frozenset(("iso8859-1", "cp1252", "iso8859-15", "ascii"))
_LEADS: Final = bytes(range(0xC2, 0xF5))
_NOT_LEADS: Final = bytes(sorted(set(range(256)) - set(_LEADS)))
_CERTAIN: Final = 2  # characters in UTF-8 that nothing else would be by chance
_CERTAIN_WIDE: Final = 6  # the same beside encodings of two bytes a character
_WIDE_CODECS: Final = re.compile(r"gb|big5|cp9(?:32|49|50)|euc|johab|shift")
_STRAY: Final = {0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0x100)}
_STRAYS: Final = re.compile("[\udc80-\udcff]+")
_LOST: Final = dict.fromkeys(range(0xDC80, 0xDD00), "\ufffd")
_WESTERN: Final = re.compile(r"[\u0250-\u1dff\u2e80-\ud7ff\uf900-\ufffc]")
_CONTROLS: Final = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0D})
_TOLERATED: Final = 0.02  # share of characters that a codec cannot read, beyond which the document is not in it


class Decoded(NamedTuple):
    """A document in UTF-8 without a mark and without characters that XML forbids."""

    body: bytes
    faithful: bool  # its bytes are what it says; else characters may be lost or guessed


def to_utf8(body: bytes, content_type: str = "") -> Decoded:
    """Return the document in UTF-8.

    A byte order mark goes before the HTTP header's charset, that before the XML declaration, and bytes that are UTF-8
    beyond chance before both. Without any of these the encoding is guessed from the words.

    Args:
        body: The document.
        content_type: The HTTP header.
    """
    text, faithful = _decode(body, content_type)
    encoded = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    clean = encoded.translate(None, _CONTROLS)
    return Decoded(clean, faithful and len(clean) == len(encoded))


def _decode(body: bytes, content_type: str) -> tuple[bytes | str, bool]:
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return _decode_as(codec, body[len(mark) :])
    for pattern, codec in _WIDE:
        if pattern.match(body):
            return _decode_as(codec, body)
    names = [match[1] for match in (_CHARSET.search(content_type),) if match]
    names += [match[1].decode("ascii", "replace") for match in (_DECLARED.match(body),) if match]
    declared = [codec for codec in map(_find_codec, names) if codec]
    if body.isascii():
        shifting = next((codec for codec in declared if _SHIFTING.match(codec)), "")
        return _decode_as(shifting, body) if shifting else (body, True)
    others = [codec for codec in declared if codec not in ("utf-8", "ascii")]
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_other(body, others)
    certain = _CERTAIN_WIDE if others and _WIDE_CODECS.match(others[0]) else _CERTAIN
    if not others or others[0] in _LATIN or _count_leads(body) >= certain:
        return body, not others
    return _decode_other(body, others)


def _decode_other(body: bytes, declared: list[str]) -> tuple[str, bool]:
    """Return the text of a document that is no clean UTF-8."""
    for codec in declared:
        text, faithful = _decode_as(codec, body)
        if faithful or text.count("\ufffd") <= _TOLERATED * _count_high(body):
            return text, faithful
    text = body.decode("utf-8", "surrogateescape")
    strays = sum(map(len, _STRAYS.findall(text)))
    if _count_leads(body) - strays >= strays:  # UTF-8, with a few characters pasted or cut
        return text.translate(_LOST if _WESTERN.search(text) else _STRAY), False
    return body.decode(guess_encoding(body) or "cp1252", "replace"), False


def _decode_as(codec: str, body: bytes) -> tuple[str, bool]:
    try:
        return body.decode(codec), True
    except UnicodeDecodeError:
        return body.decode(codec, "replace"), False


def _find_codec(name: str) -> str:
    """Return Python's name for an encoding; "" if it is unknown or no encoding of text."""
    name = name.strip().lower()
    try:
        info = codecs.lookup(_MEANT.get(name, name))
    except (LookupError, ValueError):
        return ""
    # Python's own mark for codecs such as zip or rot13, which `bytes.decode` refuses by it
    is_text = getattr(info, "_is_text_encoding", True)
    return info.name if is_text and info.name not in _REFUSED else ""


def _count_leads(body: bytes) -> int:
    return len(body.translate(None, _NOT_LEADS))


def _count_high(body: bytes) -> int:
    return len(body.translate(None, bytes(range(0x80))))
