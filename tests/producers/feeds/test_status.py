from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from deskwatch.feedrecords import Condition, Feed, FeedState
from producers.feeds.kinds import MEANINGS, Kind, say_duration, say_rate
from producers.feeds.status import assess, classify_feed, count_workdays, is_silent, summarise
from producers.polling.rhythm import learn

FEED = Feed(id="quay", url="https://quay.example/rss", source="Quay")
NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)  # a Thursday
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
WELL = FeedState(
    feed_id="quay",
    url=FEED.url,
    condition=Condition.OK,
    ok=True,
    ok_since=NOW - 30 * DAY,
    last_success_at=NOW,
    last_new_at=NOW - timedelta(hours=1),
    first_success_at=NOW - 40 * DAY,
    per_day=20.0,
    gap_s=4_000.0,
    delay_s=170.0,
    interval_s=300.0,
    active_hours=(1 << 31) - 1,
)


def kind_of(state: FeedState | None) -> Kind:
    status = assess(FEED, state, NOW)
    assert status.kind is classify_feed(FEED, state, NOW)
    return status.kind


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (None, Kind.NEW),
        (FeedState(feed_id="quay"), Kind.NEW),
        (replace(WELL, url="https://old.example/"), Kind.NEW),
        (WELL, Kind.OK),
        (replace(WELL, condition=Condition.FAILING, errors=2, last_error="status 500"), Kind.FAILING),
        (replace(WELL, errors=1, last_error="timeout"), Kind.FAILING),
        (FeedState(feed_id="quay", errors=1, last_error="connect"), Kind.FAILING),
        (replace(WELL, condition=Condition.BLOCKED, errors=4, last_error="status 403"), Kind.BLOCKED),
        (replace(WELL, condition=Condition.THROTTLED, errors=1, throttled_until=NOW + DAY), Kind.THROTTLED),
        (replace(WELL, condition=Condition.GONE, gone_since=NOW - DAY), Kind.GONE),
        (replace(WELL, condition=Condition.QUARANTINED, kills=3), Kind.QUARANTINED),
        (replace(WELL, moved_to="https://new.example/rss"), Kind.MOVED),
        (replace(WELL, untrusted=True, moved_to="https://new.example/rss"), Kind.UNTRUSTED),
        (replace(WELL, undated=0.6, delay_s=9e4), Kind.UNDATED),
        (replace(WELL, undated=0.5), Kind.OK),
        (replace(WELL, delay_s=3 * 3_600.0), Kind.DRIFTING),
        (replace(WELL, delay_s=3 * 3_600.0, interval_s=7_200.0), Kind.OK),
        (replace(WELL, delay_s=0.5), Kind.DRIFTING),
        (replace(WELL, delay_s=9e4, first_success_at=NOW - DAY), Kind.OK),
        (replace(WELL, last_new_at=NOW - 8 * DAY, undated=0.9), Kind.SILENT),
        (replace(WELL, last_new_at=NOW - 8 * DAY, condition=Condition.BLOCKED), Kind.BLOCKED),
    ],
)
def test_a_feed_is_what_its_state_says(state: FeedState | None, kind: Kind) -> None:
    assert kind_of(state) is kind


def test_a_status_says_since_when_and_why() -> None:
    silent = assess(FEED, replace(WELL, last_new_at=NOW - 8 * DAY), NOW)
    assert (silent.since, silent.detail) == (NOW - 8 * DAY, "nothing new for 8 days, usually 20 a day")
    late = assess(FEED, replace(WELL, delay_s=2 * 3_600.0 + 150), NOW)
    assert late.detail == "seen 2 h after its dates, polled every 5 min; a time zone 2 h off?"
    assert "time zone" not in assess(FEED, replace(WELL, delay_s=2.5 * 3_600), NOW).detail
    blocked = replace(WELL, condition=Condition.BLOCKED, errors=4, last_error="status 403", last_success_at=NOW - DAY)
    assert assess(FEED, blocked, NOW).detail == "status 403 (4 polls)"
    assert assess(FEED, blocked, NOW).since == NOW - DAY
    throttled = replace(WELL, condition=Condition.THROTTLED, last_error="status 429", throttled_until=NOW)
    assert assess(FEED, throttled, NOW).detail == "status 429, until 2026-03-12 12:00Z"
    assert "https://new.example/" in assess(FEED, replace(WELL, moved_to="https://new.example/"), NOW).detail
    assert assess(FEED, replace(WELL, url="https://old.example/"), NOW).detail == "its URL was changed"
    assert assess(FEED, replace(WELL, undated=0.75), NOW).detail.startswith("75%")


def test_every_kind_means_something_and_says_what_to_do() -> None:
    assert set(MEANINGS) == set(Kind)
    assert all(m.sentence.endswith(".") and m.advice.endswith(".") for m in MEANINGS.values())


@pytest.mark.parametrize(
    ("quiet", "per_day", "history", "silent"),
    [
        (timedelta(hours=47), 1_000.0, 40, False),  # under two days nobody is silent
        (2.1 * DAY, 1_000.0, 40, True),
        (3 * DAY, 30.0, 40, False),
        (4 * DAY, 30.0, 40, True),
        (5 * DAY, 1_000.0, 13, False),  # too little history
        (3 * DAY, 2.0, 40, False),  # no rare thing
        (20 * DAY, 2.0, 40, True),
        (20 * DAY, 0.1, 40, False),  # four articles in all
    ],
)
def test_silence_depends_on_rate_and_history(quiet: timedelta, per_day: float, history: int, silent: bool) -> None:
    answer = datetime(2026, 3, 13, 12, tzinfo=UTC)  # a Friday
    last = answer - quiet
    faded = per_day * 2.718281828 ** (-quiet / (7 * DAY))
    state = replace(
        WELL, last_success_at=answer, last_new_at=last, first_success_at=last - history * DAY, per_day=faded, gap_s=None
    )
    assert is_silent(state, answer) is silent


def follow(times: list[datetime], until: datetime) -> tuple[int, datetime | None]:
    """Poll hourly what is published at these times; return on how many polls it was silent, and when first."""
    state = FeedState(feed_id="quay", url=FEED.url, condition=Condition.OK)
    alarms, first, at, n = 0, None, MONDAY, 0
    while at < until:
        new = 0
        while n < len(times) and times[n] <= at:
            n, new = n + 1, new + 1
        recent = times[n - new : n]
        state = learn(state, new=new, published=recent, undated=0, now=at)
        state = replace(state, last_success_at=at)
        if is_silent(state, at):
            alarms, first = alarms + 1, first or at
        at += timedelta(hours=1)
    return alarms, first


def weekday_paper(rng: random.Random, day: datetime) -> list[datetime]:
    return [] if day.weekday() > 4 else [day + timedelta(hours=rng.uniform(13, 23)) for _ in range(30)]


def friday_saturday_rest(rng: random.Random, day: datetime) -> list[datetime]:
    return [] if day.weekday() in (4, 5) else [day + timedelta(hours=rng.uniform(5, 16)) for _ in range(30)]


def agency(rng: random.Random, day: datetime) -> list[datetime]:
    return [day + timedelta(hours=rng.uniform(0, 24)) for _ in range(120)]


def digest(rng: random.Random, day: datetime) -> list[datetime]:
    return [day + timedelta(hours=6)] * 15 if day.weekday() < 5 else []


def institute(rng: random.Random, day: datetime) -> list[datetime]:
    together = rng.choice([1, 1, 2, 3])
    return [day + timedelta(hours=rng.uniform(9, 17))] * together if day.weekday() < 5 and rng.random() < 0.25 else []


def bursty(rng: random.Random, day: datetime) -> list[datetime]:
    busy = rng.gammavariate(0.7, 1 / 0.7)  # a day is three times another's, or nothing
    return [day + timedelta(hours=rng.uniform(6, 20)) for _ in range(round(4 * busy))]


HABITS = [weekday_paper, friday_saturday_rest, agency, digest, institute, bursty]


@pytest.mark.parametrize("habit", HABITS)
def test_feeds_that_live_are_not_called_silent(habit: Callable[[random.Random, datetime], list[datetime]]) -> None:
    for seed in range(3):
        rng = random.Random(seed)
        # a public holiday every third Monday or so
        days = [MONDAY + n * DAY for n in range(90) if n % 21 != 14 or habit is agency]
        alarms, _ = follow(sorted(at for day in days for at in habit(rng, day)), MONDAY + 90 * DAY)
        assert alarms == 0


@pytest.mark.parametrize(
    ("habit", "within"), [(weekday_paper, 5), (agency, 5), (digest, 9), (bursty, 14), (institute, 70)]
)
def test_feeds_that_stop_are_called_silent(
    habit: Callable[[random.Random, datetime], list[datetime]], within: int
) -> None:
    rng = random.Random(7)
    stop = MONDAY + 59 * DAY  # a Thursday
    times = sorted(at for n in range(59) for at in habit(rng, MONDAY + n * DAY))
    alarms, first = follow(times, stop + 100 * DAY)
    assert first is not None
    assert 2 * DAY <= first - times[-1] <= within * DAY
    assert alarms >= 24 * (100 - within - 4)  # and it stays so, however its rate fades


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.timedeltas(timedelta(0), 40 * DAY),
    st.sets(st.integers(0, 6), max_size=6),
)
def test_workdays_are_the_days_without_those_of_rest(start: datetime, length: timedelta, rest: set[int]) -> None:
    start = start.replace(microsecond=0, minute=0, second=0)
    hours = int(length.total_seconds() // 3_600)
    counted = sum((start + timedelta(hours=n)).weekday() not in rest for n in range(hours)) / 24
    end = start + timedelta(hours=hours)
    assert count_workdays(start, end, frozenset(rest)) == pytest.approx(counted, abs=1e-6)
    assert count_workdays(end, start) == 0.0


def test_twenty_thousand_feeds_are_counted_fast() -> None:
    states = [WELL, replace(WELL, last_new_at=NOW - 8 * DAY), None, replace(WELL, condition=Condition.BLOCKED)] * 5_000
    took = []
    for _ in range(3):
        began = process_time()
        counts = summarise(classify_feed(FEED, state, NOW) for state in states)
        took.append(process_time() - began)
    assert counts[Kind.OK] == counts[Kind.SILENT] == counts[Kind.NEW] == counts[Kind.BLOCKED] == 5_000
    assert sum(counts.values()) == 20_000
    assert set(counts) == set(Kind)
    assert min(took) < 0.25  # 0.04 s on an idle machine


def test_rates_and_durations_read_as_people_say_them() -> None:
    assert [say_rate(rate) for rate in (None, 0.01, 0.3, 0.95, 3.4)] == [
        "hardly any",
        "less than 1 a week",
        "2 a week",
        "1 a day",
        "3 a day",
    ]
    assert [say_duration(s) for s in (4, 60, 5_400, 172_800)] == ["4 s", "1 min", "1.5 h", "2 d"]
