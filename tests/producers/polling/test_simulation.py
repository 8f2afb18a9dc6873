"""Feeds with the habits of real ones, polled for a month by the policy alone."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import fmean, median

import msgspec
import pytest

from deskwatch.errors import FetchError, FetchReason
from deskwatch.feedrecords import Condition, Feed, FeedState
from producers.polling.planning import Answer, Event, due_at, is_unconditional, plan_answer, plan_failure

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 30
DAY_S = 86_400.0
Times = list[float]  # seconds since START at which articles appear


class Run(msgspec.Struct):
    """What became of one feed."""

    polls: int = 0
    lost: int = 0
    found: int = 0
    unconditional: int = 0
    delays: list[float] = []
    events: list[Event] = []
    longest_s: float = 0.0  # between two polls
    state: FeedState | None = None


def poisson(rng: random.Random, per_day: float, *, awake: Callable[[float], bool] = lambda _: True) -> Times:
    times, at = [], -DAY_S * 5
    while at < DAYS * DAY_S:
        at += rng.expovariate(per_day / DAY_S)
        if awake(at % DAY_S / 3_600):
            times.append(at)
    return times


def bursts(rng: random.Random, per_day: float, size: int) -> Times:
    """Return articles that come together within half an hour, as a ministry publishes."""
    return sorted(at + rng.random() * 1_800 for at in poisson(rng, per_day / size) for _ in range(size))


def simulate(
    times: Times,
    window: int,
    rng: random.Random,
    *,
    feed: Feed,
    outage: tuple[float, float] = (0.0, 0.0),
    lies: bool = False,
) -> Run:
    """Poll a feed that lists its `window` latest articles; during `outage` it does not answer.

    `lies`: its 304 goes on denying what is new until somebody asks without validators.
    """
    run = Run(delays=[], events=[])
    state = FeedState(feed_id=feed.id, url=feed.url)
    seen, at_s = 0, rng.random() * 300
    while at_s < DAYS * DAY_S:
        now = START + timedelta(seconds=at_s)
        run.polls += 1
        if outage[0] <= at_s < outage[1]:
            error = FetchError(feed.id, FetchReason.CONNECT, "x")
            planned = plan_failure(state, feed, error, began_at=now, now=now, jitter=rng.random())
        else:
            conditional = not is_unconditional(state, feed, now, rng.random())
            run.unconditional += not conditional
            visible = bisect_right(times, at_s)
            if conditional and (visible == seen or lies):
                answer = Answer(status=304, url=feed.url, conditional=True)
            else:
                first = state.first_success_at is None
                listed = min(visible, window)
                new = min(visible - seen, listed)
                fresh = [] if first else times[visible - new : visible]
                run.lost += 0 if first else visible - seen - new
                run.found += len(fresh)
                run.delays += [at_s - at for at in fresh]
                answer = Answer(
                    status=200,
                    url=feed.url,
                    conditional=conditional,
                    same_validators=lies and not first,
                    total=listed,
                    known=0 if first else listed - new,
                    new=len(fresh),
                    published=tuple(START + timedelta(seconds=at) for at in fresh),
                )
                seen = visible
            planned = plan_answer(state, feed, answer, began_at=now, now=now, jitter=rng.random())
        state = msgspec.structs.replace(planned.state, etag='"1"', last_success_at=now)
        run.events += planned.events
        due_s = (due_at(state, now) - START).total_seconds()
        run.longest_s = max(run.longest_s, due_s - at_s)
        at_s = due_s
    run.state = state
    return run


def feed(number: int, **config: bool) -> Feed:
    return Feed(id=f"f{number}", url=f"https://{number}.example/rss", source="S", **config)


HABITS: dict[str, Callable[[random.Random], Times]] = {
    "agency": lambda rng: poisson(rng, 200),
    "paper": lambda rng: poisson(rng, 40, awake=lambda hour: 5 <= hour < 22),
    "weekly": lambda rng: poisson(rng, 0.15),
    "ministry": lambda rng: bursts(rng, 6, 4),
    "institute": lambda rng: poisson(rng, 1, awake=lambda hour: 8 <= hour < 17),
}


FLEET = {"agency": 1, "paper": 10, "ministry": 60, "institute": 120, "weekly": 109}


@pytest.fixture(scope="module")
def fleet() -> dict[str, list[Run]]:
    """Return a month of 300 feeds, by habit; each lists its 20 latest articles."""
    rng = random.Random(7)
    return {
        habit: [simulate(HABITS[habit](rng), 20, rng, feed=feed(n)) for n in range(number)]
        for habit, number in FLEET.items()
    }


# Median and 95th percentile of the delay in minutes, and polls a day, that each habit may cost at most.
@pytest.mark.parametrize(
    ("habit", "median_min", "p95_min", "polls"),
    [
        ("agency", 4, 8, 300),
        ("paper", 15, 45, 100),
        ("ministry", 40, 90, 40),
        ("institute", 70, 400, 20),
        ("weekly", 200, 800, 15),
    ],
)
def test_news_is_found_out_soon_at_a_fair_price(
    fleet: dict[str, list[Run]], habit: str, median_min: float, p95_min: float, polls: float
) -> None:
    delays = sorted(delay / 60 for run in fleet[habit] for delay in run.delays)
    per_day = fmean(run.polls / DAYS for run in fleet[habit])
    assert median(delays) <= median_min
    assert delays[int(len(delays) * 0.95)] <= p95_min
    assert per_day <= polls


def test_no_feed_of_the_fleet_loses_anything_or_falls_silent(fleet: dict[str, list[Run]]) -> None:
    runs = [run for runs in fleet.values() for run in runs]
    assert sum(run.lost for run in runs) == 0
    assert all(run.longest_s <= 27 * 3_600 for run in runs)
    assert not any(Event.UNTRUSTED in run.events for run in runs), "no server lied"


def test_every_feed_of_the_fleet_is_audited_daily(fleet: dict[str, list[Run]]) -> None:
    audits = sorted(run.unconditional / DAYS for runs in fleet.values() for run in runs)
    assert audits[0] >= 0.7
    assert 0.95 <= median(audits) <= 1.1
    assert audits[-1] <= 1.3


def test_a_document_that_turns_over_fast_loses_little_and_is_told() -> None:
    rng = random.Random(3)
    news = [at for at in poisson(rng, 1_500) if at < 4 * DAY_S]
    run = simulate(news, 8, rng, feed=feed(1))  # on average eight in 7.7 minutes
    assert run.lost / (run.lost + run.found) < 0.15
    assert Event.OVERRUN in run.events
    wire = simulate(news, 8, rng, feed=feed(2, wire=True))
    assert wire.lost == 0


def test_a_wire_is_found_out_within_a_minute() -> None:
    rng = random.Random(4)
    run = simulate([at for at in poisson(rng, 100) if at < 5 * DAY_S], 20, rng, feed=feed(1, wire=True))
    assert median(run.delays) <= 45
    assert sorted(run.delays)[int(len(run.delays) * 0.95)] <= 90


def test_a_feed_comes_back_from_a_long_outage_and_from_a_short_one_soon() -> None:
    rng = random.Random(5)
    for hours in (2, 48, 12 * 24):
        began_s = 3 * DAY_S
        ended_s = began_s + hours * 3_600
        run = simulate(poisson(rng, 24), 20, rng, feed=feed(hours), outage=(began_s, ended_s))
        assert Event.RECOVERED in run.events
        assert run.state is not None
        assert run.state.condition is Condition.OK
        assert run.longest_s <= max(hours * 3_600 / 4, 7_200), "a wait is a small share of what was missed"


def test_a_304_that_lies_is_found_out_within_a_day_or_so() -> None:
    rng = random.Random(6)
    run = simulate(poisson(rng, 10), 20, rng, feed=feed(1), lies=True)
    assert run.events.count(Event.UNTRUSTED) >= 1
    assert run.lost == 0
    assert median(run.delays) <= 3_600
    assert max(run.delays) <= 2 * DAY_S
