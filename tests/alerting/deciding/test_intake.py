from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakes.spikes import make_spike
from prometheus_client import CollectorRegistry

from alerting.deciding.dispatching import Dispatch
from alerting.deciding.intake import Arrival, Intake
from alerting.ledger.ledger import Ledger, read_states
from alerting.metrics import Metrics
from alerting.rules.subscriptions import load
from alerting.settings import AlertingSettings
from deskwatch import codec
from deskwatch.clock import SteppedClock
from deskwatch.records import DeliveryKind, DeliveryState, Record, Severity, Spike, SpikeState, Tick

RECORDED = make_spike().detected_at.timestamp()


class Desk:
    def __init__(self, ledger: Ledger, config_dir: Path, **settings: Any) -> None:
        self.ledger = ledger
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        dispatch = Dispatch(
            ledger,
            load(config_dir),
            settings=AlertingSettings(**settings),
            metrics=metrics,
            clock=SteppedClock(make_spike().detected_at),
        )
        self.intake = Intake(ledger, dispatch, metrics)

    def dropped(self, reason: str) -> float:
        return self.registry.get_sample_value("deskwatch_spikes_dropped_total", {"reason": reason}) or 0.0


def arrive(record: Record, *, at: float = RECORDED, **changes: Any) -> Arrival:
    values: dict[str, Any] = {
        "topic": "spikes",
        "partition": 0,
        "offset": 5,
        "recorded_at": at,
        "value": codec.encode(record),
        "headers": tuple(codec.headers_of(record)),
    }
    return Arrival(**(values | changes))


def test_an_opening_becomes_one_delivery_per_target(ledger: Ledger, config_dir: Path, tmp_path: Path) -> None:
    desk = Desk(ledger, config_dir)

    assert desk.intake.take([arrive(make_spike())]) == (3, [])
    assert sorted(read_states(tmp_path / "state")) == [
        "spike-1|0|china-desk|mail",
        "spike-1|0|china-desk|slack",
        "spike-1|0|trade-desk|mail",
    ]
    assert desk.intake.take([arrive(make_spike())]) == (0, [])


def test_the_end_of_an_episode_alerts_nobody(ledger: Ledger, config_dir: Path) -> None:
    desk = Desk(ledger, config_dir)
    ends = [SpikeState.RESOLVED, SpikeState.WITHDRAWN]

    arrivals = [arrive(make_spike(spike_id=f"s-{state}", state=state)) for state in ends]

    assert desk.intake.take(arrivals) == (0, [])
    for state in ends:
        assert desk.registry.get_sample_value("deskwatch_spikes_read_total", {"state": state}) == 1


def test_an_episode_that_grows_to_the_severity_a_target_waits_for_opens_there_once(
    ledger: Ledger, config_dir: Path
) -> None:
    desk = Desk(ledger, config_dir)
    grown = [
        arrive(make_spike(revision=n, state=SpikeState.GROWING, severity=severity))
        for n, severity in ((1, Severity.MEDIUM), (2, Severity.HIGH), (3, Severity.CRITICAL))
    ]

    assert desk.intake.take([arrive(make_spike(severity=Severity.LOW))]) == (0, [])
    assert [desk.intake.take([one])[0] for one in grown] == [3, 4, 4], "later an edit and three follow-ups"
    openings = [one for one in ledger.of_spike("spike-1") if one.kind is DeliveryKind.OPENING]
    assert [one.revision for one in openings] == [1, 1, 1]
    assert desk.intake.take(grown) == (0, [])


def test_an_episode_that_nobody_wants_is_a_counted_drop(ledger: Ledger, config_dir: Path) -> None:
    desk = Desk(ledger, config_dir)

    assert desk.intake.take(
        [arrive(make_spike(severity=Severity.LOW)), arrive(make_spike(spike_id="spike-2", theme="sanctions"))]
    ) == (
        0,
        [],
    )
    assert desk.dropped("unmatched") == 2


def test_old_spikes_wait_for_a_digest_unless_the_settings_allow_any_age(ledger: Ledger, config_dir: Path) -> None:
    now = make_spike().detected_at.timestamp()
    old, fresh = arrive(make_spike(), at=now - 7201), arrive(make_spike(spike_id="fresh"), at=now - 7199)

    assert Desk(ledger, config_dir).intake.take([old, fresh]) == (3, [])
    assert {one.state for one in ledger.of_spike("spike-1")} == {DeliveryState.HELD}
    ancient = arrive(make_spike(spike_id="ancient"), at=now - 10**6)
    assert Desk(ledger, config_dir, max_age_s=0.0).intake.take([ancient]) == (3, [])


def test_what_is_no_spike_becomes_a_dead_letter_and_the_others_go_on(ledger: Ledger, config_dir: Path) -> None:
    desk = Desk(ledger, config_dir)
    spike = make_spike()
    naked = arrive(spike, headers=())
    garbage = arrive(spike, value=b'{"spike_id": 7}', offset=6, key=b"k")
    other = arrive(Tick(shard=0, at=spike.detected_at))

    new, letters = desk.intake.take([naked, garbage, other, arrive(spike, value=None), arrive(spike)])

    assert new == 3
    assert [letter.reason for letter in letters] == ["no_schema", "malformed", "unknown_schema", "malformed"]
    assert (letters[1].offset, letters[1].key, letters[1].value) == (6, b"k", garbage.value)
    assert desk.dropped("malformed") == 2


def test_a_spike_that_cannot_be_rendered_does_not_silence_the_others(ledger: Ledger, config_dir: Path) -> None:
    desk = Desk(ledger, config_dir)
    broken = make_spike(spike_id="x" * 10, expected=float("nan"), window_s=10**15)

    new, letters = desk.intake.take([arrive(broken, value=_with_nan(broken)), arrive(make_spike())])

    assert new == 3
    assert len(letters) == 1


def _with_nan(spike: Spike) -> bytes:
    return json.dumps(json.loads(codec.encode(spike)) | {"expected": 1.0}).encode()


def test_the_title_of_a_theme_comes_from_its_file(ledger: Ledger, config_dir: Path) -> None:
    (config_dir / "themes").mkdir()
    (config_dir / "themes" / "taiwan.yaml").write_text("title: Taiwan Strait\n")
    (config_dir / "themes" / "tariffs.yaml").write_text("title: [broken\n")
    desk = Desk(ledger, config_dir)

    desk.intake.take([arrive(make_spike())])

    assert all("HIGH · Taiwan Strait" in delivery.summary for delivery in ledger.due(float("inf")))
