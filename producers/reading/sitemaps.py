"""News sitemaps to their items.

Only a URL with `news:news` is an article: a plain sitemap lists every page of a site, without a title, and its
`lastmod` changes with each deployment.
"""

from __future__ import annotations

import html
import io
from hashlib import blake2b
from typing import Final

import msgspec
from lxml import etree

from deskwatch.errors import ParseError
from producers.reading.entries import MAX_LINE, few, resolve
from producers.reading.jobs import DIGEST_SIZE, Document, Job, RawItem
from producers.reading.splitting import cut_digests
from producers.reading.syndication import MAX_ITEMS
from producers.reading.taming import Root

PARSER: Final = "sitemap"

_NEWS: Final = b"schemas/sitemap-news/"


def read_sitemap(root: Root, job: Job, *, faithful: bool) -> Document:
    """Return the articles of a news sitemap that are not known to `job`.

    A document that is cut off or broken yields the articles before the break. A news sitemap may be empty: it lists
    what was published in the last two days.

    Raises:
        ParseError: it lists sitemaps, or pages that are no news.
    """
    if root.name == "sitemapindex":
        raise ParseError(job.feed_id, "this is an index of sitemaps: add the news sitemap in it")
    known = cut_digests(job.known)
    items: list[RawItem] = []
    standing: list[bytes] = []
    total, bozo = 0, False
    elements = etree.iterparse(
        io.BytesIO(root.document),
        events=("end",),
        tag=("{*}url", "url"),
        recover=True,
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
    )
    try:
        for _, element in elements:
            item = _read_item(element, job.url)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
            if item is None:
                continue
            total += 1
            if item.digest in known:
                standing.append(item.digest)
            elif total <= MAX_ITEMS:
                items.append(item)
    except etree.XMLSyntaxError:
        bozo = True
    bozo = bozo or len(elements.error_log) > 0
    if not total and _NEWS not in root.document[:MAX_LINE]:
        raise ParseError(job.feed_id, "this is a sitemap without news")
    return Document(
        items=tuple(items),
        total=total,
        standing=b"".join(standing),
        left_out=total - len(items) - len(standing),
        bozo=bozo or not faithful,
        parser=PARSER,
    )


def _read_item(element: etree._Element, url: str) -> RawItem | None:
    news = element.find("{*}news")
    if news is None:
        return None
    publication = news.find("{*}publication")
    link = _text(element, "loc")
    item = RawItem(
        guid=link,
        link=resolve(url, link),
        title=html.escape(_text(news, "title"), quote=False),
        published=_text(news, "publication_date"),
        updated=_text(element, "lastmod"),
        language=_text(publication, "language") if publication is not None else "",
        categories=few(keyword.strip() for keyword in _text(news, "keywords").split(",")),
    )
    # lastmod is no part of it: it tells nothing about the title, which is all there is
    told = msgspec.msgpack.encode((item.link, item.title, item.published))
    return msgspec.structs.replace(item, digest=blake2b(told, digest_size=DIGEST_SIZE).digest())


def _text(parent: etree._Element, name: str) -> str:
    child = parent.find(f"{{*}}{name}")
    return (child.text or "").strip()[:MAX_LINE] if child is not None else ""
