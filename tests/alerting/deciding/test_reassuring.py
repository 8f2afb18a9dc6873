from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes.spikes import make_spike
from prometheus_client import CollectorRegistry

from alerting.deciding.dispatching import Dispatch
from alerting.deciding.reassuring import Reassurance
from alerting.delivery import Frozen
from alerting.ledger.ledger import Ledger
from alerting.metrics import Metrics
from alerting.rendering.history import History
from alerting.rules.subscriptions import load
from alerting.settings import AlertingSettings
from deskwatch.clock import SteppedClock
from deskwatch.records import Bucket, DeliveryKind

EIGHT_IN_SHANGHAI = datetime(2026, 11, 25, 0, 0, tzinfo=UTC)


@pytest.fixture
def history() -> History:
    history = History()
    for hour in range(24):
        start = EIGHT_IN_SHANGHAI - timedelta(hours=24 - hour)
        history.add(
            Bucket(
                theme="taiwan",
                start=start,
                end=start + timedelta(minutes=5),
                revision=0,
                articles=10,
                observed=2,
                owners=2,
                expected=2.5,
                feeds=41,
                feeds_down=2,
            )
        )
    return history


@pytest.fixture
def dispatch(ledger: Ledger, config_dir: Path) -> Dispatch:
    return Dispatch(
        ledger,
        load(config_dir),
        settings=AlertingSettings(),
        metrics=Metrics(CollectorRegistry()),
        clock=SteppedClock(EIGHT_IN_SHANGHAI - timedelta(hours=3)),
    )


def words(ledger: Ledger, subscriber: str) -> list[Frozen]:
    return [one for one in ledger.of_target(subscriber, "mail") if one.kind is DeliveryKind.ALL_QUIET]


def test_who_got_nothing_hears_once_in_his_morning_that_all_is_quiet(
    dispatch: Dispatch, history: History, ledger: Ledger
) -> None:
    reassurance = Reassurance(dispatch, history)

    assert reassurance.run(EIGHT_IN_SHANGHAI - timedelta(seconds=1)) == 0
    assert [reassurance.run(EIGHT_IN_SHANGHAI + timedelta(minutes=n)) for n in range(3)] == [1, 0, 0]
    [word] = words(ledger, "china-desk")
    assert word.key == "quiet|2026-11-25|china-desk|mail"
    assert b"240 articles" in word.body
    assert b"39 of 41 feeds" in word.body
    assert words(ledger, "trade-desk") == [], "it is night in Greenwich"


def test_who_was_alerted_in_the_last_day_needs_no_word(dispatch: Dispatch, history: History, ledger: Ledger) -> None:
    dispatch.revise(make_spike(), EIGHT_IN_SHANGHAI.timestamp())

    assert Reassurance(dispatch, history).run(EIGHT_IN_SHANGHAI) == 0


def test_a_service_that_was_down_makes_it_up_within_two_hours(dispatch: Dispatch, history: History) -> None:
    assert Reassurance(dispatch, history).run(EIGHT_IN_SHANGHAI + timedelta(hours=2)) == 0
    assert Reassurance(dispatch, history).run(EIGHT_IN_SHANGHAI + timedelta(hours=1, minutes=59)) == 1


def test_a_desk_that_saw_nothing_does_not_say_that_all_is_quiet(dispatch: Dispatch) -> None:
    assert Reassurance(dispatch, History()).run(EIGHT_IN_SHANGHAI) == 0
