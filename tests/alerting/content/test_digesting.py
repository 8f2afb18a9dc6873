"""What a subscriber was not told, and the daily word that nothing was to be told."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.messages import HOUR, LANGUAGES, Page, ended, every_digest, make_match, opened, see, slack_texts, withdrawn
from fakes.slack import refusal
from fakes.spikes import ONSET, make_headline
from hypothesis import given
from hypothesis import strategies as st

from alerting.content.digesting import ENTRIES, Coverage, Digest, ThemeCoverage, compose_all_quiet, compose_digest
from alerting.content.languages.words import MISSED
from alerting.content.message import Missed
from deskwatch.records import Severity

SINCE, UNTIL = ONSET - 9 * HOUR, ONSET + 9 * HOUR


def missed(title: str = "Taiwan", reason: str = "quiet_hours", *, is_over: bool = False, **changes: Any) -> Missed:
    spike = ended(**changes) if is_over else opened(**changes)
    return Missed(spike=spike, reason=reason, title=title, is_over=is_over)


def digest(*found: Missed, language: str = "en") -> Digest:
    return compose_digest(found, make_match(language).subscriber, since=SINCE, until=UNTIL)


def quiet(**changes: Any) -> Digest:
    values: dict[str, Any] = {
        "themes": (ThemeCoverage(title="Taiwan", reports=31, expected=28.4),),
        "feeds_answering": 40,
        "feeds_total": 41,
        "articles": 12_345,
    }
    desk = make_match().subscriber
    return compose_all_quiet(Coverage(**values | changes), desk, since=ONSET - 24 * HOUR, until=ONSET)


def test_a_digest_says_what_was_missed_how_big_it_was_and_why() -> None:
    said = digest(missed())

    assert said.subject == "[DIGEST] 1 episode of which you got no alert: Taiwan"
    assert said.lead == "1 still open, none over"
    assert said.when == "12:00–06:00 in Shanghai, 24 Nov (04:00–22:00 UTC)"
    (entry,) = said.entries
    assert (entry.mark, entry.line) == ("HIGH", "Taiwan: 14 reports in 1 h (normal 3.1)")
    assert entry.about == "open since 21:00, 24 Nov (13:00 UTC) · held in your quiet hours"
    assert entry.item is not None
    assert (entry.item.title, entry.item.url) == (make_headline().title, make_headline().url)


def test_what_is_over_or_withdrawn_is_told_as_that() -> None:
    gone = Missed(spike=withdrawn(), reason="below", title="Tariffs", is_over=True)
    over, taken_back = digest(missed(is_over=True, reason="too_late"), gone).entries

    assert over.line == "Taiwan: back to normal (after 5 h)"
    assert over.about == "over, began 21:00, 24 Nov (13:00 UTC) · too old when it could be sent"
    assert taken_back.about == "withdrawn: articles were corrected · below what you asked to be alerted of"


def test_open_episodes_come_first_and_the_gravest_first_among_them() -> None:
    found = [
        missed("over critical", is_over=True, severity=Severity.CRITICAL),
        missed("open low", severity=Severity.LOW),
        missed("open critical", severity=Severity.CRITICAL),
        missed("over low", is_over=True, severity=Severity.LOW),
    ]
    lines = [entry.line.partition(":")[0] for entry in digest(*found).entries]

    assert lines == ["open critical", "open low", "over critical", "over low"]


def test_a_long_digest_names_the_rest_by_number_and_severity() -> None:
    found = [missed(f"theme {number}", severity=list(Severity)[number % 2]) for number in range(40)]
    said = digest(*found)

    assert len(said.entries) == ENTRIES
    assert said.rest == "And 33 more: 13 medium, 20 low."
    text, _, _ = see(said).text.partition("\n--\n")
    assert len(text.strip().splitlines()) <= 27


@given(
    st.lists(st.tuples(st.sampled_from(list(Severity)), st.sampled_from([*MISSED, "else"]), st.booleans()), max_size=30)
)
def test_every_missed_episode_is_named_or_counted(found: list[tuple[Severity, str, bool]]) -> None:
    said = digest(*(missed(severity=one, reason=reason, is_over=over) for one, reason, over in found))
    counted = sum(int(word) for word in said.rest.rstrip(".").partition(":")[2].split() if word.isdigit())

    assert len(said.entries) + counted == len(found)


def test_all_quiet_says_that_everything_was_watched_and_nothing_stood_out() -> None:
    said = quiet()

    assert said.subject == "[ALL QUIET] Nothing stood out"
    assert said.is_good
    assert said.lead == "Everything runs: it is quiet because the news is, not because nobody looks."
    assert said.facts == "40 of 41 feeds answering · 12,345 articles read · 1 theme watched"
    assert [entry.line for entry in said.entries] == ["Taiwan: 31 reports (normal 28)"]
    assert "all_quiet: false ends it for desk" in said.why


@pytest.mark.parametrize(
    "changes", [{"feeds_answering": 20}, {"feeds_answering": 0, "feeds_total": 0}, {"articles": 0}]
)
def test_what_was_hardly_watched_is_not_called_quiet(changes: dict[str, Any]) -> None:
    said = quiet(**changes)

    assert not said.is_good
    assert said.subject == "[DIGEST] Quiet, but we see only part of the news"
    assert "Too little of the news" in said.lead


def test_alerts_that_were_sent_are_counted_instead() -> None:
    assert quiet(alerts_sent=2).subject == "[DIGEST] 2 alerts were sent to you; nothing else stood out"


def test_themes_are_told_by_how_much_they_have_and_where_they_are_not_seen() -> None:
    themes = [ThemeCoverage(title=f"T{number:02}", reports=number, expected=10.0) for number in range(20)]
    said = quiet(themes=(*themes, ThemeCoverage(title="Blind", reports=99, expected=1.0, health=0.2)))

    assert (said.entries[0].line, said.entries[0].about) == (
        "Blind: 99 reports (normal 1)",
        "only 20% of its sources answer",
    )
    assert said.entries[1].line == "T19: 19 reports (normal 10)"
    assert said.rest == "And 6 more themes."


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_surface_tells_the_same(language: str) -> None:
    for said in every_digest(language):
        seen = see(said)
        page, slack = Page(seen.html).text, slack_texts(seen.slack)

        assert refusal(seen.slack) == ""
        assert seen.mail["Subject"] == said.subject
        assert seen.mail["References"] is None
        for part in (
            said.headline,
            said.lead,
            said.when,
            said.facts,
            said.rest,
            *(entry.line for entry in said.entries),
        ):
            assert part in seen.text
            assert part in page
            assert part in slack
            assert part in seen.terminal
        for part in (said.why, *(entry.about for entry in said.entries)):
            assert part in seen.text
            assert part in page
            assert part in slack


def test_rendering_again_gives_the_same_bytes() -> None:
    assert see(quiet()).raw == see(quiet()).raw


def test_a_digest_of_the_longest_things_goes_to_slack_all_the_same() -> None:
    long = make_headline(title="<&>" * 100, source="<&>" * 20, url="https://news.example.org/" + "y" * 1900)
    seen = see(digest(*(missed("t" * 60, headlines=(long,)) for _ in range(30))))

    assert refusal(seen.slack) == ""
    assert len(slack_texts(seen.slack)) <= 6000
