from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.script import Outlet
from demo.serving import AT_LEAST, TIME_HEADER, WINDOW, Shelf, WorldServer
from demo.world import Item, World

START = datetime(2026, 3, 1, tzinfo=UTC)
OUTLET = Outlet(id="lantern", name="Lantern & Sons <Ltd>", zone_h=0, daily=24, copies=0)


def make_item(number: int, at: datetime) -> Item:
    return Item(
        guid=f"tag:{number}",
        outlet=OUTLET.id,
        at=at,
        title=f"Rain & wind <{number}>",
        text="It rained.",
        link=f"https://lantern.example/{number}",
    )


def make_world(minutes: list[int]) -> World:
    items = tuple(make_item(i, START + timedelta(minutes=minute)) for i, minute in enumerate(sorted(minutes)))
    until = START + timedelta(days=2)
    return World(outlets=(OUTLET,), items={OUTLET.id: items}, start=START, event_at=until, until=until)


@pytest.fixture
def server() -> Iterator[WorldServer]:
    with WorldServer(make_world([60 * i for i in range(1, 40)])) as running:
        yield running


def get(
    server: WorldServer, at: datetime | str | None, path: str = "/lantern/rss.xml", **headers: str
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        asked = {TIME_HEADER: at.isoformat() if isinstance(at, datetime) else at} if at else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers=asked | named)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_feed_lists_what_was_printed_by_then_newest_first(server: WorldServer) -> None:
    response, body = get(server, START + timedelta(hours=20))
    feed = feedparser.parse(body)
    assert response.status == 200
    assert not feed.bozo
    assert feed.feed.title == OUTLET.name
    assert [entry.id for entry in feed.entries] == [f"tag:{i}" for i in range(19, 19 - AT_LEAST, -1)]
    assert feed.entries[0].title == "Rain & wind <19>"
    assert feed.entries[0].published_parsed[:4] == (2026, 3, 1, 20)


def test_feed_is_empty_but_a_feed_before_anything_was_printed(server: WorldServer) -> None:
    response, body = get(server, START)
    feed = feedparser.parse(body)
    assert (response.status, feed.bozo, feed.version, len(feed.entries)) == (200, False, "rss20", 0)


def test_same_document_is_not_sent_twice(server: WorldServer) -> None:
    first, _ = get(server, START + timedelta(hours=5))
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    later = START + timedelta(hours=5, minutes=59)
    for known in ({"If_None_Match": etag}, {"If_Modified_Since": modified}):
        again, body = get(server, later, **known)
        assert (again.status, body, again.headers["ETag"]) == (304, b"", etag)
    assert (server.polls, server.not_modified) == (3, 2)


def test_new_item_makes_a_new_document(server: WorldServer) -> None:
    first, _ = get(server, START + timedelta(hours=5))
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    at = START + timedelta(hours=6)
    assert get(server, at, If_None_Match=etag)[0].status == 200
    assert get(server, at, If_Modified_Since=modified)[0].status == 200
    # The ETag decides where both are sent.
    assert get(server, at, If_None_Match=etag, If_Modified_Since="Sun, 01 Mar 2099 00:00:00 GMT")[0].status == 200


def test_served_are_the_items_that_were_in_an_answer(server: WorldServer) -> None:
    get(server, START + timedelta(hours=2))
    assert server.served == {"tag:0", "tag:1"}
    assert server.asked == START + timedelta(hours=2)


@pytest.mark.parametrize("at", ["yesterday", "2026-03-01T10:00:00"])
def test_instant_that_is_none_is_refused(server: WorldServer, at: str) -> None:
    assert get(server, at)[0].status == 400


def test_request_without_an_instant_gets_the_present(server: WorldServer) -> None:
    _, body = get(server, None)
    assert len(feedparser.parse(body).entries) > 0  # the world lies in the past


def test_unknown_outlet_is_not_found(server: WorldServer) -> None:
    assert get(server, START, path="/nobody/rss.xml")[0].status == 404


@given(st.lists(st.integers(0, 2_000), max_size=60), st.lists(st.integers(1, 170), min_size=1, max_size=30))
def test_who_polls_within_the_window_misses_nothing(minutes: list[int], pauses: list[int]) -> None:
    assert max(pauses) < WINDOW.total_seconds() / 60
    items = tuple(make_world(minutes).items[OUTLET.id])
    shelf = Shelf(OUTLET, items)
    at, seen = START, set()
    for pause in pauses:
        seen |= shelf.guids(*shelf.find(at))
        at += timedelta(minutes=pause)
    seen |= shelf.guids(*shelf.find(at))
    assert seen == {item.guid for item in items if item.at <= at}


@given(st.lists(st.integers(0, 2_000), max_size=60), st.integers(0, 2_000), st.integers(0, 2_000))
def test_documents_with_the_same_newest_item_are_the_same(minutes: list[int], one: int, other: int) -> None:
    shelf = Shelf(OUTLET, tuple(make_world(minutes).items[OUTLET.id]))
    first, second = (shelf.find(START + timedelta(minutes=minute)) for minute in (one, other))
    assert (first[1] == second[1]) == (first == second)


def test_server_lets_go_of_its_port() -> None:
    with WorldServer(make_world([1])) as server:
        port = server.port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
