"""Mail, Slack and terminal: the same alert in several formats, with whatever a feed may have put into it."""

from __future__ import annotations

import json
import re
from email.message import EmailMessage
from typing import Any, cast

import msgspec
import pytest
from fakes.hostile import HEADLINES, URLS
from fakes.messages import LANGUAGES, SETTINGS, Page, Seen, every_alert, make_match, opened, see, slack_texts
from fakes.slack import refusal
from fakes.spikes import ONSET, make_headline
from hypothesis import given
from hypothesis import strategies as st

from alerting.content.message import Alert, Occasion, compose
from alerting.rendering.mail import COLOURS, render_mail
from alerting.rendering.slack import escape, render_slack
from deskwatch.records import Severity, Spike, SpikeKind, SpikeState, Turn

PNG = b"\x89PNG not much of a picture" * 50


def alert(**changes: Any) -> Alert:
    return compose(opened(**changes), make_match(), title="Taiwan")


def test_a_mail_has_the_headers_that_make_it_known_again() -> None:
    mail = see(alert()).mail

    assert mail["From"] == "Night Desk <alerts@desk.example>"
    assert mail["To"] == "desk@example.org"
    assert re.fullmatch(r"<[0-9a-f]{24}@desk\.example>", mail["Message-ID"])
    assert mail["Date"].datetime == ONSET
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert mail["List-Id"] == "<taiwan.desk.example>"
    assert mail["List-Unsubscribe"] == "<mailto:editor@desk.example?subject=unsubscribe%20taiwan>"
    assert mail["In-Reply-To"] == mail["References"]
    assert mail.get_content_type() == "multipart/alternative"


def test_all_mails_of_an_episode_belong_to_one_thread() -> None:
    threads = {see(one).mail["References"] for language in LANGUAGES for one in every_alert(language)}

    assert len(threads) == 1
    assert see(alert(spike_id="another")).mail["References"] not in threads


def test_rendering_again_gives_the_same_bytes_and_another_delivery_other_identities() -> None:
    def raw(key: str) -> bytes:
        return render_mail(
            alert(), delivery_key=key, address="desk@example.org", created_at=ONSET, settings=SETTINGS, chart=PNG
        )

    def post(key: str) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads(render_slack(alert(), delivery_key=key, address="#desk")))

    assert raw("a") == raw("a")
    assert post("a") == post("a")
    first, second = (re.search(rb"Message-ID: (.*)", raw(key)) for key in ("a", "b"))
    assert first is not None
    assert second is not None
    assert first[1] != second[1]
    assert post("a")["client_msg_id"] != post("b")["client_msg_id"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_surface_says_all_there_is_to_say(language: str) -> None:
    changes = {"feeds_late": ("wire-zh",), "learnt_days": 3.0, "config_hash": "3f9ac2d1e0b7aa"}
    headlines = (make_headline(copies=3, terms=("strait",)),)
    for said in every_alert(language, headlines=headlines, **changes):
        seen = see(said)
        html, slack = Page(seen.html).text, slack_texts(seen.slack)
        for part in _parts(said):
            assert part in seen.text
            assert part in html
            assert part in slack
        assert all(mark in seen.mail["Subject"] for mark in said.marks)
        assert set(Page(seen.html).links) == {item.url for item in said.items}
        assert all(item.url and item.url in seen.text for item in said.items)
        assert refusal(seen.slack) == ""


def _parts(said: Alert) -> list[str]:
    figures = said.figures
    words = [*said.marks, said.title, figures.observed, figures.comparison, figures.ratio, *figures.evidence]
    items = [text for item in said.items for text in (item.title, item.source, item.seen, item.copies)]
    return [
        *words,
        said.changed,
        said.when,
        said.noticed,
        *said.cautions,
        *items,
        said.terms,
        said.also,
        said.why,
        said.about,
    ]


def test_the_colour_of_a_mail_is_that_of_what_it_tells() -> None:
    opening, edited, update, resolution, correction = (see(said).html for said in every_alert("en"))

    assert COLOURS[Severity.HIGH] in opening
    assert COLOURS[Severity.CRITICAL] in edited
    assert COLOURS[Severity.CRITICAL] in update
    assert not any(colour in resolution + correction for colour in COLOURS.values())


def test_a_chart_lies_in_the_mail_and_is_told_to_who_does_not_see_it() -> None:
    said = alert()
    seen = see(said, chart=PNG)
    _, related = seen.mail.iter_parts()
    html, picture = cast(EmailMessage, related).iter_parts()

    assert seen.mail.get_content_type() == "multipart/alternative"
    assert related.get_content_type() == "multipart/related"
    assert html.get_content_type() == "text/html"
    assert cast(EmailMessage, picture).get_content() == PNG
    assert picture["Content-Disposition"] == 'inline; filename="chart.png"'
    assert Page(seen.html).links[-1] == f"cid:{picture['Content-ID'].strip('<>')}"
    assert f'alt="{said.chart}"' in seen.html
    assert 'width="600" height="180"' in seen.html
    assert "cid:" not in see(said).html


def test_the_html_uses_what_mail_programs_know() -> None:
    seen = see(alert(headlines=tuple(make_headline(title=f"No {n}") for n in range(5))), chart=b"x" * 40_000)

    assert len(seen.raw) < 100_000  # Gmail cuts longer ones
    assert not re.search(r"flex|grid|position:|background-image|<svg|<script|<link|@import", seen.html)
    assert "<style" not in seen.html
    assert max(len(line) for line in seen.raw.split(b"\r\n")) <= 998


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_names_its_language_and_those_of_its_headlines(language: str) -> None:
    headlines = (make_headline(title="外交部", language="zh"), make_headline(language='x" onload="y'))
    html = see(compose(opened(headlines=headlines), make_match(language))).html

    assert f'<html lang="{"zh-Hans" if language == "zh" else language}">' in html
    assert re.search(r'class="item"[^>]* lang="zh"', html)
    assert "onload" not in html


def test_a_test_is_marked_everywhere() -> None:
    seen = see(compose(opened(), make_match(), test=True))

    assert seen.mail["Subject"].startswith("[TEST HIGH]")
    assert "This is a test: nothing has happened." in seen.text
    assert "This is a test: nothing has happened." in seen.html
    assert "TEST" in seen.slack["text"]
    assert "TEST" in seen.slack["blocks"][0]["text"]["text"]
    assert "TEST" in seen.terminal


def assert_harmless(seen: Seen) -> None:
    assert seen.mail["Bcc"] is None
    assert seen.mail.defects == []
    assert len(str(seen.mail["Subject"])) <= 110
    page = Page(seen.html)
    assert page.tags <= {
        *("html", "head", "meta", "title", "body", "div", "table", "tbody", "tr", "td", "strong", "br", "a", "bdi")
    }
    assert not {name for name in page.attributes if name.startswith("on")}
    assert all(link.startswith(("http://", "https://")) for link in page.links)
    assert not any(char in seen.text + page.text for char in "\x00\u202e\u2028")

    payload = seen.slack
    assert refusal(payload) == ""
    assert "<" not in payload["text"]
    assert not re.search(r"&(?!amp;|lt;|gt;)", payload["text"])
    assert "mrkdwn" not in json.dumps(payload["blocks"])
    assert payload["unfurl_links"] is payload["unfurl_media"] is payload["mrkdwn"] is False


@pytest.mark.parametrize("name", HEADLINES)
def test_a_hostile_headline_cannot_inject_anything_nor_keep_the_alert_from_going_out(name: str) -> None:
    title = HEADLINES[name]
    assert_harmless(see(alert(headlines=(make_headline(title=title, source=title + " EVIL"),), feeds_late=(title,))))


@pytest.mark.parametrize("name", URLS)
def test_a_hostile_address_is_quoted_or_left_out(name: str) -> None:
    assert_harmless(see(alert(headlines=(make_headline(url=URLS[name]),))))


@given(st.text(), st.text(), st.text())
def test_any_text_of_a_feed_is_harmless(title: str, source: str, url: str) -> None:
    headline = make_headline(title=title, source=source, url=f"https://a.example/{url}", terms=(title,))
    assert_harmless(see(alert(headlines=(headline,))))


SPIKES = st.builds(
    opened,
    kind=st.sampled_from(list(SpikeKind)),
    state=st.sampled_from(list(SpikeState)),
    turn=st.sampled_from(list(Turn)),
    severity=st.sampled_from(list(Severity)),
    observed=st.integers(0, 10**9),
    expected=st.floats(0, 1e9),
    expected_low=st.floats(0, 1e9),
    expected_high=st.floats(0, 1e9),
    window_s=st.integers(0, 10**7),
    owners=st.integers(0, 10**6),
    stories=st.integers(0, 10**6),
    articles=st.integers(0, 10**6),
    origins=st.integers(0, 10**6),
    feeds_total=st.integers(0, 10**6),
    feeds_late=st.lists(st.text(max_size=60), max_size=30).map(tuple),
    feeds_new=st.integers(0, 100),
    learnt_days=st.floats(0, 400),
    health=st.floats(0, 1),
    data_gap=st.booleans(),
    headlines=st.lists(
        st.builds(make_headline, title=st.text(max_size=200), copies=st.integers(0, 999)), max_size=7
    ).map(tuple),
)


@given(SPIKES, st.none() | SPIKES, st.sampled_from(list(Occasion)), st.sampled_from(LANGUAGES))
def test_whatever_an_episode_is_like_its_message_can_be_sent(
    spike: Spike, told: Spike | None, occasion: Occasion, language: str
) -> None:
    said = compose(spike, make_match(language), occasion=occasion, told=told)
    seen = see(said)

    assert refusal(seen.slack) == ""
    assert len(slack_texts(seen.slack)) <= 6000
    assert 0 < len(seen.mail["Subject"]) <= 110
    ours = said.headline + said.figures.comparison + said.when + said.noticed + said.why
    assert not re.search(r"[{}]|  |None", ours)  # everything was filled in


def test_the_longest_alert_keeps_within_slacks_limits_with_shorter_items() -> None:
    headlines = tuple(
        make_headline(title=f"{n} " + "<&>" * 4000, source="<&>" * 400, url="https://a.example/" + "y" * 1900)
        for n in range(50)
    )
    late = tuple("f" * 500 + str(n) for n in range(500))
    for said in every_alert("en", headlines=headlines, feeds_late=late, owners=50, stories=1):
        payload = see(said).slack
        assert refusal(payload) == ""
        assert len(payload["blocks"]) <= 10
        assert len(slack_texts(payload)) <= 6000
        assert slack_texts(payload).count("…") >= len(said.items)
        assert len(said.items) < 3 or "y" * 1900 not in json.dumps(payload)  # the addresses went first
        assert said.why in slack_texts(payload)


def test_untrusted_text_reaches_slack_as_it_was_written() -> None:
    payload = see(alert(headlines=(make_headline(title="AT&T <b> *x* <!channel>"),))).slack

    elements = payload["blocks"][3]["elements"][0]["elements"][0]["elements"]
    assert elements[0] == {"type": "link", "url": "https://news.example.org/1", "text": "AT&T <b> *x* <!channel>"}
    assert payload["text"].endswith("AT&amp;T &lt;b&gt; *x* &lt;!channel&gt;")
    assert escape("<!here>") == "&lt;!here&gt;"


def test_a_contact_is_named_only_where_there_is_one() -> None:
    alone = msgspec.structs.replace(SETTINGS, contact="")
    raw = render_mail(alert(), delivery_key="key", address="desk@example.org", created_at=ONSET, settings=alone)

    assert "write to editor@desk.example" in see(alert()).text
    assert b"write to" not in raw
    assert b"List-Unsubscribe" not in raw
