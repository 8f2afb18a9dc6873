"""What goes into a parsing process and what comes out of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from deskwatch.records import DateQuality

DIGEST_SIZE = 5  # bytes; the chance that a new item is taken for one of 100 known ones is 1e-10


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A fetched document to read."""

    feed_id: str
    body: bytes
    url: str = ""  # where it came from, for relative links
    content_type: str = ""
    language: str = ""  # a prior
    timezone: str = ""  # what its dates mean when they do not say
    identity: str = ""  # `url`: guids are not stable
    known: bytes = b""  # digests of items that need no parsing, one behind the other
    whole: bool = False  # parse every item, and compare with what parsing the unknown ones alone gives
    now: datetime


class DocumentHints(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says about when to come again."""

    ttl_s: float | None = None  # <ttl>, or the sy: period divided by its frequency
    skip_hours: int = 0  # bit h: do not come in hour h, UTC
    skip_days: int = 0  # bit d: do not come on weekday d, Monday 0


class RawItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item as its feed has it: HTML, unchecked links, unread dates; links are absolute."""

    guid: str = ""
    link: str = ""
    title: str = ""
    summary: str = ""
    content: str = ""
    published: str = ""
    updated: str = ""
    language: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    digest: bytes = b""  # of its bytes; empty where items could not be told apart before parsing


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed feed: the items that are not known, in the order of the feed."""

    items: tuple[RawItem, ...]
    total: int  # items of the document, known ones and left out ones included
    standing: bytes = b""  # digests of its known items, in their order
    left_out: int = 0  # items beyond the bound
    unreadable: int = 0  # items of which nothing could be read
    language: str = ""
    bozo: bool = False  # not well-formed
    parser: str = ""  # such as `feedparser/6.0.12+delta`
    hints: DocumentHints = DocumentHints()
    difference: str = ""  # what the whole parse found that the other had not; "" if they agree or were not compared


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What an item can be recognised by within its feed: hashes, in hex."""

    primary: str  # of its guid, else of its URL, else of its title and day
    by_url: str  # where several items of the feed share their guid
    url: str  # of its canonical URL


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A readable item and its keys; all strings are plain text."""

    keys: Keys
    content_hash: str
    guid: str | None
    url: str
    title: str
    summary: str
    text: str | None
    language: str
    language_source: str
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    published_at: datetime | None
    published_raw: str
    published_quality: DateQuality
    updated_at: datetime | None
    digest: bytes = b""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a document holds that was not known, and what it says of itself."""

    items: tuple[Item, ...]
    total: int
    standing: bytes = b""
    dropped: dict[str, int] = {}  # DropReason -> items
    bozo: bool = False
    parser: str = ""
    hints: DocumentHints = DocumentHints()
    difference: str = ""
