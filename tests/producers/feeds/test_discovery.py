from __future__ import annotations

import asyncio
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.errors import FetchError, FetchReason, ParseError
from producers.feeds.config import is_http
from producers.feeds.discovery import (
    USUAL_PATHS,
    Discovered,
    Visited,
    discover,
    find_candidates,
    find_sitemaps,
)
from producers.reading.jobs import Reading

HOME = "https://post.example/"


def link(href: str, kind: str = "application/rss+xml", title: str = "", rel: str = "alternate") -> str:
    return f'<link rel="{rel}" type="{kind}" title="{title}" href="{href}">'


def found(page: str, url: str = HOME) -> list[str]:
    return [candidate.url for candidate in find_candidates(page.encode(), url)]


class World:
    """A web in memory: a number is a feed with so many items, text a page, a status an answer without a body."""

    def __init__(self, places: dict[str, int | str | FetchError]) -> None:
        self.places = places
        self.asked: list[str] = []

    async def visit(self, url: str) -> Visited:
        self.asked.append(url)
        place = self.places.get(url, refusal(404))
        if isinstance(place, FetchError):
            raise place
        if isinstance(place, str):
            return Visited(url=url, base=url, body=place.encode(), refusal="this is a web page")
        return Visited(url=url, base=url, body=b"", reading=Reading(items=(), total=place))

    def discover(self, url: str = HOME) -> Discovered:
        return asyncio.run(discover(url, self.visit))


def refusal(status: int) -> FetchError:
    return FetchError("post", FetchReason.STATUS, "no", status=status)


def test_declared_feeds_are_found_whatever_their_format() -> None:
    kinds = ["rss+xml", "atom+xml", "feed+json", "rdf+xml"]
    page = "".join(link(f"/{n}", f"application/{kind}") for n, kind in enumerate(kinds))
    assert set(found(page)) == {f"https://post.example/{n}" for n in range(4)}


def test_links_are_relative_to_the_base_and_plain() -> None:
    page = f'<base href="https://cdn.example/x/">{link("rss?a=1&amp;b=2#top")}{link("feed:https://other.example/rss")}'
    assert found(page) == ["https://cdn.example/x/rss?a=1&b=2", "https://other.example/rss"]


@pytest.mark.parametrize(
    "page",
    [
        link("/style.css", "text/css"),
        link("/wp-json/wp/v2/pages/2", "application/json"),
        link("/oembed?url=x", "application/json+oembed"),
        link("/osd.xml", "application/opensearchdescription+xml", rel="search"),
        link("/rss", rel="stylesheet alternate"),
        link("/de/", "text/html"),
        link("javascript:alert(1)"),
        link("file:///etc/passwd"),
        link("https://[bad/"),
        link(HOME),
        f"<!-- {link('/old.rss')} -->",
        "<a href='/feedback'>Feedback</a><a href='/rssi'>x</a>",
        "<link",
    ],
)
def test_what_is_no_feed_is_no_candidate(page: str) -> None:
    assert found(page) == []


def test_comments_and_podcasts_come_after_the_news() -> None:
    page = (
        link("/comments/feed")
        + link("/world/rss", title="Kommentare")
        + link("/podcast.xml")
        + link("/feed.json", "application/feed+json")
        + link("/all.xml")
    )
    assert [url.removeprefix(HOME) for url in found(page)] == [
        "all.xml",
        "podcast.xml",
        "feed.json",
        "comments/feed",
        "world/rss",
    ]


def test_the_feed_of_a_section_comes_before_that_of_the_site() -> None:
    page = link("/feed/") + link("/world/asia/feed/") + link("/world/feed/")
    assert found(page, "https://post.example/world/asia/")[0] == "https://post.example/world/asia/feed/"
    assert found(page)[0] == "https://post.example/feed/"


def test_links_to_feeds_count_where_nothing_is_declared() -> None:
    page = '<p><a class="x" href="/rss/world.xml"><b>World</b> &amp; Asia</a> <a href=/about>RSS</a>'
    (candidate,) = find_candidates(page.encode(), HOME)
    assert (candidate.url, candidate.title) == ("https://post.example/rss/world.xml", "World & Asia")
    assert found(page + link("/feed"))[0] == "https://post.example/feed"


def test_titles_are_plain_text_in_the_encoding_of_the_page() -> None:
    page = f'<meta charset="gb2312">{link("/rss", title="港口 &lt;b&gt;报")}'.encode("gb2312")
    assert find_candidates(page, HOME)[0].title == "港口 报"
    assert find_candidates(page, HOME, "text/html; charset=no-such")[0].url == "https://post.example/rss"


@given(
    st.lists(st.sampled_from(["<link ", "<a ", "href=", "rel=alternate ", "'", '"', ">", "/rss", "<!--", "-->"])).map(
        "".join
    )
)
def test_any_page_gives_good_addresses_or_none(page: str) -> None:
    assert all(is_http(url) for url in found(page))


@pytest.mark.parametrize("piece", ["<link ", "<!--", "<a href='/rss'", link("/rss"), "<a href='/x/rss.xml'>", "<div>"])
def test_hostile_pages_cost_little(piece: str) -> None:
    page = (piece * (1_000_000 // len(piece))).encode()
    began = process_time()
    find_candidates(page, HOME)
    assert process_time() - began < 2


def test_the_address_of_a_feed_needs_one_request() -> None:
    world = World({HOME: 0})
    assert world.discover().feed.url == HOME
    assert world.asked == [HOME]


def test_the_best_feed_of_a_page_is_taken_and_the_others_are_named() -> None:
    world = World({HOME: link("/comments") + link("/news"), f"{HOME}news": 9, f"{HOME}comments": 9})
    got = world.discover()
    assert (got.feed.url, [other.url for other in got.others]) == (f"{HOME}news", [f"{HOME}comments"])
    assert world.asked == [HOME, f"{HOME}news"]


def test_a_declared_feed_that_is_dead_or_empty_gives_way_to_the_next() -> None:
    page = link("/dead") + link("/empty") + link("/full")
    world = World({HOME: page, f"{HOME}empty": 0, f"{HOME}full": 3})
    assert world.discover().feed.url == f"{HOME}full"
    world = World({HOME: page, f"{HOME}empty": 0})
    assert world.discover().feed.url == f"{HOME}empty"


def test_without_a_word_of_the_page_the_usual_places_are_tried_in_order() -> None:
    world = World({f"{HOME}a/b": "<p>", f"{HOME}rss.xml": 4})
    assert world.discover(f"{HOME}a/b").feed.url == f"{HOME}rss.xml"
    assert world.asked == [f"{HOME}a/b", *(HOME[:-1] + path for path in USUAL_PATHS[:3])]


def test_the_news_sitemap_of_robots_txt_is_the_last_resort() -> None:
    robots = f"User-agent: *\nSitemap: {HOME}all.xml\nsitemap:{HOME}news-map.xml\nSitemap: /relative\n"
    world = World({HOME: "<p>", f"{HOME}robots.txt": robots, f"{HOME}news-map.xml": 40, f"{HOME}all.xml": 0})
    assert world.discover().feed.url == f"{HOME}news-map.xml"
    assert find_sitemaps(robots.encode()) == [f"{HOME}news-map.xml", f"{HOME}all.xml"]


def test_where_there_is_no_feed_the_error_says_where_it_was_looked_for() -> None:
    world = World({HOME: "".join(link(f"/{n}") for n in range(50))})
    with pytest.raises(ParseError, match=r"this is a web page; .*/0 \(status 404\).*/index\.xml \(status 404\)"):
        world.discover()
    assert len(world.asked) <= 14


def test_a_server_that_refuses_is_not_asked_on() -> None:
    world = World({HOME: "<p>", f"{HOME}feed": refusal(429), f"{HOME}rss": 3})
    with pytest.raises(ParseError, match="status 429"):
        world.discover()
    assert f"{HOME}rss" not in world.asked


def test_an_address_that_does_not_answer_is_an_error_of_its_own() -> None:
    with pytest.raises(FetchError):
        World({}).discover()
