"""Producers that share feeds are added, stopped, killed and put to sleep, and the broker goes away: nothing is lost.

Environment: DESKWATCH_TEST_BROKER_AWAY for another number of seconds without a broker (the long form).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deskwatch.clients import create_topics, read_topic
from deskwatch.feedrecords import Feed
from deskwatch.records import Article, Poll, Tick
from deskwatch.settings import Settings
from deskwatch.topics import SHARDS, shard_of
from producers.sending.publishing import Publisher
from producers.sharing.cataloguing import compare, to_records

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

FEEDS = 24
ITEM_S = 2.0  # between two new items of a feed
WINDOW = 400  # items that a feed shows
POLL_S = 1
SESSION_S = 6.0
HAND_OVER_S = 5.0  # without ticks, at most, when a shard goes from one producer to another on purpose
TAKE_OVER_S = 6.0  # on top of the session, when nobody hands over
AWAY_S = float(os.environ.get("DESKWATCH_TEST_BROKER_AWAY", "60"))
DEADLINE_S = 60.0


class Fleet:
    """Feeds that get a new item every ITEM_S seconds, until they are frozen."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.frozen_at: int | None = None
        self.requests: list[str] = []
        fleet = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fleet.requests.append(self.path)
                body = fleet.show(self.path.removeprefix("/")).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def items(self) -> int:
        """How many items each feed has had so far."""
        return self.frozen_at or int((time.monotonic() - self.began) / ITEM_S) + 1

    def show(self, name: str) -> str:
        newest = self.items
        items = "".join(
            f"<item><guid>{name}-{n}</guid><title>Item {n} of {name}</title><link>{self.url}/{name}/{n}</link></item>"
            for n in range(newest - 1, max(newest - WINDOW, 0) - 1, -1)
        )
        return f'<rss version="2.0"><channel><title>{name}</title>{items}</channel></rss>'

    def feeds(self, count: int = FEEDS) -> list[Feed]:
        return [
            Feed(id=f"feed-{n}", url=f"{self.url}/feed-{n}", source=f"Outlet {n}", interval_s=POLL_S)
            for n in range(count)
        ]

    def freeze(self) -> set[str]:
        """Have no new items from now on, and return the ids of all there were."""
        self.frozen_at = self.items
        return {f"feed-{n}-{item}" for n in range(FEEDS) for item in range(self.frozen_at)}


class Process:
    """One producer, with its own state."""

    def __init__(self, directory: Path, settings: Settings, name: str, **own: object) -> None:
        self.directory = directory / name
        self.directory.mkdir(exist_ok=True)
        own = {"shared": True, "session_timeout_s": SESSION_S, "tick_s": 0.5, "allow_private_addresses": True} | own
        self.environ = {
            "DESKWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "DESKWATCH_KAFKA_PREFIX": settings.kafka_prefix,
            "DESKWATCH_CONFIG_DIR": str(directory / "config"),
            "DESKWATCH_STATE_DIR": str(self.directory / "state"),
            "DESKWATCH_LOG_JSON": "true",
            **{f"DESKWATCH_PRODUCERS_{key.upper()}": str(value) for key, value in own.items()},
        }
        self.start()

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command("produce"), env=clean() | self.environ, stdout=log, stderr=log)

    def log(self) -> list[dict[str, Any]]:
        lines = (self.directory / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def rss_bytes(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Crew:
    """All producers of one test; none outlives it."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self.directory = directory
        self.settings = settings
        self.members: dict[str, Process] = {}

    def add(self, name: str, **own: object) -> Process:
        self.members[name] = Process(self.directory, self.settings, name, **own)
        return self.members[name]

    def end(self) -> None:
        for member in self.members.values():
            if member.process.poll() is None:
                member.process.kill()
            member.process.wait()

    def logs(self) -> str:
        return "\n".join(f"--- {name}\n{(m.directory / 'log').read_text()[-4000:]}" for name, m in self.members.items())


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from deskwatch.cli import main; main()", *arguments]


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DESKWATCH_")}


def publish(settings: Settings, feeds: list[Feed]) -> None:
    create_topics(settings)

    async def run() -> None:
        publisher = Publisher(settings, timeout_s=20)
        try:
            await publisher.publish(list(to_records(compare(feeds, {}), settings)))
        finally:
            await publisher.close()

    asyncio.run(run())


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    fleet = Fleet()
    try:
        yield fleet
    finally:
        fleet.server.shutdown()
        fleet.server.server_close()
        fleet.thread.join()


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    bootstrap = request.getfixturevalue("kafka") if getattr(request, "param", True) else ""
    return Settings(kafka_bootstrap=bootstrap, kafka_prefix=f"{uuid.uuid4().hex}.")


@pytest.fixture
def crew(tmp_path: Path, settings: Settings) -> Iterator[Crew]:
    crew = Crew(tmp_path, settings)
    try:
        yield crew
    finally:
        crew.end()


def wait_for(condition: Callable[[], Any], what: str, crew: Crew, deadline_s: float = DEADLINE_S) -> Any:
    deadline = time.monotonic() + deadline_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not in time\n{crew.logs()}"
        threading.Event().wait(0.2)
    return found


class Log:
    """The topic `articles` as it stands, with the broker's time of each record in seconds."""

    def __init__(self, settings: Settings) -> None:
        self.articles: list[Article] = []
        self.ticks: dict[tuple[int, int], list[tuple[float, Tick]]] = {}  # (partition, shard)
        self.records: dict[int, list[Any]] = {}
        for message, record in read_topic(settings, "articles"):
            self.records.setdefault(message.partition, []).append(record)
            if isinstance(record, Article):
                self.articles.append(record)
            elif isinstance(record, Tick):
                self.ticks.setdefault((message.partition, record.shard), []).append((message.timestamp / 1000, record))
        self.counts = Counter((article.guid or "", article.revision) for article in self.articles)

    def silence_s(self, since: float) -> float:
        """Return the longest time that a shard went without a tick, from `since` to its last one."""
        longest = 0.0
        for shard in range(SHARDS):
            times = [since, *(at for at, _ in self.ticks.get((0, shard), []) if at > since)]
            longest = max([longest, *(later - at for at, later in itertools.pairwise(times))])
        return longest

    def steps_back(self) -> list[float]:
        """Return when ticks were less than one before them in their partition."""
        found = []
        for ticks in self.ticks.values():
            latest = ticks[0][1].at
            for at, tick in ticks:
                if tick.at < latest:
                    found.append(at)
                latest = max(latest, tick.at)
        return found

    def articles_behind_ticks(self) -> list[str]:
        """Return articles first seen before a tick of their shard that stands before them in their partition."""
        found = []
        for records in self.records.values():
            ticked: dict[int, Any] = {}
            for record in records:
                if isinstance(record, Tick):
                    ticked[record.shard] = max(record.at, ticked.get(record.shard, record.at))
                elif record.first_seen_at < ticked.get(shard_of(record.feed_id), record.first_seen_at):
                    found.append(record.guid)
        return found


def ticked_since(settings: Settings, at: float) -> bool:
    log = Log(settings)
    return all(any(when > at for when, _ in log.ticks.get((0, shard), [])) for shard in range(SHARDS))


def test_nothing_is_lost_and_time_goes_on_while_producers_come_and_go(
    fleet: Fleet, crew: Crew, settings: Settings
) -> None:
    publish(settings, fleet.feeds())

    def all_tick(what: str) -> None:
        at = time.time()
        wait_for(lambda: ticked_since(settings, at), what, crew)

    # on purpose: two join, one joins later, one is stopped
    crew.add("a")
    all_tick("the first one")
    began = time.time()
    crew.add("b"), crew.add("c")
    for member in (crew.members["b"], crew.members["c"]):
        wait_for(partial(taken, member), "the next ones get shards", crew)
    wait_for(partial(taken, crew.add("d")), "the last one gets shards", crew)
    crew.members["a"].signal(signal.SIGTERM)
    assert crew.members["a"].process.wait(20) == 0, crew.logs()
    all_tick("the others take over what a had")
    log = Log(settings)
    assert [guid for guid, count in log.counts.items() if count > 1] == [], crew.logs()
    assert log.steps_back() == []
    assert log.articles_behind_ticks() == []
    handed_s = log.silence_s(began)
    assert handed_s < HAND_OVER_S

    # without a word: one is killed, one is put to sleep for longer than the session
    killed = time.time()
    crew.members["b"].signal(signal.SIGKILL)
    crew.members["b"].process.wait()
    all_tick("the others take over what b had")
    crew.members["b"].start()
    slept = time.time()
    crew.members["c"].signal(signal.SIGSTOP)
    wait_for(lambda: ticked_since(settings, slept + SESSION_S), "the others take over what c had", crew)
    threading.Event().wait(max(0.0, slept + SESSION_S + 3 - time.time()))
    woken = time.time()
    crew.members["c"].signal(signal.SIGCONT)
    wait_for(lambda: "shards.lost" in events(crew.members["c"], woken), "c sees that it lost its shards", crew)
    wait_for(lambda: "shards.taken" in events(crew.members["c"], woken), "c gets shards again", crew)
    all_tick("all go on")

    expected = fleet.freeze()
    wait_for(lambda: {guid for guid, _ in Log(settings).counts} >= expected, "all items", crew)
    for name in "bcd":
        crew.members[name].signal(signal.SIGTERM)
        assert crew.members[name].process.wait(20) == 0, crew.logs()
    log = Log(settings)
    assert set(log.counts) == {(guid, 0) for guid in expected}
    assert len({article.article_id for article in log.articles}) == len(expected)
    assert [at for at in log.steps_back() if not woken <= at <= woken + 2] == []
    taken_s = log.silence_s(killed)
    assert taken_s < SESSION_S + TAKE_OVER_S
    print(f"\nwithout ticks: {handed_s:.1f} s in hand-overs, {taken_s:.1f} s after faults; "  # noqa: T201
          f"{len(expected)} items, {sum(log.counts.values()) - len(expected)} sent twice")  # fmt: skip


def taken(member: Process) -> bool:
    return "shards.taken" in [line["event"] for line in member.log()]


def events(member: Process, since: float) -> list[str]:
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since))
    return [line["event"] for line in member.log() if line["timestamp"] >= at]


def test_published_feeds_are_followed_live(fleet: Fleet, crew: Crew, settings: Settings) -> None:
    config = crew.directory / "config"
    config.mkdir()

    def configure(**sources: str) -> None:
        feeds = [{"id": id_, "url": f"{fleet.url}/{id_}", "source": source} for id_, source in sources.items()]
        (config / "feeds.yaml").write_text(json.dumps({"feeds": feeds}))

    def run(*arguments: str) -> list[str]:
        environ = clean() | member.environ
        done = subprocess.run(
            command("feeds", "publish", *arguments), env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    configure(**{"feed-0": "Harbour Post"})
    member = crew.add("a")
    wait_for(lambda: "feeds.none_published" in [line["event"] for line in member.log()], "it says so", crew)
    assert run("--dry-run") == ["added\tfeed-0"]
    assert run() == ["added\tfeed-0"]
    assert run() == []
    wait_for(lambda: "/feed-0" in fleet.requests, "the feed is polled", crew)
    configure(**{"feed-1": "Inland Times"})
    assert run() == ["added\tfeed-1", "removed\tfeed-0"]
    wait_for(lambda: "/feed-1" in fleet.requests, "the new one is polled", crew)
    wait_for(lambda: "feed.removed" in [line["event"] for line in member.log()], "the old one is gone", crew)
    configure(**{"feed-1": "Inland Times and Mail"})
    assert run() == ["changed\tfeed-1"]
    wait_for(lambda: "feed.changed" in [line["event"] for line in member.log()], "the change is seen", crew)


@pytest.mark.parametrize("settings", [False], indirect=True)
def test_without_a_broker_fetching_pauses_memory_stays_flat_and_nothing_is_lost(
    fleet: Fleet, crew: Crew, settings: Settings, start_kafka: Any, tmp_path: Path
) -> None:
    place = ("--dir", str(tmp_path / "kafka"))
    with start_kafka(*place) as cluster:
        crew.settings = settings = Settings(kafka_bootstrap=cluster["bootstrap"], kafka_prefix=settings.kafka_prefix)
        publish(settings, fleet.feeds())
        member = crew.add("a", max_outbox_articles=100)
        wait_for(lambda: len(Log(settings).articles) > 2 * FEEDS, "it publishes", crew)
        for pid in cluster["pids"]:
            os.kill(pid, signal.SIGKILL)
    gone = time.monotonic()

    def is_quiet() -> bool:
        before = len(fleet.requests)
        threading.Event().wait(3 * POLL_S)
        return len(fleet.requests) == before

    # Until sending fails the broker might be there and the group have forgotten us: polls pause then, too.
    wait_for(lambda: "publisher.failing" in [line["event"] for line in member.log()], "sending fails", crew)
    wait_for(is_quiet, "fetching pauses", crew)
    paused, rss = len(fleet.requests), member.rss_bytes()
    threading.Event().wait(max(0.0, gone + AWAY_S - time.monotonic()))
    grown = member.rss_bytes() - rss
    assert len(fleet.requests) == paused
    with start_kafka(*place, "--port", settings.kafka_bootstrap.rpartition(":")[2]):
        wait_for(lambda: len(fleet.requests) > paused, "fetching goes on", crew)
        expected = fleet.freeze()
        wait_for(lambda: {guid for guid, _ in Log(settings).counts} >= expected, "all items", crew)
        member.signal(signal.SIGTERM)
        assert member.process.wait(20) == 0, crew.logs()
        log = Log(settings)
        polls = [record for _, record in read_topic(settings, "feed-polls")]
    assert set(log.counts) == {(guid, 0) for guid in expected}
    assert grown < 16 * 1024 * 1024
    assert all(isinstance(poll, Poll) for poll in polls)
    print(f"\n{AWAY_S:g} s without a broker: RSS {rss / 1e6:.0f} MB grew by {grown / 1e6:.1f} MB; "  # noqa: T201
          f"{len(expected)} items, {sum(log.counts.values()) - len(expected)} sent twice")  # fmt: skip
