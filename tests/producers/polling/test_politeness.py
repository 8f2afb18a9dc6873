from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from deskwatch.feedrecords import Feed
from producers.polling.politeness import MAX_HOLD_S, Politeness

FEED = Feed(id="a", url="https://a.example", source="A")
WWW, RSS, OTHER = "https://www.post.example/rss", "https://rss.post.example/world", "https://gazette.example/rss"


class Watch:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_a_host_is_begun_once_in_two_seconds(watch: Watch) -> None:
    politeness = Politeness(watch)
    assert politeness.ready_in(FEED, WWW) == 0
    politeness.begin(FEED, WWW)
    assert politeness.ready_in(FEED, WWW) == 2
    assert politeness.ready_in(FEED, WWW.upper().replace("HTTPS", "http")) == 2, "names of hosts have no case"
    assert politeness.ready_in(FEED, RSS) == 0
    watch.now += 1.5
    assert politeness.ready_in(FEED, WWW) == 0.5


def test_a_host_has_two_connections_and_its_domain_four(watch: Watch) -> None:
    politeness = Politeness(watch)
    hosts = [f"https://{name}.post.example/rss" for name in "ab"]
    for url in hosts * 2:
        politeness.begin(FEED, url)
        watch.now += 10
    assert politeness.ready_in(FEED, hosts[0]) > 0
    assert politeness.ready_in(FEED, RSS) > 0, "four are open in the domain"
    assert politeness.ready_in(FEED, OTHER) == 0
    politeness.end(FEED, hosts[1])
    assert politeness.ready_in(FEED, RSS) == 0
    assert politeness.ready_in(FEED, hosts[1]) == 0
    assert politeness.ready_in(FEED, hosts[0]) > 0


def test_a_feed_may_have_its_own_limits(watch: Watch) -> None:
    politeness = Politeness(watch)
    eager, slow = replace(FEED, connections=8, spacing_s=0.0), replace(FEED, connections=1, spacing_s=60.0)
    for _ in range(7):
        politeness.begin(eager, WWW)
    assert politeness.ready_in(eager, WWW) == 0
    assert politeness.ready_in(slow, WWW) == 60
    for _ in range(7):
        politeness.end(eager, WWW)
    watch.now += 30
    assert politeness.ready_in(slow, WWW) == 30
    assert politeness.ready_in(FEED, WWW) == 0


def test_a_429_speaks_for_the_domain_or_for_the_host(watch: Watch) -> None:
    politeness = Politeness(watch)
    politeness.hold(FEED, WWW, 600)
    assert politeness.ready_in(FEED, RSS) == 600
    politeness.hold(FEED, RSS, 60)
    assert politeness.ready_in(FEED, WWW) == 600, "a shorter wish does not undo a longer one"
    politeness.hold(replace(FEED, throttle="host"), OTHER, 600)
    assert politeness.ready_in(FEED, OTHER) == 600
    assert politeness.ready_in(FEED, "https://rss.gazette.example/") == 0
    watch.now += 600
    assert politeness.ready_in(FEED, WWW) == 0


@pytest.mark.parametrize("seconds", [float("inf"), 1e12, float("nan"), -5.0])
def test_no_hold_is_for_ever(watch: Watch, seconds: float) -> None:
    politeness = Politeness(watch)
    politeness.hold(FEED, WWW, seconds)
    assert politeness.ready_in(FEED, WWW) in (0, MAX_HOLD_S)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000", "10.1.2.3", "localhost"])
def test_hosts_of_ones_own_are_not_paced_unless_told_so(watch: Watch, host: str) -> None:
    politeness = Politeness(watch)
    for _ in range(10):
        politeness.begin(FEED, f"http://{host}/rss")
    assert politeness.ready_in(FEED, f"http://{host}/rss") == 0
    assert politeness.ready_in(replace(FEED, spacing_s=5.0), f"http://{host}/rss") == 5
    politeness.hold(FEED, f"http://{host}/rss", 30)
    assert politeness.ready_in(FEED, f"http://{host}/rss") == 30


def test_public_addresses_are_their_own_domains(watch: Watch) -> None:
    politeness = Politeness(watch)
    politeness.hold(FEED, "http://192.0.2.4/rss", 60)
    assert politeness.ready_in(FEED, "http://198.51.100.4/rss") == 0
    assert politeness.ready_in(FEED, "http://192.0.2.4/other") == 60


def test_what_is_idle_is_forgotten_and_what_is_not_is_kept(watch: Watch) -> None:
    politeness = Politeness(watch)
    politeness.begin(FEED, WWW)
    politeness.hold(FEED, OTHER, 80_000)
    for number in range(5_000):
        url = f"https://h{number}.example/rss"
        politeness.begin(FEED, url)
        politeness.end(FEED, url)
        watch.now += 10
    assert len(politeness) < 2_000
    assert politeness.ready_in(FEED, OTHER) == 80_000 - 50_000
    politeness.begin(FEED, WWW)
    watch.now += 10
    assert politeness.ready_in(FEED, WWW) > 0, "the connection of long ago was never closed"


@given(st.lists(st.text(max_size=20), max_size=20))
def test_no_url_is_too_strange(urls: list[str]) -> None:
    politeness = Politeness(lambda: 0.0)
    for url in (f"https://{text}/" for text in urls):
        politeness.begin(FEED, url)
        politeness.end(FEED, url)
        assert politeness.ready_in(FEED, url) >= 0


def test_a_call_is_cheap() -> None:
    politeness = Politeness(time.monotonic)
    urls = [f"https://www{n % 100}.outlet{n}.example/rss" for n in range(2_000)]
    for url in urls:
        politeness.begin(FEED, url)
    best = min(_take(politeness, urls) for _ in range(5))
    assert best / len(urls) < 50e-6, "ten times what it takes here"


def _take(politeness: Politeness, urls: list[str]) -> float:
    began = time.perf_counter()
    for url in urls:
        politeness.ready_in(FEED, url)
    return time.perf_counter() - began
