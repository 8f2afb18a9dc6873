"""A job to its reading: the one function that parsing processes run."""

from __future__ import annotations

import re
from typing import Final

from deskwatch.errors import ParseError
from producers.reading.encodings import to_utf8
from producers.reading.jobs import Document, Job, Reading
from producers.reading.jsonfeed import read_json_feed
from producers.reading.normalising import normalise
from producers.reading.sitemaps import read_sitemap
from producers.reading.syndication import read_syndication
from producers.reading.taming import find_root

_FEED: Final = re.compile(rb"<(?:[\w.-]+:)?(?:rss|feed|rdf|channel|item|entry)[\s>]", re.IGNORECASE)


def read(job: Job) -> Reading:
    """Return what a fetched document holds that is not known.

    Raises:
        ParseError: it is no feed.
    """
    return normalise(read_document(job), job)


def read_document(job: Job) -> Document:
    """Return the raw items of a fetched document that are not known, whichever format it is in.

    Raises:
        ParseError: it is no feed.
    """
    body, faithful = to_utf8(job.body, job.content_type)
    if body.lstrip()[:1] in (b"{", b"["):
        return read_json_feed(body, job, faithful=faithful)
    root = find_root(body)
    if not root.name:
        raise ParseError(job.feed_id, f"no feed in {len(job.body):,} bytes")
    if root.name in ("urlset", "sitemapindex"):
        return read_sitemap(root, job, faithful=faithful)
    if root.name == "html" and not _FEED.search(root.document):
        raise ParseError(job.feed_id, "this is a web page, not a feed")
    return read_syndication(root, job, faithful=faithful)
