from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from fakes.alert_process import publish
from fakes.spikes import ONSET, make_spike

from alerting.rendering.history import KEPT, History
from alerting.rules.roster import Subscriber, Target
from alerting.topics.tailing import BucketTail, KafkaActions
from deskwatch import topics
from deskwatch.broker import MockBroker
from deskwatch.records import Action, Bucket, Verb
from deskwatch.settings import Settings

DESK = Subscriber(name="desk", targets=(Target(name="mail", email="a@b.example"),))


def make_bucket(hours: float, **changes: object) -> Bucket:
    start = ONSET + timedelta(hours=hours)
    values: dict[str, object] = {
        "theme": "taiwan",
        "start": start,
        "end": start + timedelta(hours=1),
        "revision": 0,
        "articles": 5,
        "observed": 3,
        "owners": 3,
        "expected": 2.5,
    }
    return Bucket(**(values | changes))  # type: ignore[arg-type]


def test_a_later_revision_of_a_bucket_replaces_an_earlier_one_in_any_order() -> None:
    history = History()
    for bucket in (make_bucket(0, revision=1, observed=9), make_bucket(0), make_bucket(-1)):
        history.add(bucket)

    assert [(one.start, one.observed) for one in history.buckets("taiwan")] == [
        (ONSET - timedelta(hours=1), 3),
        (ONSET, 9),
    ]


def test_what_is_older_than_a_chart_shows_is_forgotten() -> None:
    history = History()
    for hours in range(200):
        history.add(make_bucket(hours))

    assert len(history.buckets("taiwan")) == KEPT // timedelta(hours=1) + 1


def test_a_chart_is_drawn_where_there_is_something_to_show() -> None:
    history = History()
    assert history.chart(make_spike(), DESK) is None
    for hours in range(-36, 1):
        history.add(make_bucket(hours))

    picture = history.chart(make_spike(), DESK)
    assert picture is not None
    assert picture.startswith(b"\x89PNG")


def test_numbers_that_cannot_be_drawn_keep_no_alert_back() -> None:
    history = History()
    for hours in range(-36, 1):
        history.add(make_bucket(hours, observed=10**400))

    assert history.chart(make_spike(), DESK) is None


def test_coverage_sums_what_was_seen_since_a_time() -> None:
    history = History()
    for hours in range(-30, 0):
        history.add(make_bucket(hours, health=0.5))
    history.add(make_bucket(-1, theme="tariffs", observed=0))

    coverage = history.coverage({"taiwan": "Taiwan Strait"}, ONSET - timedelta(hours=24), alerts_sent=2)
    assert coverage is not None
    assert [(one.title, one.reports, one.expected, one.health) for one in coverage.themes] == [
        ("Taiwan Strait", 72, 60.0, 0.5),
        ("tariffs", 0, 2.5, 1.0),
    ]
    assert (coverage.articles, coverage.alerts_sent) == (125, 2)
    assert History().coverage({}, ONSET, alerts_sent=0) is None


def test_history_follows_the_topic_and_skips_what_is_no_bucket() -> None:
    with MockBroker({topic.name: topic.partitions for topic in topics.TOPICS}) as broker:
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
        publish(settings, topics.BUCKETS.name, [make_bucket(0), make_spike(), make_bucket(1)])
        history = History()
        tail = BucketTail(settings, history)
        try:
            deadline = time.monotonic() + 20
            while len(history.buckets("taiwan")) < 2:
                assert time.monotonic() < deadline, "the buckets were not read"
                time.sleep(0.02)
        finally:
            tail.close()


def test_the_first_read_of_actions_has_all_there_are_and_later_ones_what_is_new() -> None:
    def make(number: int) -> Action:
        return Action(
            action_id=f"a{number}", verb=Verb.ACKNOWLEDGE, subscriber="desk", at=ONSET, spike_id=f"spike-{number}"
        )

    known = [make(number) for number in range(1500)]

    async def scenario(settings: Settings) -> None:
        source = KafkaActions(settings)
        assert await source.read() == known
        publish(settings, topics.ACTIONS.name, [make(1500)])
        found: list[Action] = []
        async with asyncio.timeout(20):
            while not found:
                found += await source.read()
        await source.close()
        assert found == [make(1500)]

    with MockBroker({topic.name: topic.partitions for topic in topics.TOPICS}) as broker:
        settings = Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True)
        publish(settings, topics.ACTIONS.name, [make_spike(), *known])
        asyncio.run(scenario(settings))


def test_an_empty_topic_has_no_actions() -> None:
    async def read(settings: Settings) -> list[Action]:
        source = KafkaActions(settings)
        found = [*await source.read(), *await source.read()]
        await source.close()
        return found

    with MockBroker({topic.name: topic.partitions for topic in topics.TOPICS}) as broker:
        assert asyncio.run(read(Settings(kafka_bootstrap=broker.bootstrap, kafka_embedded=True))) == []
