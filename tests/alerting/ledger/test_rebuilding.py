from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from fakes.frozen import make_frozen

from alerting.ledger.ledger import Ledger, read_states
from alerting.ledger.rebuilding import latest, rebuild
from deskwatch.records import Delivery, DeliveryState

PATIENCE_S = 100.0


def mirrored(ledger: Ledger) -> list[Delivery]:
    return [msgspec.json.decode(change.record, type=Delivery) for change in ledger.changes()]


def taken_over(directory: Path, records: Sequence[Delivery], owner: str = "second") -> Ledger:
    ledger = Ledger(directory, owner)
    rebuild(ledger, latest(records), 2000.0, PATIENCE_S)
    return ledger


def test_on_a_new_machine_all_that_is_open_goes_on_and_all_that_is_done_stays_done(tmp_path: Path) -> None:
    with Ledger(tmp_path / "first", "first") as ledger:
        ledger.add([make_frozen(n) for n in range(4)])
        ledger.settle(ledger.begin(make_frozen(0), 1001.0), DeliveryState.SENT, 1002.0, provider_ref="1.5")
        ledger.begin(make_frozen(1), 1003.0)
        ledger.settle(ledger.begin(make_frozen(2), 1004.0), DeliveryState.RETRY, 1005.0, not_before=1500.0)
        records = mirrored(ledger)

    with taken_over(tmp_path / "second", records) as ledger:
        sent, sending, retry, pending = (ledger.of_spike(f"spike-{n}")[0] for n in range(4))
        assert (sent.state, sent.provider_ref, sent.body, sent.address) == (DeliveryState.SENT, "1.5", b"", "")
        assert (sending.state, sending.not_before) == (DeliveryState.UNKNOWN, 2000.0 + PATIENCE_S)
        assert (sending.body, sending.attempts) == (make_frozen(1).body, 1)
        assert (retry.state, retry.not_before, retry.body) == (DeliveryState.RETRY, 1500.0, make_frozen(2).body)
        assert pending == make_frozen(3)
        assert [one.state for one in mirrored(ledger)] == [DeliveryState.UNKNOWN], "the topic hears what is new"


def test_what_this_service_wrote_last_stays_as_its_ledger_has_it(tmp_path: Path) -> None:
    with Ledger(tmp_path, "first") as ledger:
        ledger.add([make_frozen()])
        old = mirrored(ledger)
        ledger.settle(ledger.begin(make_frozen(), 1001.0), DeliveryState.SENT, 1002.0)

    with taken_over(tmp_path, old, "first") as ledger:
        assert read_states(tmp_path) == {make_frozen().key: DeliveryState.SENT}
        assert len(ledger.changes()) == 3, "what was not mirrored still is to be"


def test_what_another_has_written_since_replaces_what_was_never_mirrored(tmp_path: Path) -> None:
    with Ledger(tmp_path / "other", "other") as ledger:
        ledger.add([make_frozen()])
        ledger.settle(ledger.begin(make_frozen(), 1001.0), DeliveryState.SENT, 1002.0, provider_ref="7")
        records = mirrored(ledger)
    with Ledger(tmp_path / "paused", "paused") as ledger:
        ledger.add([make_frozen()])
        ledger.begin(make_frozen(), 1000.5)  # its intent never came to the topic, so it never sent

    with taken_over(tmp_path / "paused", records, "paused") as ledger:
        [one] = ledger.of_spike("spike-1")
        assert (one.state, one.provider_ref) == (DeliveryState.SENT, "7")
        assert ledger.changes() == []


def test_a_record_stands_for_the_delivery_it_was_made_of(tmp_path: Path) -> None:
    with Ledger(tmp_path / "a", "a") as ledger:
        ledger.add([make_frozen()])
        [record] = mirrored(ledger)
    assert record.at == datetime.fromtimestamp(1000.0, UTC)
    with taken_over(tmp_path / "b", [record], "b") as ledger:
        assert ledger.due(2000.0) == [make_frozen()]
