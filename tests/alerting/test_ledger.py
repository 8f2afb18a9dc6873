from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fakes.frozen import make_frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.channels import Reason
from alerting.ledger import Ledger, read_states
from deskwatch.errors import ConfigError
from deskwatch.records import Delivery, DeliveryState


def changes_of(ledger: Ledger) -> list[tuple[str, str]]:
    records = [msgspec.json.decode(change.record, type=Delivery) for change in ledger.changes()]
    return [(record.delivery_key, record.state) for record in records]


def test_the_same_delivery_is_taken_once_and_keeps_its_first_bytes(ledger: Ledger) -> None:
    first, again = make_frozen(body=b"first"), make_frozen(body=b"again", created_at=2000.0)

    assert ledger.add([first]) == [first]
    assert ledger.add([again]) == []
    assert ledger.due(3000.0) == [first]


def test_a_later_revision_opens_no_second_time(ledger: Ledger) -> None:
    assert ledger.add([make_frozen()]) == [make_frozen()]
    assert ledger.add([make_frozen(revision=1)]) == []


def test_each_target_gets_its_oldest_due_delivery_and_none_while_one_is_under_way(ledger: Ledger) -> None:
    other = make_frozen(1, target="mail", channel="mail", address="a@b.example")
    ledger.add([make_frozen(1), make_frozen(2), other])

    assert ledger.due(1000.0) == [make_frozen(1), other]
    assert ledger.due(1000.0, excluding={"china-desk/slack"}) == [other]
    started = ledger.begin(make_frozen(1), 1000.0)
    ledger.settle(started, DeliveryState.RETRY, 1000.0, not_before=1010.0)
    assert [one.spike_id for one in ledger.due(1005.0)] == ["spike-2", "spike-1"]
    assert [one.attempts for one in ledger.due(1010.0)] == [1, 0]


def test_what_was_being_sent_when_the_process_ended_is_unknown_after_the_next_start(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add([make_frozen(1), make_frozen(2)])
        ledger.begin(make_frozen(1), 1000.0)
        assert [one.spike_id for one in ledger.due(1000.0)] == ["spike-2"]

    with Ledger(tmp_path) as ledger:
        assert ledger.recover(1100.0, settle_s=30.0) == 1
        assert [one.spike_id for one in ledger.due(1129.0)] == ["spike-2"]
        [unknown] = ledger.due(1130.0)
        assert (unknown.spike_id, unknown.state, unknown.attempts) == ("spike-1", DeliveryState.UNKNOWN, 1)
        assert ledger.recover(1200.0, settle_s=30.0) == 0


def test_every_change_waits_to_be_mirrored_until_it_is(ledger: Ledger) -> None:
    ledger.add([make_frozen()])
    started = ledger.begin(make_frozen(), 1001.0)
    ledger.settle(started, DeliveryState.SENT, 1002.0, provider_ref="1.5")
    key = started.key

    assert changes_of(ledger) == [(key, "pending"), (key, "sending"), (key, "sent")]
    last = msgspec.json.decode(ledger.changes()[-1].record, type=Delivery)
    assert (last.provider_ref, last.attempts, last.at.timestamp()) == ("1.5", 1, 1002.0)
    ledger.mirrored(ledger.changes()[1].seq)
    assert changes_of(ledger) == [(key, "sent")]


def test_a_batch_is_recorded_whole_or_not_at_all(ledger: Ledger) -> None:
    broken = msgspec.structs.replace(make_frozen(2), body=None)  # type: ignore[arg-type]

    with pytest.raises(Exception, match="NOT NULL"):
        ledger.add([make_frozen(1), broken])

    assert ledger.due(9999.0) == []
    assert ledger.changes() == []


def test_a_second_process_is_refused_the_ledger(tmp_path: Path) -> None:
    with Ledger(tmp_path), pytest.raises(ConfigError, match="another alerting service"):
        Ledger(tmp_path)
    with Ledger(tmp_path):
        pass


def test_the_backlog_counts_what_is_open(ledger: Ledger) -> None:
    ledger.add([make_frozen(1), make_frozen(2, created_at=1500.0)])
    ledger.settle(ledger.begin(make_frozen(1), 1600.0), DeliveryState.DEAD, 1601.0, reason=Reason.BAD_TARGET)

    [entry] = ledger.backlog()
    assert (entry.channel, entry.open, entry.oldest_at) == ("slack", 1, 1500.0)


OUTCOMES = [DeliveryState.SENT, DeliveryState.RETRY, DeliveryState.UNKNOWN, DeliveryState.DEAD, None]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(OUTCOMES), max_size=12))
def test_no_order_of_outcomes_and_restarts_sends_what_is_done_or_forgets_what_is_not(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[DeliveryState | None]
) -> None:
    """None stands for the end of the process between intent and outcome."""
    directory, now = tmp_path_factory.mktemp("ledger"), 1000.0
    done = False
    for outcome in outcomes:
        with Ledger(directory) as ledger:
            ledger.add([make_frozen()])
            ledger.recover(now, 0.0)
            offered = ledger.due(now)
            assert bool(offered) is not done
            if offered:
                started = ledger.begin(offered[0], now)
                if outcome is not None:
                    ledger.settle(started, outcome, now)
                    done = outcome in (DeliveryState.SENT, DeliveryState.DEAD)
    if outcomes:
        [state] = read_states(directory).values()
        assert (state in (DeliveryState.SENT, DeliveryState.DEAD)) is done
