"""Mail and Slack: the same alert in two formats, with whatever a feed may have put into it."""

from __future__ import annotations

import json
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any, cast

import pytest
from fakes.hostile import HEADLINES, URLS
from fakes.slack import refusal
from fakes.spikes import ONSET, make_headline, make_spike
from hypothesis import given
from hypothesis import strategies as st

from alerting.intake import freeze
from alerting.matching import Match
from alerting.roster import Placed, Subscriber, Subscription, Target
from alerting.settings import AlertingSettings
from alerting.slack import escape
from deskwatch.records import Spike

MAIL = Target(name="mail", email="desk@example.org")
SLACK = Target(name="slack", slack="#desk")
SETTINGS = AlertingSettings(sender="Night Desk <alerts@desk.example>", contact="editor@desk.example")
SUBSCRIPTION = Subscription(name="strait", subscriber="desk", themes=("taiwan",))


def render(spike: Spike, target: Target, **options: Any) -> bytes:
    because = (Placed(subscription=SUBSCRIPTION, place="subscriptions/a.yaml:7"),)
    found = Match(subscriber=Subscriber(name="desk", targets=(target,)), target=target, because=because)
    return freeze(spike, found, settings=SETTINGS, created_at=ONSET, **options).body


def parse(raw: bytes) -> EmailMessage:
    return cast(EmailMessage, message_from_bytes(raw, policy=default))


def parts(mail: EmailMessage) -> tuple[str, str]:
    text, html = mail.iter_parts()
    return cast(EmailMessage, text).get_content(), cast(EmailMessage, html).get_content()


class Page(HTMLParser):
    """What a browser would see: elements, links and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_mail_has_the_headers_that_make_it_known_again() -> None:
    mail = parse(render(make_spike(), MAIL))

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


def test_rendering_again_gives_the_same_bytes_and_another_target_other_identities() -> None:
    assert render(make_spike(), MAIL) == render(make_spike(), MAIL)
    assert render(make_spike(), SLACK) == render(make_spike(), SLACK)
    other = Target(name="other", email="desk@example.org")
    assert parse(render(make_spike(), MAIL))["Message-ID"] != parse(render(make_spike(), other))["Message-ID"]
    first, second = (json.loads(render(make_spike(spike_id=name), SLACK)) for name in ("a", "b"))
    assert first["client_msg_id"] != second["client_msg_id"]


def test_both_parts_of_a_mail_say_the_same() -> None:
    text, html = parts(parse(render(make_spike(feeds_late=("wire-zh",)), MAIL)))
    page = Page(html)

    for part in (
        "14 reports in 1 h",
        "4.5 times the normal",
        "12 independent outlets",
        "wire-zh",
        "strait",
        "14:02 UTC",
    ):
        assert part in text
        assert part in page.text
    assert page.links == ["https://news.example.org/1"]
    assert "https://news.example.org/1" in text


def test_the_html_uses_what_mail_programs_know() -> None:
    raw = render(make_spike(headlines=tuple(make_headline(title=f"No {n}") for n in range(5))), MAIL)
    _, html = parts(parse(raw))

    assert len(raw) < 100_000  # Gmail cuts longer ones
    assert not re.search(r"flex|grid|position:|background-image|<svg|<script|<link|@import", html)
    assert "<style" not in html
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_a_test_is_marked_everywhere() -> None:
    mail, slack = (render(make_spike(), target, test=True) for target in (MAIL, SLACK))

    assert parse(mail)["Subject"].startswith("[TEST HIGH]")
    assert all("TEST" in part for part in parts(parse(mail)))
    payload = json.loads(slack)
    assert "TEST" in payload["text"]
    assert "TEST" in payload["blocks"][0]["text"]["text"]


def assert_harmless(spike: Spike) -> None:
    raw = render(spike, MAIL)
    mail = parse(raw)
    assert mail["Bcc"] is None
    assert mail.defects == []
    assert len(str(mail["Subject"])) <= 110
    text, html = parts(mail)
    page = Page(html)
    assert page.tags <= {
        *("html", "head", "meta", "title", "body", "div", "table", "tbody", "tr", "td", "strong", "br", "a", "bdi")
    }
    assert not {name for name in page.attributes if name.startswith("on")}
    assert all(link.startswith(("http://", "https://")) for link in page.links)
    assert not any(char in text + page.text for char in "\x00\u202e\u2028")

    payload = json.loads(render(spike, SLACK))
    assert refusal(payload) == ""
    assert "<" not in payload["text"]
    assert not re.search(r"&(?!amp;|lt;|gt;)", payload["text"])
    for block in payload["blocks"]:
        if block["type"] == "section":  # the one place that Slack reads as markup
            assert "EVIL" not in block["text"]["text"]
    assert payload["unfurl_links"] is payload["unfurl_media"] is False


@pytest.mark.parametrize("name", HEADLINES)
def test_a_hostile_headline_cannot_inject_anything_nor_keep_the_alert_from_going_out(name: str) -> None:
    title = HEADLINES[name]
    assert_harmless(make_spike(headlines=(make_headline(title=title, source=title + " EVIL"),), feeds_late=(title,)))


@pytest.mark.parametrize("name", URLS)
def test_a_hostile_address_is_quoted_or_left_out(name: str) -> None:
    assert_harmless(make_spike(headlines=(make_headline(url=URLS[name]),)))


@given(st.text(), st.text(), st.text())
def test_any_text_of_a_feed_is_harmless(title: str, source: str, url: str) -> None:
    assert_harmless(make_spike(headlines=(make_headline(title=title, source=source, url=f"https://a.example/{url}"),)))


def test_the_longest_alert_keeps_within_slacks_limits() -> None:
    headlines = tuple(
        make_headline(title=f"{n} " + "<&>" * 4000, source="<&>" * 400, url="https://a.example/" + "y" * 1900)
        for n in range(50)
    )
    late = tuple("f" * 500 + str(n) for n in range(500))
    payload = json.loads(render(make_spike(headlines=headlines, feeds_late=late, owners=50, stories=1), SLACK))

    assert refusal(payload) == ""
    assert len(payload["blocks"]) <= 10


def test_untrusted_text_reaches_slack_as_it_was_written() -> None:
    payload = json.loads(render(make_spike(headlines=(make_headline(title="AT&T <b> *x* <!channel>"),)), SLACK))

    elements = payload["blocks"][3]["elements"][0]["elements"][0]["elements"]
    assert elements[0] == {"type": "link", "url": "https://news.example.org/1", "text": "AT&T <b> *x* <!channel>"}
    assert payload["text"].endswith("AT&amp;T &lt;b&gt; *x* &lt;!channel&gt;")
    assert escape("<!here>") == "&lt;!here&gt;"
