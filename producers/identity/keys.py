"""Which item is which: ids that stay the same over polls, restarts and small changes of a feed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import msgspec

_SCHEME_AND_HOST: Final = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_PORTS: Final = {"http": 80, "https": 443}
_TRACKING_PREFIXES: Final = ("utm_", "mtm_", "pk_", "hsa_", "at_campaign", "at_medium", "at_custom")
_TRACKING: Final = frozenset(
    (
        "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "ttclid", "igshid",
        "mc_cid", "mc_eid", "ncid", "cmpid", "_hsenc", "_hsmi", "vero_id", "oly_anon_id", "oly_enc_id", "mkt_tok",
        "ns_campaign", "ns_mchannel", "ns_source", "ito", "xtor", "ocid",
    )
)  # fmt: skip


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What an item can be recognised by within its feed."""

    primary: str  # the article id, unless several items of the feed share their guid
    by_url: str  # the article id then
    url: str  # hash of the canonical URL


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of an article."""

    content_hash: str
    revision: int
    url_key: str
    old: bool = False  # it came as backfill or replay, and so will its revisions
    shared: bool = False  # its guid stands at items with other URLs as well


class Identified(msgspec.Struct, frozen=True, kw_only=True):
    """One id per item (None: the same item twice in one document), and the ids whose guids turned out to be shared."""

    ids: tuple[str | None, ...]
    shared: frozenset[str]


def keys_of(feed_id: str, *, guid: str, url: str, title: str, day: str) -> Keys:
    """Return an item's keys; without a guid its URL identifies it, without that its title and day."""
    link = canonical_url(url)
    if guid.strip():
        primary = ("guid", normalise_guid(guid))
    elif link:
        primary = ("url", link)
    else:
        primary = ("title", f"{title}\n{day}")
    first = _hash(16, feed_id, *primary)
    return Keys(
        primary=first,
        by_url=_hash(16, feed_id, *primary, link) if primary[0] == "guid" else first,
        url=_hash(8, link),
    )


def identify(keys: Sequence[Keys], seen: Mapping[str, Seen]) -> Identified:
    """Return the article id of each item of one document.

    A guid that stands at several URLs belongs to the item that had it first; the others are told apart by their URLs,
    from then on, also when they stand alone.

    Args:
        keys: Of all items, in the order of the document.
        seen: What is remembered of the feed, by article id; at least for all ids in `keys`.
    """
    owners: dict[str, str] = {id_: known.url_key for id_, known in seen.items()}
    urls: dict[str, set[str]] = {}
    for key in keys:
        owners.setdefault(key.primary, key.url)
        urls.setdefault(key.primary, set()).add(key.url)
    shared = {id_ for id_, found in urls.items() if len(found) > 1 or (id_ in seen and seen[id_].shared)}
    ids: list[str | None] = []
    taken: set[str] = set()
    for key in keys:
        id_ = key.by_url if key.primary in shared and key.url != owners[key.primary] else key.primary
        ids.append(None if id_ in taken else id_)
        taken.add(id_)
    return Identified(ids=tuple(ids), shared=frozenset(shared))


def content_hash(title: str, summary: str) -> str:
    """Return 16 hex digits that change with what the item says."""
    return _hash(8, title, summary)


def normalise_guid(guid: str) -> str:
    """Return a guid without what flips on its own: surrounding space, and scheme and case of the host of a URL."""
    guid = guid.strip()
    match = _SCHEME_AND_HOST.match(guid)
    return match[1].lower() + guid[match.end() :] if match else guid


def canonical_url(url: str) -> str:
    """Return the URL without fragment, default port and tracking parameters, its query sorted; empty if it is none."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not host:
        return ""
    where = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS[parts.scheme]:
        where += f":{port}"
    query = sorted(pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _is_tracking(pair[0]))
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._", errors="replace")
    return urlunsplit((parts.scheme, where, path, urlencode(query, errors="replace"), ""))


def _is_tracking(name: str) -> bool:
    name = name.lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)


def _hash(size: int, *parts: str) -> str:
    # each part is preceded by its length, so that no two lists of parts give the same bytes
    joined = "".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=size).hexdigest()
