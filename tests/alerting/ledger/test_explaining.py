from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from fakes.spikes import make_spike

from alerting.delivery import Reason
from alerting.ledger.explaining import explain, find
from alerting.rules.roster import Roster
from alerting.rules.subscriptions import load
from deskwatch.records import Delivery, DeliveryKind, DeliveryState, Severity, SpikeState, Turn

OPENING = make_spike(false_rate=2.0, config_hash="c0ffee")
GROWN = make_spike(
    revision=1,
    state=SpikeState.GROWING,
    turn=Turn.GRAVER,
    severity=Severity.CRITICAL,
    observed=47,
    false_rate=2.0,
    config_hash="c0ffee",
)


@pytest.fixture
def roster(config_dir: Path) -> Roster:
    file = config_dir / "subscriptions" / "desks.yaml"
    more = """\
  - {name: strict, subscriber: trade-desk, themes: [taiwan], false_alerts_per_month: 1}
  - {name: french, subscriber: trade-desk, themes: [taiwan], only: {languages: [fr]}}
tests:
"""
    text = file.read_text().replace("themes: [taiwan, tariffs]", "themes: [tariffs]")
    file.write_text(text.replace("tests:\n", more))
    return load(config_dir)


def make_delivery(**changes: object) -> Delivery:
    values: dict[str, object] = {
        "delivery_key": "spike-1|0|china-desk|slack",
        "spike_id": "spike-1",
        "spike_revision": 0,
        "theme": "taiwan",
        "subscriber": "china-desk",
        "target": "slack",
        "channel": "slack",
        "state": DeliveryState.SENT,
        "at": OPENING.detected_at,
        "provider_ref": "1.5",
    }
    return Delivery(**(values | changes))  # type: ignore[arg-type]


def explained(roster: Roster, *deliveries: Delivery, subscriber: str | None = None) -> str:
    case = find([OPENING, GROWN], deliveries, "spike-1")
    assert case is not None
    return "\n".join(explain(case, roster, subscriber))


def test_the_numbers_of_every_revision_and_what_they_rest_on_are_told(roster: Roster) -> None:
    text = explained(roster)

    assert "revision 0: opened, onset, high; 14 observed, 3.1 expected, score 2.4" in text
    assert "revision 1: graver, growing, critical; 47 observed" in text
    assert "23 articles, 11 stories, 11 origins, 12 owners" in text
    assert "it would have opened at 2 false alerts a theme and month" in text
    assert "normal was learnt in 30 days; configuration c0ffee" in text
    assert "Patrol boats gather off the northern cape (Example Wire, 0 copies)" in text


def test_each_message_is_told_with_its_lines_its_state_and_the_providers_name(roster: Roster) -> None:
    held = make_delivery(
        delivery_key="spike-1|0|china-desk|mail",
        target="mail",
        state=DeliveryState.HELD,
        reason=Reason.QUIET_HOURS,
        provider_ref="",
        not_before=(OPENING.detected_at + timedelta(hours=8)).timestamp(),
    )
    update = make_delivery(
        delivery_key="spike-1|1|china-desk|slack", spike_revision=1, kind=DeliveryKind.UPDATE, attempts=3
    )
    text = explained(roster, make_delivery(state=DeliveryState.PENDING), make_delivery(), held, update)

    assert "subscriptions/desks.yaml:11 “strait” matches" in text
    assert "slack: opening of revision 0 was sent, as 1.5" in text
    assert "mail: opening of revision 0 is held (quiet_hours), until 2026-11-24 22:02:00 UTC" in text
    assert "slack: update of revision 1 was sent, as 1.5, 3 attempts" in text
    assert "about to be sent" not in text, "only the last state counts"


def test_who_got_nothing_learns_why(roster: Roster) -> None:
    text = explained(roster, subscriber="trade-desk")

    assert "“trade” does not match: its themes are tariffs" in text
    assert "“french” does not match: it wants fr, this is in en" in text
    assert "“strict” does not match: it accepts 1 false alerts a month, this opened at 2" in text
    assert "nothing was made for this subscriber" in text
    assert "china-desk" not in text


def test_a_case_is_found_by_its_beginning_or_a_key_and_not_by_what_is_ambiguous() -> None:
    other = make_spike(spike_id="spike-2")

    assert find([OPENING, other], [], "spike-") is None
    assert find([OPENING, other], [], "nothing") is None
    for identity in ("spike-1", "spike-1|0|china-desk|slack"):
        case = find([GROWN, OPENING, other], [make_delivery(spike_id="spike-2"), make_delivery()], identity)
        assert case is not None
        assert [spike.revision for spike in case.spikes] == [0, 1]
        assert [one.spike_id for one in case.deliveries] == ["spike-1"]
