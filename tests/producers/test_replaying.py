from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deskwatch import topics
from deskwatch.errors import LagError
from deskwatch.settings import Settings
from deskwatch.topics import shard_of
from producers.replaying import PacedClock

pytestmark = pytest.mark.slow

FEEDS = 4
STEPS = 8
START = datetime(2026, 3, 1, 6, tzinfo=UTC)
STEP = timedelta(minutes=15)
UNTIL = START + (STEPS - 1) * STEP


def shown_by(feed: int, step: int) -> dict[str, str]:
    """The guids and texts in a feed at a step: two new ones each step, half of them corrected at the next."""
    return {
        f"f{feed}-{made}-{n}": "corrected text" if n == 0 and made < step and made % 2 == 0 else "first text"
        for made in range(max(step - 3, 0), step + 1)
        for n in range(2)
    }


def expect() -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    texts: dict[str, list[str]] = {}
    for feed in range(FEEDS):
        for step in range(STEPS):
            for guid, text in shown_by(feed, step).items():
                known = texts.setdefault(guid, [])
                if not known or known[-1] != text:
                    known.append(text)
                    found[guid, len(known) - 1] += 1
    return found


@pytest.fixture
def world(site: Any) -> Any:
    """A site whose feeds follow the replayed time, with ETags."""

    def pages(path: str, headers: Mapping[str, str], at: datetime | None) -> Any:
        assert at is not None
        step = (at - START) // STEP
        etag = f'"{step}"'
        if headers.get("If-None-Match") == etag:
            return site.Answer(status=304)
        feed = int(path.removeprefix("/feed-"))
        items = [site.item(guid, summary=text) for guid, text in reversed(shown_by(feed, step).items())]
        return site.Answer(site.rss(*items), headers={"ETag": etag})

    site.pages = pages
    return site


@pytest.fixture
def replay(world: Any, command: Any, settings: Settings) -> Any:
    """Starts the replay of the world's whole past."""
    command.write_feeds(
        [
            {"id": f"feed-{n}", "url": f"{world.url}/feed-{n}", "source": f"Outlet {n}", "interval_s": 900}
            for n in range(FEEDS)
        ]
    )
    command.use(settings, tick_s=900)
    return lambda: command.start("produce", "--replay-from", START.isoformat(), "--replay-until", UNTIL.isoformat())


@pytest.mark.parametrize(
    "settings", [pytest.param(one, marks=pytest.mark.system) for one in ("embedded", "kafka")], indirect=True
)
def test_killed_again_and_again_it_publishes_every_revision_exactly_once(
    world: Any, command: Any, replay: Any, read_articles: Any
) -> None:
    chance = random.Random(7)
    kills = 0
    last = 0
    while True:
        reached = threading.Event()
        kill_at = last + chance.randint(4, 12)
        world.on_request = lambda count, kill_at=kill_at, reached=reached: reached.set() if count >= kill_at else None
        process = replay()
        while not reached.wait(0.02) and process.poll() is None:
            pass
        if process.poll() is not None:
            break
        threading.Event().wait(chance.random() * 0.03)  # somewhere in parsing, writing, sending or acknowledging
        process.kill()
        process.wait()
        kills += 1
        last = len(world.requests)
    assert process.returncode == 0, command.read_log()
    assert kills >= 2
    log = read_articles()
    assert log.counts == expect()
    for partition in log.partitions:
        for shard in range(topics.SHARDS):
            times = [tick.at for tick in log.ticks(partition, shard)]
            assert times == sorted(times)
            assert times[-1] == UNTIL
    check_no_tick_passed_an_article(log)


def check_no_tick_passed_an_article(log: Any) -> None:
    for records in log.partitions.values():
        ticked: dict[int, datetime] = {}
        for record in records:
            if hasattr(record, "shard"):
                ticked[record.shard] = record.at
            else:
                assert record.first_seen_at >= ticked.get(shard_of(record.feed_id), START)


def test_it_ends_at_its_end_and_a_second_run_adds_nothing_but_ticks(
    world: Any, command: Any, replay: Any, read_articles: Any
) -> None:
    assert replay().wait(30) == 0, command.read_log()
    requests = len(world.requests)
    assert requests == FEEDS * STEPS, "each feed at each of its instants"
    assert replay().wait(30) == 0, command.read_log()
    assert len(world.requests) == requests
    log = read_articles()
    assert log.counts == expect()
    assert {article.first_seen_at for article in log.articles} == {START + n * STEP for n in range(STEPS)}
    assert log.ticks(0, 0)[-1].at == UNTIL


def test_it_stops_with_an_error_rather_than_outrun_its_consumers(settings: Settings) -> None:
    class Stuck:
        def __init__(self) -> None:
            self.told: list[int] = []

        def wait(self, sent: int) -> None:
            self.told.append(sent)
            if sum(self.told) > 10:
                raise LagError("classify", "articles", sum(self.told))

        def close(self) -> None:
            """Let go."""

    gate = Stuck()
    clock = PacedClock(START, gate)

    async def run() -> None:
        for sent in (4, 10, 13):
            clock.sent = sent
            await clock.sleep_until(clock.now() + STEP)

    with pytest.raises(LagError):
        asyncio.run(run())
    assert gate.told == [4, 6, 3]
    assert clock.now() == START + 2 * STEP


def test_sigterm_ends_it_in_the_middle_and_it_goes_on_from_there(
    world: Any, command: Any, replay: Any, read_articles: Any
) -> None:
    reached = threading.Event()
    world.on_request = lambda count: reached.set() if count >= FEEDS * STEPS // 2 else None
    process = replay()
    assert reached.wait(30), command.read_log()
    process.terminate()
    assert process.wait(10) == 0, command.read_log()
    assert replay().wait(30) == 0, command.read_log()
    assert read_articles().counts == expect()
