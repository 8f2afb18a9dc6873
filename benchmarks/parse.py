"""How many feeds a second one core parses when two of their items are new, beside parsing all, feedparser and a peer.

    python benchmarks/parse.py [--seconds 4] [--data DIR]

The feeds are made up: 50 items and about 43 KB each, in four dialects. Where the reference data is present, other
readers' test feeds with ten items or more are measured too, and what the delta parse finds is compared with the whole.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import feedparser
import msgspec

from deskwatch.errors import ParseError
from producers.reading.jobs import Job
from producers.reading.reading import read, read_document

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ITEMS, NEW = 50, 2
PROSE = (
    "the council said on monday that new rules for markets would be discussed again next week after a long debate about"
    " prices housing and the railway residents teachers and firms asked for more time while the mayor who was elected"
    " last year told reporters it would not change and talks go on in the port of the capital"
)
WORDS = PROSE.split(" ")
NAMESPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:media="http://search.yahoo.com/mrss/"'
)


def main() -> None:
    """Run the benchmark and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of CPU, per figure")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DESKWATCH_DATA", "../shared/data")))
    options = parser.parse_args()
    _measure("made up, news-like", [_make(random.Random(seed), seed % 4) for seed in range(40)], options.seconds)
    feeds = options.data / "feeds"
    if feeds.is_dir():
        files = (path for path in sorted(feeds.rglob("*")) if path.suffix in (".xml", ".rss", ".atom"))
        bodies = [body for body in (path.read_bytes() for path in files) if _count(body) >= 10]
        _measure("other readers' test feeds with 10 items or more", bodies, options.seconds)


def _measure(name: str, bodies: Sequence[bytes], seconds: float) -> None:
    items = sum(map(_count, bodies))
    size = sum(map(len, bodies)) / len(bodies)
    print(f"{name}: {len(bodies)} feeds, {items / len(bodies):.0f} items and {size / 1000:.0f} KB each")
    whole = [_job(body) for body in bodies]
    delta = [_with_known(job) for job in whole]
    checked = [read_document(msgspec.structs.replace(job, whole=True)) for job in delta]
    different = sum(bool(document.difference) for document in checked)
    ways: list[tuple[str, Callable[[Job], object], Sequence[Job]]] = [
        (f"delta parse, {NEW} new items", read_document, delta),
        (f"the same, with texts, dates, languages and keys of the {NEW}", read, delta),
        ("whole parse", read_document, whole),
        ("peer: feedparser, defaults", lambda job: feedparser.parse(io.BytesIO(job.body)), whole),
    ]
    try:
        import fastfeedparser
    except ImportError:
        pass
    else:
        ways.append(("peer: fastfeedparser", lambda job: _attempt(fastfeedparser.parse, job.body), whole))
    for label, way, jobs in ways:
        print(f"{_rate(way, jobs, seconds):>8,.0f} feeds/s/core  {label}")
    print(f"{different:>8} of {len(bodies)} differ between the delta parse and the whole one\n")


def _rate(way: Callable[[Job], object], jobs: Sequence[Job], seconds: float) -> float:
    way(jobs[0])
    done, start = 0, time.process_time()
    while (took := time.process_time() - start) < seconds or done < len(jobs):
        way(jobs[done % len(jobs)])
        done += 1
    return done / took


def _attempt(parse: Callable[[bytes], object], body: bytes) -> None:
    try:
        parse(body)
    except Exception as error:  # noqa: BLE001  # it refuses some documents, with errors of many kinds
        del error


def _job(body: bytes) -> Job:
    return Job(feed_id="f", body=body, url="https://post.example/feeds/all.xml", now=NOW)


def _with_known(job: Job) -> Job:
    digests = [item.digest for item in read_document(job).items]
    return msgspec.structs.replace(job, known=b"".join(digests[NEW:]))


def _count(body: bytes) -> int:
    try:
        return read_document(_job(body)).total
    except ParseError:
        return 0


def _make(rng: random.Random, dialect: int) -> bytes:
    """Return a feed: RSS with texts in CDATA or escaped, RDF, or Atom."""
    items = "".join(_make_item(rng, number, dialect) for number in range(ITEMS))
    if dialect == 3:
        head = '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Post</title><id>tag:post.example,1</id>'
        return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{items}</feed>'.encode()
    if dialect == 2:
        spaces = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        head = (
            f'<rdf:RDF {spaces} {NAMESPACES}><channel rdf:about="https://post.example/"><title>Post</title></channel>'
        )
        return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{items}</rdf:RDF>'.encode()
    head = f'<rss version="2.0" {NAMESPACES}><channel><title>Post</title><language>en</language><ttl>15</ttl>'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{items}</channel></rss>'.encode()


def _make_item(rng: random.Random, number: int, dialect: int) -> str:
    title, summary = (
        _sentence(rng, 9).capitalize(),
        f"<p>{_sentence(rng, 60)}.</p> <a href='https://post.example/'>More</a>",
    )
    link = f"https://post.example/2026/03/{number}/{rng.randrange(10**9)}?utm_source=rss&utm_medium=feed"
    text = summary + f'<img src="https://post.example/{number}.jpg" width="640" height="360">'
    if dialect == 3:
        return (
            f'<entry><id>tag:post.example,{number}</id><title type="html">{title}</title><link href="{escape(link)}"/>'
            f"<updated>2026-03-01T{number % 24:02}:00:00Z</updated><author><name>A. Writer</name></author>"
            f'<category term="Ports"/><summary type="html">{escape(text)}</summary></entry>\n'
        )
    told = f"<![CDATA[{text}]]>" if dialect == 1 else escape(text)
    about = f' rdf:about="{escape(link)}"' if dialect == 2 else ""
    date = (
        f"<dc:date>2026-03-01T{number % 24:02}:00:00Z</dc:date>"
        if dialect == 2
        else f'<guid isPermaLink="false">{number}</guid><pubDate>Sun, 01 Mar 2026 {number % 24:02}:00:00 GMT</pubDate>'
    )
    return (
        f"<item{about}><title>{title}</title><link>{escape(link)}</link>{date}<dc:creator>A. Writer</dc:creator>"
        f'<category>Ports</category><media:thumbnail url="https://post.example/{number}.jpg"/>'
        f"<description>{told}</description></item>\n"
    )


def _sentence(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words))


if __name__ == "__main__":
    main()
