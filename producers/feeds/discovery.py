"""From what somebody typed to a feed: the address itself, what its page declares or links, or where feeds usually lie.

Only for adding feeds by hand; a producer never looks further than the address it was given.
"""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import msgspec

from deskwatch.errors import FetchError, FetchReason, ParseError
from producers.feeds.adding import address
from producers.feeds.config import is_http
from producers.reading.jobs import Reading
from producers.reading.text import to_text

USUAL_PATHS: Final = ("/feed", "/rss", "/rss.xml", "/atom.xml", "/feed.xml", "/index.xml")
MAX_PAGE: Final = 1_000_000  # bytes of a page that are looked at
MAX_TRIED: Final = 4  # of what a page names

_MAX_TAG: Final = 4_000
_MAX_TAGS: Final = 2_000
_MAX_SITEMAPS: Final = 2
_MAX_TITLE: Final = 200
_TYPES: Final = {
    "application/rss+xml": 0,
    "application/atom+xml": 0,
    "application/rdf+xml": 1,
    "application/feed+json": 1,
    "text/xml": 2,
    "application/xml": 2,
    "application/json": 3,
}
_TAG: Final = re.compile(rf"<(link|base|a)\s([^<>]{{0,{_MAX_TAG}}})>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"""([a-zA-Z:_-]{1,40})\s{0,5}=\s{0,5}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_CHARSET: Final = re.compile(r"charset\s{0,5}=\s{0,5}[\"']?([\w-]{2,40})", re.IGNORECASE)
_COMMENTS: Final = re.compile(
    r"comment|kommentar|coment[aá]r|commenti|коммент|تعليق|评论|評論|コメント|댓글|yorum", re.IGNORECASE
)
_SIDE: Final = re.compile(r"podcast|audio|video|itunes|job|newsletter", re.IGNORECASE)
_FEED_LINK: Final = re.compile(r"(?:^|[/._=?&-])(?:rss|atom|feeds?|rdf)(?:2|xml)?(?:$|[/._=?&-])", re.IGNORECASE)
_WALLS: Final = (401, 403, 429, 451, 503)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a page says that there is a feed."""

    url: str
    title: str = ""


class Visited(msgspec.Struct, frozen=True, kw_only=True):
    """What lies at an address: a feed if it could be read as one."""

    url: str  # where it should be asked for from now on
    base: str  # where its body came from
    body: bytes
    content_type: str = ""
    reading: Reading | None = None
    refusal: str = ""  # why it is no feed


class Discovered(msgspec.Struct, frozen=True, kw_only=True):
    """A feed, and what else the page named."""

    feed: Visited
    others: tuple[Candidate, ...] = ()


Visit = Callable[[str], Awaitable[Visited]]


async def discover(url: str, visit: Visit) -> Discovered:
    """Return the feed at `url`, or the best one of the page or the site there, with at most 14 requests.

    Args:
        url: What somebody typed.
        visit: Gets one address, politely; raises FetchError.

    Raises:
        FetchError: there is no answer at `url`.
        ParseError: there is no feed; the message says where it was looked for.
    """
    start = await visit(url)
    if start.reading is not None:
        return Discovered(feed=start)
    candidates = find_candidates(start.body, start.base, start.content_type)
    tried: list[str] = []
    places = [*(candidate.url for candidate in candidates[:MAX_TRIED]), *usual_places(start.base)]
    found = await _try(places, visit, tried) or await _try_sitemaps(start.base, visit, tried)
    if found is None:
        raise ParseError(url, f"{start.refusal or 'no feed'}; nor is there one at " + ", ".join(tried))
    others = [candidate for candidate in candidates if address(candidate.url) != address(found.url)]
    return Discovered(feed=found, others=tuple(others))


def find_candidates(page: bytes, url: str, content_type: str = "") -> list[Candidate]:
    """Return the feeds that a web page declares or links, the best first.

    Declared ones come before linked ones, comments last, and those of the page's own section before the whole site's.
    """
    base = url
    found: dict[str, tuple[tuple[int, ...], Candidate]] = {}
    for n, (tag, attributes, text) in enumerate(_tags(_decode(page[:MAX_PAGE], content_type))):
        if n >= _MAX_TAGS:
            break
        target = _join(base, attributes.get("href", ""))
        if tag == "base" and base == url and target:
            base = target
            continue
        title = to_text(attributes.get("title", "") or text, _MAX_TITLE)
        rank = _rank(tag, attributes, target, title, url) if target else None
        if rank is None or address(target) == address(url):
            continue
        key = address(target)
        if key not in found or rank < found[key][0][:-1]:
            found[key] = ((*rank, n), Candidate(url=target, title=title))
    return [candidate for _, candidate in sorted(found.values(), key=lambda ranked: ranked[0])]


def usual_places(url: str) -> list[str]:
    """Return where the feed of a site lies if it lies where most do."""
    return [urljoin(url, path) for path in USUAL_PATHS]


def find_sitemaps(robots: bytes) -> list[str]:
    """Return the sitemaps that a robots.txt names, those of news first."""
    lines = robots[:MAX_PAGE].decode("utf-8", "replace").splitlines()
    named = [line.partition(":")[2].strip() for line in lines if line.strip().lower().startswith("sitemap:")]
    return sorted(dict.fromkeys(filter(is_http, named)), key=lambda found: "news" not in found.lower())


async def _try(places: Sequence[str], visit: Visit, tried: list[str]) -> Visited | None:
    """Return the first place with a feed that has items, else the first feed without; `tried` says what was there."""
    empty: Visited | None = None
    seen: set[str] = set()
    for place in places:
        if address(place) in seen:
            continue
        seen.add(address(place))
        try:
            visited = await visit(place)
        except FetchError as error:
            tried.append(f"{place} ({describe(error)})")
            if error.status in _WALLS:
                break  # whoever says so once would say so again
            continue
        if visited.reading is not None and visited.reading.total:
            return visited
        tried.append(f"{place} ({'no items' if visited.reading else 'no feed'})")
        empty = empty or (visited if visited.reading is not None else None)
    return empty


async def _try_sitemaps(url: str, visit: Visit, tried: list[str]) -> Visited | None:
    try:
        robots = await visit(urljoin(url, "/robots.txt"))
    except FetchError as error:
        tried.append(f"robots.txt ({describe(error)})")
        return None
    found = await _try(find_sitemaps(robots.body)[:_MAX_SITEMAPS], visit, tried)
    return found if found is not None and found.reading is not None and found.reading.total else None


def describe(error: FetchError) -> str:
    """Return a fetch error in a word or two."""
    return f"status {error.status}" if error.reason is FetchReason.STATUS else error.reason.replace("_", " ")


def _tags(page: str) -> list[tuple[str, dict[str, str], str]]:
    """Return the link, base and a elements in their order, with their attributes and the text behind.

    A tree would need time in the square of a hostile page's depth; these three can be read without one.
    """
    page = _drop_comments(page)
    tags = []
    for match in _TAG.finditer(page):
        attributes: dict[str, str] = {}
        for name, *values in _ATTRIBUTE.findall(match[2]):
            attributes.setdefault(name.lower(), html.unescape(next(filter(None, values), "")).strip())
        text = page[match.end() : match.end() + _MAX_TITLE].partition("</a")[0] if match[1].lower() == "a" else ""
        tags.append((match[1].lower(), attributes, text))
    return tags


def _drop_comments(page: str) -> str:
    kept, at = [], 0
    while (start := page.find("<!--", at)) >= 0 and (end := page.find("-->", start + 4)) >= 0:
        kept.append(page[at:start])
        at = end + 3
    return "".join([*kept, page[at:]])


def _rank(tag: str, attributes: dict[str, str], target: str, title: str, page: str) -> tuple[int, ...] | None:
    """Return how far down the list a link belongs, or None if it leads to no feed."""
    path = unquote(urlsplit(target).path + "?" + urlsplit(target).query)
    if tag == "link":
        kind = attributes.get("type", "").partition(";")[0].strip().lower()
        relations = attributes.get("rel", "").lower().split()
        if kind not in _TYPES or not {"alternate", "feed"} & set(relations) or "stylesheet" in relations:
            return None
        if _TYPES[kind] > 1 and not _FEED_LINK.search(path) and kind != "application/feed+json":
            return None  # APIs and the like declare themselves as plain XML or JSON
        declared = _TYPES[kind]
    elif tag == "a" and _FEED_LINK.search(path) and not path.endswith(".html"):
        declared = 10
    else:
        return None
    about = f"{path} {title}"
    return (bool(_COMMENTS.search(about)), declared, -_shared(target, page), bool(_SIDE.search(about)))


def _shared(target: str, page: str) -> int:
    """Return how many leading parts of its path a feed has in common with its page; 0 on another host's."""
    one, other = urlsplit(target), urlsplit(page)
    if (one.hostname or "").removeprefix("www.") != (other.hostname or "").removeprefix("www."):
        return 0
    parts = zip(one.path.strip("/").split("/"), other.path.strip("/").split("/"), strict=False)
    count = 0
    for mine, theirs in parts:
        if mine != theirs or not mine:
            break
        count += 1
    return count


def _join(base: str, link: str) -> str:
    try:
        link = re.sub(r"^feed:(?=https?:)|^feed:(?=//)", "", link.strip(), flags=re.IGNORECASE)
        target = urljoin(base, link).partition("#")[0] if link else ""
    except ValueError:
        return ""
    return target if is_http(target) else ""


def _decode(page: bytes, content_type: str) -> str:
    named = _CHARSET.search(content_type) or _CHARSET.search(page[:2_048].decode("latin-1"))
    try:
        return page.decode(named[1] if named else "utf-8", "replace")
    except (LookupError, ValueError):  # also codecs that are none of text
        return page.decode("utf-8", "replace")
