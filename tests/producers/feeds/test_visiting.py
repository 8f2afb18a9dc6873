from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deskwatch.errors import ParseError
from producers.feeds.discovery import Visited
from producers.feeds.visiting import Visitor, read_manner, read_title, summarise_feed
from producers.fetching.fetcher import Fetcher, create_session
from producers.reading.jobs import Job, Reading
from producers.settings import ProducerSettings

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
RSS = "<rss><channel>{}<item><title>Item</title></item></channel></rss>"


@pytest.mark.parametrize(
    ("body", "content_type", "title"),
    [
        (RSS.format("<image><title>Logo</title></image><title>Quay &amp; Post</title>"), "", "Quay & Post"),
        (RSS.format("<title><![CDATA[ <b>Quay</b> & Post ]]></title>"), "", "Quay & Post"),
        (RSS.format(""), "", ""),
        ('<?xml version="1.0"?><feed><title type="html">&lt;i&gt;Quay&lt;/i&gt;</title></feed>', "", "Quay"),
        ('<atom:feed><atom:title>Quay</atom:title><atom:entry/>"', "", "Quay"),
        ('{"title": "Quay", "items": []}', "", "Quay"),
        ('\ufeff{"title": 1}', "", ""),
        ("{", "", ""),
        ("", "", ""),
        ("<title>" * 100_000, "", ""),
    ],
)
def test_a_feed_says_its_own_title(body: str, content_type: str, title: str) -> None:
    assert read_title(body.encode(), content_type) == title


def test_a_title_is_read_in_the_encoding_that_the_server_names() -> None:
    body = RSS.format("<title>Порт и море сегодня</title>").encode("cp1251")
    assert read_title(body, "text/xml; charset=windows-1251") == "Порт и море сегодня"


def test_a_feed_without_items_has_no_date_and_no_language() -> None:
    feed = Visited(url="u", base="u", body=b"", reading=Reading(items=(), total=0))
    summary = summarise_feed(feed, NOW)
    assert (summary.items, summary.newest, summary.language, summary.title) == (0, None, "", "")


def test_an_address_is_asked_as_its_domain_says_and_at_the_port_that_was_typed(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text("feeds: []\ndomains:\n  post.example: {user_agent: Ours/1, ports: [8080]}\n")
    manner = read_manner(path, "https://www.post.example:8443/")
    own = manner("https://www.post.example:8443/rss")
    assert (own.user_agent, own.ports) == ("Ours/1", (8080, 8443))
    assert manner("https://post.example/rss").ports == (8080,)
    assert (manner("https://other.example/rss").user_agent, manner("https://other.example/rss").ports) == ("", ())
    assert read_manner(tmp_path / "none.yaml", "https://a.example/")("https://a.example/").id == "a.example"


def test_a_visit_follows_redirects_and_remembers_only_permanent_ones(site: Any, tmp_path: Path) -> None:
    def answer(path: str, *_: object) -> Any:
        if path in ("/moved", "/elsewhere"):
            return site.Answer(status=301 if path == "/moved" else 302, headers={"Location": "/rss"})
        return site.Answer(site.rss(site.item("a")), headers={"Content-Type": "application/rss+xml"})

    async def read(job: Job) -> Reading:
        if "elsewhere" in job.feed_id:
            raise ParseError(job.feed_id, "never")
        return Reading(items=(), total=1)

    paused: list[int] = []

    async def pause() -> None:
        paused.append(len(site.requests))

    async def visit() -> list[Visited]:
        own = ProducerSettings(allow_private_addresses=True)
        async with create_session(own, "0") as session:
            manner = read_manner(tmp_path / "feeds.yaml", site.url)
            visitor = Visitor(Fetcher(session, own), manner, read=read, pause=pause, now=NOW)
            return [await visitor.visit(site.url + path) for path in ("/moved", "/elsewhere")]

    site.pages = answer
    moved, elsewhere = asyncio.run(visit())
    assert (moved.url, moved.base) == (f"{site.url}/rss", f"{site.url}/rss")
    assert (elsewhere.url, elsewhere.base) == (f"{site.url}/elsewhere", f"{site.url}/rss")
    assert paused == [2]  # between the two, not within one


def test_dates_of_the_future_are_not_the_newest(site: Any) -> None:
    from producers.reading.reading import read

    dates = [NOW - timedelta(hours=1), NOW - timedelta(hours=3), NOW + timedelta(days=400)]
    items = (
        site.item(str(n), published=at.strftime("%a, %d %b %Y %H:%M:%S GMT"), title="The crane at the quay is blue")
        for n, at in enumerate(dates)
    )
    body = site.rss(*items, site.item("x")).encode()
    reading = read(Job(feed_id="post", body=body, url="https://post.example/rss", now=NOW))
    summary = summarise_feed(Visited(url="u", base="u", body=body, reading=reading), NOW)
    assert (summary.title, summary.items, summary.newest, summary.language) == ("Harbour Post", 4, dates[0], "en")
