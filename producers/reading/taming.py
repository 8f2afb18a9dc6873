"""Documents without what makes feedparser's time grow with its square, and whether they are well-formed at all."""

from __future__ import annotations

import html.entities
import re
from typing import Final, NamedTuple
from xml.parsers import expat

from lxml import etree

MAX_ATTRIBUTES: Final = 200
MAX_CATEGORIES: Final = 50
MAX_PROLOG: Final = 64_000  # bytes before the root

DECLARATION: Final = b"<?xml version='1.0' encoding='utf-8'?>\n"

_BEFORE: Final = re.compile(
    rb"<(?:(?P<root>[A-Za-z_][\w:.-]*+)|(?P<comment>!--)|(?P<pi>\?)|(?P<doctype>!DOCTYPE\b))", re.I
)
_CLOSERS: Final = {"comment": b"-->", "pi": b"?>"}
_MAX_STEPS: Final = 1_000
_DOCTYPE_END: Final = re.compile(rb"[^<>\[]*+(?:\[.*?\]\s*+)?>", re.DOTALL)

_LONG_TAG: Final = re.compile(rb"<([A-Za-z_][\w:.-]*+)([^<>]{1000,}+)>")
_ATTRIBUTE: Final = re.compile(rb"""\s[\w:.-]++\s*+=\s*+(?:"[^"<>]*+"|'[^'<>]*+')""")
_CATEGORY: Final = re.compile(
    rb"(?P<item><(?:[\w.-]+:)?(?:item|entry)[\s>])"
    rb"|<(?P<name>(?:[\w.-]+:)?(?:category|subject))(?:\s[^<>]*+)?(?:(?<=/)>|>[^<]*+(?:<!\[CDATA\[.*?\]\]>[^<]*+)?</(?P=name)\s*>)",
    re.DOTALL | re.IGNORECASE,
)
# feedparser looks for addresses in names, and for each keyword among all others.
_LONG_LINE: Final = re.compile(
    rb"(<(?:[\w.-]+:)?(?:author|creator|name|managingEditor|webMaster|publisher|email|keywords|tags)(?:\s[^<>]*+)?>"
    rb"\s*+(?:<!\[CDATA\[)?[^<\]]{1000})[^<\]]++",
    re.IGNORECASE,
)
_ENTITY: Final = re.compile(rb"&([A-Za-z]\w{1,30}|#\d++|#[xX][0-9A-Fa-f]++);?")
_LAST: Final = 0x10FFFF
_XML_ENTITIES: Final = frozenset((b"amp", b"lt", b"gt", b"quot", b"apos"))


class Root(NamedTuple):
    """A document from its root element on."""

    name: str  # without prefix, in lower case; "" if there is none
    document: bytes  # begins with a declaration of UTF-8
    has_entities: bool  # it declares some, which are kept


def find_root(body: bytes) -> Root:
    """Return a UTF-8 document without what stands before its root: blank lines, warnings, comments, declarations."""
    at = doctype = 0
    entities = b""
    for _ in range(_MAX_STEPS):
        tag = _BEFORE.search(body, at)
        if tag is None:
            break
        if tag["root"]:
            name = tag["root"].rpartition(b":")[2].decode("utf-8", "replace").lower()
            return Root(name, DECLARATION + entities + body[tag.start() :], bool(entities))
        if tag["doctype"]:
            end = _DOCTYPE_END.match(body, tag.end(), tag.start() + MAX_PROLOG)
            at = end.end() if end else tag.end()
            doctype += 1
            if end and b"<!ENTITY" in end[0] and doctype == 1:
                entities = b"\n".join(line for line in body[tag.start() : at].splitlines() if line.strip()) + b"\n"
            continue
        end_at = body.find(_CLOSERS[tag.lastgroup or "pi"], tag.end())
        at = end_at if end_at >= 0 else tag.end()
    return Root("", b"", False)


def is_well_formed(document: bytes) -> bool:
    """Return whether a UTF-8 document without entities of its own is XML with namespaces."""
    parser = expat.ParserCreate(namespace_separator=" ")
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError):
        return False
    return True


def tame(document: bytes) -> bytes:
    """Return the document without attributes and categories in numbers that no honest feed has."""
    document = _LONG_LINE.sub(rb"\1", _LONG_TAG.sub(_cut_tag, document))
    if len(document) > 1_000 and max(document.count(b"ategor"), document.count(b"ubject")) > MAX_CATEGORIES:
        count = 0

        def keep_few(match: re.Match[bytes]) -> bytes:
            nonlocal count
            count = 0 if match["item"] else count + 1
            return match[0] if count <= MAX_CATEGORIES else b""

        document = _CATEGORY.sub(keep_few, document)
    return document


def cut(document: bytes, tags: int) -> bytes:
    """Return the document up to so many tags."""
    if document.count(b"<") <= tags:
        return document
    at = 0
    for _ in range(tags + 1):
        at = document.index(b"<", at) + 1
    return document[: at - 1]


def mend(document: bytes) -> bytes:
    """Return what libxml2 can make of a damaged document; b"" if that is nothing."""
    document = _ENTITY.sub(_mend_reference, document)
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False, encoding="utf-8")
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError):
        return b""
    return DECLARATION + etree.tostring(root, encoding="utf-8") if root is not None else b""


def _cut_tag(match: re.Match[bytes]) -> bytes:
    if match[2].count(b"=") <= MAX_ATTRIBUTES:
        return match[0]
    attributes = b"".join(one[0] for one, _ in zip(_ATTRIBUTE.finditer(match[2]), range(MAX_ATTRIBUTES), strict=False))
    return b"<" + match[1] + attributes + (b"/>" if match[2].endswith(b"/") else b">")


def _mend_reference(match: re.Match[bytes]) -> bytes:
    """Return a reference that XML knows; nothing for one to no character."""
    if match[1].startswith(b"#"):
        number = match[1][1:].lower().lstrip(b"x0")[:8]
        code = int(number or b"0", 16 if match[1][1:2] in b"xX" else 10)
        return match[0] if 0x20 <= code <= _LAST and not 0xD800 <= code < 0xE000 else b""
    if match[1] in _XML_ENTITIES:
        return match[0]
    known = html.entities.name2codepoint.get(match[1].decode())
    return b"&#%d;" % known if known else match[0]
