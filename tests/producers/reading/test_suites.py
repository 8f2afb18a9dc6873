"""Other readers' test feeds: nothing breaks, what they expect is found, and known items make no difference."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deskwatch.errors import ParseError
from producers.reading.dates import read_date
from producers.reading.jobs import DIGEST_SIZE, Document, Job
from producers.reading.reading import read_document
from producers.reading.splitting import split
from producers.reading.syndication import MAX_ITEMS
from producers.reading.taming import find_root
from producers.reading.text import to_text

NOW = datetime(2026, 9, 1, tzinfo=UTC)
SUITES = ("feedparser", "gofeed", "newsboat", "rss-parser", "simplepie")
SPLICED = 400


@pytest.fixture(scope="session")
def feeds(reference_data: Path) -> Path:
    """Return the directory of other readers' test feeds."""
    path = reference_data / "feeds"
    if not path.is_dir():
        pytest.skip("needs the feeds of the reference data")
    return path


def job(body: bytes, url: str = "https://post.example/feeds/all.xml") -> Job:
    return Job(feed_id="f", body=body, url=url, now=NOW)


def files(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*")) if path.is_file())


def read(body: bytes, url: str = "") -> Document:
    try:
        return read_document(job(body, url))
    except ParseError:
        return Document(items=(), total=0)


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_leaving_known_items_out_makes_no_difference(feeds: Path, suite: str) -> None:
    documents = 0
    for path in files(feeds / suite):
        task = job(path.read_bytes())
        document = read(task.body, task.url)
        digests = [item.digest for item in document.items]
        if not digests or not all(digests):
            continue
        documents += 1
        for new in _choose(len(digests), str(path.relative_to(feeds))):
            known = b"".join(digest for index, digest in enumerate(digests) if index not in new)
            found = read_document(msgspec.structs.replace(task, known=known, whole=True))
            listed = {known[at : at + DIGEST_SIZE] for at in range(0, len(known), DIGEST_SIZE)}
            assert found.difference == "", path
            assert found.items == tuple(item for item in document.items if item.digest not in listed), path
    assert documents >= {"feedparser": 1_100, "gofeed": 250, "newsboat": 15, "rss-parser": 28, "simplepie": 4}[suite]


def _choose(count: int, seed: str) -> list[set[int]]:
    """Return which items are new, in several ways."""
    if count == 1:
        return [{0}, set()]
    return [{0, 1}, {count - 2, count - 1}, set(random.Random(seed).sample(range(count), 2)), set()]


@pytest.mark.slow
def test_items_of_different_feeds_in_one_document_do_not_disturb_each_other(feeds: Path) -> None:
    """What an item leaves behind in a parser shows in those behind it: most test feeds have but one."""
    pools: dict[str, list[tuple[bytes, list[bytes], bytes]]] = {}
    for suite in SUITES:
        for path in files(feeds / suite):
            root = find_root(path.read_bytes())
            parts = split(root.document, MAX_ITEMS)
            if parts and parts.spans:
                items = [root.document[start:end] for start, end in parts.spans[:3]]
                frame = (root.document[: parts.spans[0].start], root.document[parts.spans[-1].end :])
                pools.setdefault(root.name, []).append((frame[0], items, frame[1]))
    rng = random.Random(1)
    compared = 0
    for pool in pools.values():
        for _ in range(SPLICED if len(pool) > 100 else SPLICED // 10):
            head, _, tail = rng.choice(pool)
            body = head + b"\n".join(rng.choice(rng.choice(pool)[1]) for _ in range(rng.randint(2, 4))) + tail
            digests = [item.digest for item in read(body).items]
            for new in range(len(digests) if all(digests) else 0):
                known = b"".join(digest for index, digest in enumerate(digests) if index != new)
                found = read_document(msgspec.structs.replace(job(body), known=known, whole=True))
                assert found.difference == "", body
                compared += 1
    assert compared > SPLICED


def test_gofeed_expects_these_titles_links_and_dates(feeds: Path) -> None:
    counts = dict.fromkeys(("title", "link", "published", "updated"), 0)
    wrong = []
    for path in files(feeds / "gofeed"):
        truth = path.with_suffix(".json") if path.suffix == ".xml" else path.with_name(path.stem + "_expected.json")
        if path.suffix not in (".xml", ".json") or not truth.is_file():
            continue
        told = json.loads(truth.read_bytes())
        items = told.get("items") or told.get("entries") or []
        found = read(path.read_bytes()).items
        if len(items) != len(found):
            wrong.append((path.name, "items", len(items), len(found)))
        for item, ours in zip(items, found, strict=False):
            link = item.get("link") or item.get("url") or next(iter(item.get("links") or [""]), "")
            pairs = {
                "title": (to_text(item.get("title") or "", 999), to_text(ours.title, 999)),
                "link": (link.get("href") if isinstance(link, dict) else link, ours.link),
                "published": (_instant(item, "published"), _date(ours.published or ours.updated)),
                "updated": (_instant(item, "updated"), _date(ours.updated)),
            }
            for name, (theirs, mine) in pairs.items():
                if theirs:
                    counts[name] += 1
                    wrong += [(path.name, name, theirs, mine)] * (theirs != mine)
    assert wrong == []
    assert counts["title"] >= 47
    assert counts["link"] >= 17
    assert counts["published"] + counts["updated"] >= 11


def test_rss_parser_expects_these_titles_links_and_dates(feeds: Path) -> None:
    wrong, checked = [], 0
    for truth in sorted((feeds / "rss-parser" / "test" / "output").glob("*.json")):
        try:
            told = json.loads(truth.read_bytes().decode())
        except UnicodeDecodeError:
            continue  # it kept what it could not decode
        (source,) = (truth.parents[1] / "input").glob(f"{truth.stem}.*")
        found = read(source.read_bytes()).items
        assert len(found) == len(told["feed"]["items"]), source
        for item, ours in zip(told["feed"]["items"], found, strict=True):
            title = item.get("title") or ""
            if isinstance(title, str) and "\ufffd" not in title:
                wrong += [(source.name, title, ours.title)] * (to_text(title, 999) != to_text(ours.title, 999))
            link = (item.get("link") or "").strip()
            wrong += [(source.name, link, ours.link)] * (bool(link) and link != ours.link)
            if item.get("isoDate"):
                mine, theirs = _date(ours.published or ours.updated), datetime.fromisoformat(item["isoDate"])
                assert mine is not None, source
                wrong += [(source.name, str(theirs), str(mine))] * (abs(mine - theirs).total_seconds() > 0.001)
            checked += 1
    assert wrong == []
    assert checked > 1_000


def test_damaged_and_odd_documents_are_survived(feeds: Path) -> None:
    """Every twentieth file, cut and with bytes overwritten; each is read or refused."""
    rng = random.Random(2)
    for suite in SUITES:
        for path in list(files(feeds / suite))[::20]:
            body = bytearray(path.read_bytes()[:50_000])
            for _ in range(3):
                if body:
                    body[rng.randrange(len(body))] = rng.choice(b"<>&'\"\x00\xff]/![;")
            read(bytes(body))
            read(bytes(body[: rng.randrange(len(body) + 1)]))


def _instant(item: dict[str, Any], name: str) -> datetime | None:
    value = item.get(f"{name}Parsed") or item.get({"published": "date_published", "updated": "date_modified"}[name])
    return datetime.fromisoformat(value) if value else None


def _date(raw: str) -> datetime | None:
    return read_date(raw, zone=None, now=NOW)[0]
