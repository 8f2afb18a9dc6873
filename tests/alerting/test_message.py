from __future__ import annotations

from typing import Any

import pytest
from fakes.spikes import make_headline, make_spike

from alerting.announcing import announce_text
from alerting.matching import Match
from alerting.message import HEADLINES, Alert, compose
from alerting.roster import Placed, Subscriber, Subscription, Target
from deskwatch.records import Severity, SpikeKind

TARGET = Target(name="mail", email="desk@example.org")
STRAIT = Placed(
    subscription=Subscription(name="strait", subscriber="desk", themes=("taiwan",)), place="subscriptions/a.yaml:7"
)


def alert(because: tuple[Placed, ...] = (STRAIT,), **changes: Any) -> Alert:
    desk = Subscriber(name="desk", targets=(TARGET,), timezone="Asia/Shanghai")
    return compose(make_spike(**changes), Match(subscriber=desk, target=TARGET, because=because), title="Taiwan")


def test_an_alert_says_how_big_against_normal_since_when_from_how_many_and_why_me() -> None:
    said = alert()

    assert said.subject == "[HIGH] Taiwan: 14 reports in 1 h (normal 3.1) — Patrol boats gather off the northern cape"
    assert (said.observed, said.usual, said.comparison, said.ratio) == (
        "14 reports in 1 h",
        "normal 3.1",
        "Normal is 3.1, most often 1–6.",
        "4.5",
    )
    assert said.evidence == ("12 independent outlets", "11 separate stories", "23 articles")
    assert said.when == "13:00–14:00 UTC, 24 Nov (21:00–22:00 in Shanghai)"
    assert said.noticed == "14:02 UTC"
    assert said.cautions == ()
    assert said.why == (
        "You get this because desk subscribes to “strait” from severity medium on, subscriptions/a.yaml:7."
    )


@pytest.mark.parametrize(
    ("changes", "caution"),
    [
        ({"owners": 12, "stories": 2}, "12 outlets, but 2 origins: most of them repeat the same reports."),
        ({"owners": 3, "stories": 1}, "3 outlets, but 1 origin: most of them repeat the same reports."),
        (
            {"owners": 12, "stories": 9, "origins": 2},
            "12 outlets, but 2 origins: most of them repeat the same reports.",
        ),
        ({"owners": 1, "stories": 5}, "All of it comes from one outlet: nobody else reports it yet."),
        ({"feeds_late": ("wire-zh", "daily")}, "2 of 41 feeds did not answer: wire-zh and daily."),
        ({"feeds_late": ("wire",), "feeds_total": 0}, "1 of 1 feed did not answer: wire."),
        ({"learnt_days": 3.2}, "“Normal” rests on 3 days of history so far."),
        ({"learnt_days": 0.2}, "“Normal” rests on less than a day of history so far."),
    ],
)
def test_what_weakens_an_alert_is_said(changes: dict[str, Any], caution: str) -> None:
    assert alert(**changes).cautions == (caution,)


def test_a_multiple_of_next_to_nothing_is_not_given() -> None:
    assert alert(expected=0.1, expected_low=0.0, expected_high=1.0).ratio == ""


def test_headlines_are_few_and_different_and_keep_their_order() -> None:
    titles = ["One", "two", "ONE", "three", "four", "five", "six"]
    said = alert(headlines=tuple(make_headline(title=title, copies=n) for n, title in enumerate(titles)))

    assert [item.title for item in said.items] == ["One", "two", "three", "four", "five"]
    assert len(said.items) == HEADLINES
    assert [item.copies for item in said.items] == ["", "1 copy", "3 copies", "4 copies", "5 copies"]


def test_without_headlines_the_alert_still_stands() -> None:
    said = alert(headlines=())

    assert said.items == ()
    assert said.subject == "[HIGH] Taiwan: 14 reports in 1 h (normal 3.1)"


def test_further_reasons_are_counted() -> None:
    assert "(and 1 further subscription)" in alert(because=(STRAIT, STRAIT)).why


def test_the_block_for_the_terminal_is_short_and_complete() -> None:
    block = announce_text(alert(severity=Severity.CRITICAL, learnt_days=3.0))

    assert len(block.splitlines()) <= 12
    for part in ("CRITICAL · Taiwan", "14 reports in 1 h", "4.5× normal", "12 independent outlets", "Patrol boats"):
        assert part in block


def test_story_that_many_took_over_is_told_as_that() -> None:
    told = alert(
        kind=SpikeKind.PICKUP, observed=15, expected=9.2, owners=15, stories=1, articles=16, severity=Severity.LOW
    )
    assert told.headline.startswith("Taiwan: one story in 15 outlets within 1 h (widest lately 9.2)")
    assert told.comparison == "The widest story of the last weeks was in 9 outlets."
    assert not any("origin" in caution for caution in told.cautions)
    first = alert(kind=SpikeKind.PICKUP, observed=15, expected=0.0, owners=15, stories=1)
    assert first.usual == "none so wide lately"


def test_silence_is_told_as_that() -> None:
    told = alert(
        kind=SpikeKind.QUIET, observed=0, expected=36.4, expected_low=18, expected_high=57, owners=0, window_s=9 * 3600
    )
    assert told.headline == "Taiwan: no report for 9 h (usual 36)"
    assert told.comparison == "Usual would have been 36, most often 18–57."
    assert told.ratio == ""
    assert "usual sources answer" in told.evidence[0]


def test_feeds_that_are_missing_or_new_are_named() -> None:
    cautions = " ".join(alert(data_gap=True, feeds_new=2).cautions)
    assert "Too few feeds answer" in cautions
    assert "2 feeds joined lately" in cautions
