from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerting.delivery import Reason
from alerting.rules.restraining import GATHER, Situation, hold_of
from alerting.rules.roster import Digest, QuietHours, Subscriber, Target
from deskwatch.records import Severity

NOW = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)
MORNING = datetime(2026, 11, 25, 7, tzinfo=UTC)
NIGHT = QuietHours(start="22:00", end="07:00")


def held(severity: Severity = Severity.HIGH, *, target: Target, situation: Situation | None = None) -> object:
    subscriber = Subscriber(name="desk", targets=(target,))
    found = hold_of(severity, subscriber, target, situation or Situation(now=NOW))
    return found and (found.reason, found.until)


def make_target(**changes: object) -> Target:
    return Target(name="mail", email="a@b.example", **changes)  # type: ignore[arg-type]


def test_a_target_without_rules_gets_everything_at_once() -> None:
    assert held(target=make_target()) is None


def test_quiet_hours_hold_what_is_not_excepted() -> None:
    assert held(target=make_target(quiet_hours=NIGHT)) == (Reason.QUIET_HOURS, MORNING)
    assert held(Severity.CRITICAL, target=make_target(quiet_hours=NIGHT)) is None


def test_a_silence_holds_whatever_the_severity_until_it_ends() -> None:
    end = NOW + timedelta(hours=4)
    situation = Situation(now=NOW, silenced_until=end)

    assert held(Severity.CRITICAL, target=make_target(), situation=situation) == (Reason.SILENCED, end)
    assert held(target=make_target(), situation=Situation(now=end, silenced_until=end)) is None


def test_what_comes_too_late_goes_into_the_next_digest_or_into_one_of_its_own() -> None:
    late = Situation(now=NOW, is_too_late=True)

    assert held(target=make_target(digest=Digest(at=("07:00",))), situation=late) == (Reason.TOO_LATE, MORNING)
    assert held(target=make_target(), situation=late) == (Reason.TOO_LATE, NOW + GATHER)


@pytest.mark.parametrize(("ages_min", "is_held"), [([5, 50], True), ([5, 61], False), ([5], False)])
def test_a_rate_cap_counts_the_last_hour(ages_min: list[int], is_held: bool) -> None:
    opened = [NOW.timestamp() - 60 * age for age in ages_min]
    situation = Situation(now=NOW, opened=opened)
    target = make_target(max_per_hour=2)

    assert held(target=target, situation=situation) == (
        (Reason.RATE_CAP, NOW + timedelta(minutes=30)) if is_held else None
    )
    assert held(Severity.CRITICAL, target=target, situation=situation) is None
