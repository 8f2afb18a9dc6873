from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from fakes.frozen import make_frozen
from fakes.spikes import make_spike
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.delivery import Frozen, Reason
from alerting.ledger.file import FILE
from alerting.ledger.ledger import Ledger, read_states
from deskwatch.errors import ConfigError
from deskwatch.records import Delivery, DeliveryKind, DeliveryState, SpikeState


def changes_of(ledger: Ledger) -> list[tuple[str, str]]:
    records = [msgspec.json.decode(change.record, type=Delivery) for change in ledger.changes()]
    return [(record.delivery_key, record.state) for record in records]


def test_the_same_delivery_is_taken_once_and_keeps_its_first_bytes(ledger: Ledger) -> None:
    first, again = make_frozen(body=b"first"), make_frozen(body=b"again", created_at=2000.0)

    assert ledger.add([first]) == [first]
    assert ledger.add([again]) == []
    assert ledger.due(3000.0) == [first]


def follow(**changes: object) -> Frozen:
    return make_frozen(revision=1, kind=DeliveryKind.UPDATE, thread=make_frozen().key, **changes)


def test_what_follows_an_opening_waits_until_that_is_sent_and_then_knows_where_it_is(ledger: Ledger) -> None:
    ledger.add([make_frozen(), follow(), make_frozen(2)])
    started = ledger.begin(make_frozen(), 1000.0)
    assert [one.key for one in ledger.due(1000.0)] == [make_frozen(2).key], "another episode need not wait for it"
    ledger.settle(started, DeliveryState.RETRY, 1000.0, not_before=1100.0)
    assert [one.key for one in ledger.due(1000.0)] == [make_frozen(2).key]
    ledger.settle(ledger.begin(ledger.due(1100.0)[0], 1100.0), DeliveryState.SENT, 1101.0, provider_ref="1.5")

    [due] = ledger.due(1200.0)
    assert (due.key, due.thread_ref) == (follow().key, "1.5")


def test_what_follows_an_opening_that_never_arrives_is_sent_all_the_same(ledger: Ledger) -> None:
    ledger.add([make_frozen(), follow()])
    ledger.settle(ledger.begin(make_frozen(), 1000.0), DeliveryState.DEAD, 1000.0, reason=Reason.BAD_TARGET)

    assert [(one.key, one.thread_ref) for one in ledger.due(1000.0)] == [(follow().key, "")]


def test_while_a_provider_is_away_its_oldest_message_probes_and_the_others_keep_their_order(ledger: Ledger) -> None:
    ledger.add([make_frozen(n) for n in range(3)])

    def fail(number: int, now: float) -> None:
        started = ledger.begin(ledger.of_spike(f"spike-{number}")[0], now)
        ledger.settle(started, DeliveryState.UNKNOWN, now, reason=Reason.SERVER_FAULT, not_before=now + 100)

    fail(0, 1000.0)
    assert [one.spike_id for one in ledger.due(1001.0)] == ["spike-1"], "one failure says nothing of the next"
    fail(1, 1001.0)
    fail(0, 1102.0)
    assert ledger.due(1150.0) == []
    assert [one.spike_id for one in ledger.due(1202.0)] == ["spike-0"]
    ledger.settle(ledger.begin(ledger.due(1202.0)[0], 1202.0), DeliveryState.SENT, 1202.0)
    assert [one.spike_id for one in ledger.due(1202.0)] == ["spike-1"]


def test_what_fails_for_ever_does_not_block_the_others_for_ever(ledger: Ledger) -> None:
    ledger.add([make_frozen(0), make_frozen(1)])
    for attempt in range(21):
        started = ledger.begin(ledger.of_spike("spike-0")[0], 1000.0)
        ledger.settle(started, DeliveryState.UNKNOWN, 1000.0, reason=Reason.SERVER_FAULT, not_before=2000.0)
        assert bool(ledger.due(1500.0)) is (attempt in (0, 20))


def test_what_is_held_is_not_due_until_it_is_let_go(ledger: Ledger) -> None:
    held = make_frozen(state=DeliveryState.HELD, reason=Reason.QUIET_HOURS, not_before=2000.0, body=b"")
    ledger.add([held])

    assert ledger.due(3000.0) == []
    assert ledger.held(1999.0) == []
    assert ledger.held(2000.0) == [held]
    ledger.replace(make_frozen(), 2000.0)
    assert ledger.due(2000.0) == [make_frozen()]
    assert ledger.held(2000.0) == []


def test_bytes_and_addresses_are_removed_a_while_after_the_end_and_the_fact_stays(ledger: Ledger) -> None:
    end = make_spike(revision=1, state=SpikeState.RESOLVED, resolved_at=make_spike().detected_at)
    for number, last in ((1, end), (2, make_spike(spike_id="spike-2", revision=1))):
        ledger.note_spike(make_spike(spike_id=f"spike-{number}"), 1000.0)
        ledger.note_spike(last, 1500.0)
        ledger.add([make_frozen(number)])
        ledger.settle(ledger.begin(make_frozen(number), 1001.0), DeliveryState.SENT, 1002.0, provider_ref="7")

    assert ledger.prune(1500.0) == 0
    assert ledger.prune(1500.1) == 1
    assert ledger.prune(9999.0) == 0, "an episode that goes on keeps what was said of it"
    [over], [current] = ledger.of_spike("spike-1"), ledger.of_spike("spike-2")
    assert (over.body, over.address, over.summary) == (b"", "", "")
    assert (over.state, over.provider_ref) == (DeliveryState.SENT, "7")
    assert current.body


def test_one_part_of_a_transaction_can_fail_alone(ledger: Ledger) -> None:
    broken = msgspec.structs.replace(make_frozen(4), body=None)  # type: ignore[arg-type]
    with ledger.transaction():
        ledger.add([make_frozen(1)])
        with pytest.raises(sqlite3.IntegrityError):
            ledger.add([make_frozen(2), broken])
        ledger.add([make_frozen(3)])

    assert [one.spike_id for one in ledger.of_target("china-desk", "slack")] == ["spike-1", "spike-3"]


def test_a_ledger_of_the_first_version_keeps_what_it_knows(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.executescript(FIRST_VERSION)

    for _ in range(2):
        with Ledger(tmp_path) as ledger:
            assert [one.key for one in ledger.due(9999.0)] == ["spike-1|0|china-desk|slack"]
            assert ledger.add([make_frozen()]) == []
            assert [change.key for change in ledger.changes()] == ["k"]


FIRST_VERSION = """
CREATE TABLE deliveries (key TEXT PRIMARY KEY, spike_id TEXT NOT NULL, revision INTEGER NOT NULL, theme TEXT NOT NULL,
    subscriber TEXT NOT NULL, target TEXT NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL, body BLOB NOT NULL,
    summary TEXT NOT NULL, created_at REAL NOT NULL, recorded_at REAL NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, not_before REAL NOT NULL, intent_at REAL NOT NULL, changed_at REAL NOT NULL,
    provider_ref TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', UNIQUE (spike_id, subscriber, target)
) STRICT;
CREATE INDEX deliveries_open ON deliveries (not_before) WHERE state NOT IN ('sent', 'dead');
CREATE TABLE changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, record BLOB NOT NULL) STRICT;
INSERT INTO deliveries VALUES ('spike-1|0|china-desk|slack', 'spike-1', 0, 'taiwan', 'china-desk', 'slack', 'slack',
    '#china-desk', x'7b7d', 's', 1.0, 1.0, 'pending', 0, 0.0, 0.0, 1.0, '', '');
INSERT INTO changes (key, record) VALUES ('k', x'7b7d');
"""


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
