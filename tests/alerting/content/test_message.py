from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from fakes.messages import HOUR, LANGUAGES, STRAIT, ended, every_alert, grown, make_match, opened, withdrawn
from fakes.spikes import ONSET, make_headline

from alerting.content.message import HEADLINES, Alert, Occasion, compose
from alerting.rendering.announcing import announce_text
from deskwatch.records import Severity, Spike, SpikeKind, SpikeState, Turn

MINUTE = timedelta(minutes=1)


def alert(**changes: Any) -> Alert:
    return compose(opened(**changes), make_match(), title="Taiwan")


def follow(spike: Spike, told: Spike | None, occasion: Occasion = Occasion.UPDATE) -> Alert:
    return compose(spike, make_match(), title="Taiwan", occasion=occasion, told=told)


def test_an_alert_says_how_big_against_normal_since_when_from_how_many_and_why_me() -> None:
    said = alert(config_hash="3f9ac2d1e0b7aa")

    assert said.subject == "[HIGH] Taiwan: 14 reports in 1 h (normal 3.1) — Patrol boats gather off the northern cape"
    assert (said.figures.observed, said.figures.usual, said.figures.comparison, said.figures.ratio) == (
        "14 reports in 1 h",
        "normal 3.1",
        "Normal is 3.1, most often 1–6.",
        "4.5 times the normal",
    )
    assert said.figures.evidence == ("12 independent outlets", "11 separate stories", "23 articles")
    assert said.when == "21:00–22:00 in Shanghai, 24 Nov (13:00–14:00 UTC)"
    assert said.noticed == "noticed 22:02 (14:02 UTC)"
    assert (said.cautions, said.changed, said.terms, said.also) == ((), "", "", "")
    assert said.why == (
        "You get this because desk subscribes to “strait” from severity medium on, subscriptions/a.yaml:7."
    )
    assert said.about == "episode spike-1, revision 0, configuration 3f9ac2d1e0b7"


def test_an_episode_that_opens_late_in_its_life_says_since_when_and_as_of_when() -> None:
    said = compose(grown(), make_match(), title="Taiwan")

    assert said.when == "22:00–23:00 in Shanghai, 24 Nov (14:00–15:00 UTC)"
    assert said.noticed == "since 21:00 (13:00 UTC), noticed 22:02 (14:02 UTC), as of 23:00 (15:00 UTC)"


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
        ({"health": 0.62}, "Only 62% of this theme’s usual sources answer."),
        ({"data_gap": True}, "Too few feeds answer at the moment to know how it goes on."),
        ({"feeds_new": 2}, "2 feeds joined lately: shown, but not counted yet."),
        ({"learnt_days": 3.2}, "“Normal” rests on 3 days of history so far."),
        ({"learnt_days": 0.2}, "“Normal” rests on less than a day of history so far."),
        ({"learnt_from": "backtest of 2025.jsonl"}, "“Normal” was learnt from: backtest of 2025.jsonl."),
    ],
)
def test_what_weakens_an_alert_is_said(changes: dict[str, Any], caution: str) -> None:
    assert alert(**changes).cautions == (caution,)


def test_a_multiple_of_next_to_nothing_is_not_given() -> None:
    assert alert(expected=0.1, expected_low=0.0, expected_high=1.0).figures.ratio == ""


def test_headlines_are_few_and_different_and_keep_their_order() -> None:
    titles = ["One", "two", "ONE", "three", "four", "five", "six"]
    said = alert(headlines=tuple(make_headline(title=title, copies=n) for n, title in enumerate(titles)))

    assert [item.title for item in said.items] == ["One", "two", "three", "four", "five"]
    assert len(said.items) == HEADLINES[Occasion.OPENING]
    assert [item.copies for item in said.items] == ["", "1 copy", "3 copies", "4 copies", "5 copies"]


def test_without_headlines_the_alert_still_stands() -> None:
    said = alert(headlines=())

    assert said.items == ()
    assert said.subject == "[HIGH] Taiwan: 14 reports in 1 h (normal 3.1)"


def test_the_terms_that_were_found_are_named_once_each() -> None:
    headlines = (make_headline(terms=("strait", "Navy")), make_headline(title="two", terms=("navy", "drill", "\u200b")))

    assert alert(headlines=headlines).terms == "Terms found: strait, Navy, drill"


def test_further_reasons_are_counted_and_further_themes_named() -> None:
    said = compose(opened(), make_match(because=(STRAIT, STRAIT)), also=("Tariffs", "Sanctions"))

    assert "(and 1 further subscription)" in said.why
    assert said.also == "The same event stands out under: Tariffs and Sanctions"


@pytest.mark.parametrize(
    ("spike", "now", "since", "why", "caution"),
    [
        (opened(), ONSET + 67 * MINUTE, None, "", ""),
        (opened(), ONSET + 68 * MINUTE, None, "", "Sent 6 min late."),
        (opened(), ONSET + 11 * HOUR, None, "quiet_hours", "Sent 9 h 58 min late: it was held in your quiet hours."),
        (opened(), ONSET + 2 * HOUR, ONSET + HOUR, "rate_cap", "Sent 1 h late: your limit of messages was reached."),
        (opened(), ONSET + 3 * HOUR, None, "outage", "Sent 1 h 58 min late: delivery was interrupted."),
        (opened(), ONSET + 3 * HOUR, None, "something else", "Sent 1 h 58 min late."),
        (grown(), ONSET + 123 * MINUTE, None, "", ""),  # it has just grown to what this reader asks for
        (grown(), ONSET + 3 * HOUR, None, "", "Sent 1 h late."),
    ],
)
def test_an_alert_that_comes_late_says_how_late_and_why(
    spike: Spike, now: datetime, since: datetime | None, why: str, caution: str
) -> None:
    said = compose(spike, make_match(), now=now, held_since=since, held_for=why)

    assert [text for text in said.cautions if text.startswith("Sent")] == ([caution] if caution else [])


@pytest.mark.parametrize(
    ("spike", "changed"),
    [
        (
            grown(),
            "severity rose from high to critical; was 14 reports, now 47; "
            "new leading story: Jets scrambled as drills widen",
        ),
        (grown(severity=Severity.LOW, headlines=()), "severity fell from high to low; was 14 reports, now 47"),
        (
            grown(severity=Severity.HIGH, window_s=21_600, headlines=(make_headline(article_id="other"),)),
            "was 14 reports in 1 h, now 47 reports in 6 h",
        ),
        (opened(revised_at=ONSET + 2 * HOUR), "nothing of weight has changed"),
        (opened(revised_at=ONSET + 2 * HOUR, turn=Turn.SURER), "it now stands out more clearly"),
        (opened(revised_at=ONSET + 2 * HOUR, turn=Turn.PEAKED, observed=9), "was 14 reports, now 9; past its peak"),
        (opened(revised_at=ONSET + 2 * HOUR, turn=Turn.GAP_OVER), "enough feeds answer again"),
    ],
)
def test_a_follow_up_says_what_has_changed(spike: Spike, changed: str) -> None:
    assert follow(spike, opened()).changed == f"Updated 23:00 (15:00 UTC): {changed}."
    assert follow(spike, opened(), Occasion.OPENING).changed == f"Updated 23:00 (15:00 UTC): {changed}."


def test_an_update_is_marked_and_says_the_change_also_where_nothing_was_told_before() -> None:
    said = follow(grown(turn=Turn.PEAKED), None)

    assert said.subject.startswith("[UPDATE CRITICAL] Taiwan: 47 reports in 1 h (normal 3.1) — Jets scrambled")
    assert said.changed == "Updated 23:00 (15:00 UTC): past its peak."
    assert said.noticed == "since 21:00 (13:00 UTC)"


def test_an_end_says_how_long_it_lasted_when_it_peaked_and_what_was_told_last() -> None:
    said = follow(ended(), grown(), Occasion.RESOLUTION)

    assert said.subject == "[OVER] Taiwan: back to normal (after 5 h)"
    assert said.figures.comparison == "Now 2 reports in 1 h; normal is 3.1, most often 1–6."
    assert said.figures.evidence == (
        "peak about 23:00 (15:00 UTC)",
        "last told: 47 reports in 1 h, 27 independent outlets, severity critical",
    )
    assert said.when == "21:00–02:00 in Shanghai, 24 Nov (13:00–18:00 UTC)"
    assert [item.title for item in said.items] == [headline.title for headline in grown().headlines]
    assert follow(ended(peak_at=None), None, Occasion.RESOLUTION).figures.evidence == ()


def test_a_new_normal_is_no_end() -> None:
    said = follow(ended(turn=Turn.NEW_NORMAL, observed=40), grown(), Occasion.RESOLUTION)

    assert said.headline == "Taiwan: this is the level now (after 5 h)"
    assert said.figures.comparison == ("It has lasted so long that it counts as normal from now on: 40 reports in 1 h.")


def test_a_withdrawal_says_plainly_that_what_was_sent_does_not_hold_and_why() -> None:
    said = follow(withdrawn(), opened(), Occasion.CORRECTION)

    assert said.subject == "[CORRECTION] Taiwan: what we sent does not hold (please disregard)"
    assert "were corrected or taken back" in said.figures.comparison
    assert said.figures.evidence == (
        "told 22:02 (14:02 UTC): 14 reports in 1 h",
        "of that remain: 3 reports in 1 h",
    )
    assert follow(withdrawn(), None, Occasion.CORRECTION).figures.evidence == ("of that remain: 3 reports in 1 h",)


def test_a_chart_is_told_to_who_does_not_see_it() -> None:
    assert alert().chart == "Chart of reports per hour up to 22:00 (14:00 UTC): 14 reports in 1 h, normal 3.1."


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_block_for_the_terminal_is_short_and_complete(language: str) -> None:
    for said in every_alert(language):
        block = announce_text(said)

        assert len(block.splitlines()) <= 14
        for part in (*said.marks, said.title, said.figures.observed, *said.figures.evidence, *said.cautions, said.when):
            assert part in block


def test_story_that_many_took_over_is_told_as_that() -> None:
    told = alert(
        kind=SpikeKind.PICKUP, observed=15, expected=9.2, owners=15, stories=1, articles=16, severity=Severity.LOW
    )
    assert told.headline == "Taiwan: one story in 15 outlets within 1 h (widest lately 9.2)"
    assert told.figures.comparison == "The widest story of the last weeks was in 9 outlets."
    assert not any("origin" in caution for caution in told.cautions)
    first = alert(kind=SpikeKind.PICKUP, observed=15, expected=0.0, owners=15, stories=1)
    assert first.figures.usual == "none so wide lately"


def test_silence_is_told_as_that_and_so_is_its_end() -> None:
    quiet: dict[str, Any] = {
        "kind": SpikeKind.QUIET,
        "observed": 0,
        "expected": 36.4,
        "expected_low": 18,
        "expected_high": 57,
        "owners": 0,
        "window_s": 9 * 3600,
    }
    told = alert(**quiet)
    assert told.headline == "Taiwan: no report for 9 h (usual 36)"
    assert told.figures.comparison == "Usual would have been 36, most often 18–57."
    assert told.figures.ratio == ""
    assert told.figures.evidence == ("100% of its usual sources answer", "41 feeds in all")
    heard = follow(ended(**quiet | {"state": SpikeState.RESOLVED}), opened(**quiet), Occasion.RESOLUTION)
    assert heard.subject == "[OVER] Taiwan: reports again (none for 9 h)"
