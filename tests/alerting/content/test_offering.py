"""What messages let their readers do: links in mails, buttons in Slack, in their language, and none where none work."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, cast

import pytest
from fakes.messages import LANGUAGES, Page, ended, grown, make_match, opened, see, slack_texts, withdrawn
from fakes.slack import refusal
from fakes.spikes import ONSET

from alerting.content.languages.speaking import speaker_for, words_for
from alerting.content.message import Alert, Occasion, compose
from alerting.content.offering import Offer, Offerer
from alerting.content.tokens import Signer
from alerting.rules.roster import Subscriber
from deskwatch.records import Action, Verb

SIGNER = Signer(b"a secret of the desk")
LINKS = Offerer(signer=SIGNER, public_url="https://desk.example/")
BUTTONS = Offerer(buttons=True)
BOTH = Offerer(signer=SIGNER, public_url="https://desk.example", buttons=True)
KEY = "spike-1|0|desk|slack"


def offer(offerer: Offerer = BOTH, key: str = KEY) -> Offer:
    return offerer.offer("desk", "mail", "taiwan", "spike-1", ONSET, key=key)


def alert(offered: Offer, language: str = "en", **changes: Any) -> Alert:
    return compose(opened(), make_match(language), title="Taiwan", offer=offered, **changes)


def buttons(said: Alert) -> list[dict[str, Any]]:
    blocks = [block for block in see(said).slack["blocks"] if block["type"] == "actions"]
    return cast(list[dict[str, Any]], blocks[0]["elements"]) if blocks else []


def test_links_lead_to_what_they_say_and_end_thirty_days_after_their_message() -> None:
    links = offer().links

    assert set(links) == {*Verb, None} - {Verb.USEFUL}
    for verb, link in links.items():
        order = SIGNER.read(link.removeprefix("https://desk.example/a/"), ONSET + timedelta(days=29))
        assert (order.verb, order.subscriber, order.target) == (verb, "desk", "mail")
        assert (order.theme, order.spike_id) == ("taiwan", "spike-1")
        assert order.expires_at == ONSET + timedelta(days=30)


def test_the_same_message_has_the_same_links() -> None:
    assert offer() == offer()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_has_its_links_in_text_and_page_and_one_for_mail_programs(language: str) -> None:
    said = alert(offer(), language)
    seen, words = see(said), words_for(language)
    page = Page(seen.html)

    links = [link for link in page.links if link.startswith("https://desk.example/a/")]
    assert links == list(offer().links.values())
    assert all(link in seen.text for link in links)
    assert all(word in page.text and word in seen.text for word in (words.acknowledge, words.unsubscribe))
    assert f"List-Unsubscribe: <{offer().links[Verb.UNSUBSCRIBE]}>,\r\n <mailto:".encode() in seen.raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in seen.raw


def test_without_a_signer_a_mail_has_no_links_and_keeps_its_address() -> None:
    seen = see(alert(offer(BUTTONS)))

    assert seen.mail["List-Unsubscribe"] == "<mailto:editor@desk.example?subject=unsubscribe%20taiwan>"
    assert seen.mail["List-Unsubscribe-Post"] is None
    assert "/a/" not in seen.text + seen.html


def test_one_click_is_for_https_alone() -> None:
    offered = Offerer(signer=SIGNER, public_url="http://127.0.0.1:8461").offer("d", "m", "taiwan", "s", ONSET)

    assert see(alert(offered)).mail["List-Unsubscribe-Post"] is None
    assert see(alert(offered)).mail["List-Unsubscribe"].startswith("<http://127.0.0.1:8461/a/")


@pytest.mark.parametrize("language", LANGUAGES)
def test_slack_has_buttons_in_the_readers_language_that_carry_the_key_alone(language: str) -> None:
    said = alert(offer(), language)
    drawn, words = buttons(said), words_for(language)

    assert [one["action_id"] for one in drawn] == [
        "deskwatch.acknowledge",
        "deskwatch.silence",
        "deskwatch.not_useful",
        "deskwatch.open",
    ]
    assert drawn[0]["text"]["text"] == words.acknowledge
    assert drawn[2]["text"]["text"] == words.not_useful
    assert {one["value"] for one in drawn} == {KEY}
    assert [one.get("url") for one in drawn] == [None, None, None, offer().links[None]]
    assert refusal(see(said).slack) == ""


def test_without_an_app_token_slack_has_no_buttons() -> None:
    assert buttons(alert(offer(LINKS))) == []


def test_without_links_slack_has_no_button_to_open() -> None:
    assert [one["action_id"] for one in buttons(alert(offer(BUTTONS)))] == [
        "deskwatch.acknowledge",
        "deskwatch.silence",
        "deskwatch.not_useful",
    ]


@pytest.mark.parametrize(("spike", "occasion"), [(ended(), Occasion.RESOLUTION), (withdrawn(), Occasion.CORRECTION)])
def test_what_is_over_can_be_judged_but_neither_taken_in_hand_nor_silenced(spike: Any, occasion: Occasion) -> None:
    said = compose(spike, make_match(), title="Taiwan", occasion=occasion, told=opened(), offer=offer())

    assert [act.verb for act in said.acts] == [Verb.NOT_USEFUL, None, Verb.UNSUBSCRIBE]


@pytest.mark.parametrize("language", LANGUAGES)
def test_messages_say_what_officers_did(language: str) -> None:
    at, say = ONSET + timedelta(minutes=65), speaker_for(Subscriber(name="desk", targets=(), timezone="Asia/Shanghai"))
    values: dict[str, Any] = {"subscriber": "desk", "at": at, "spike_id": "spike-1", "theme": "taiwan"}
    noted = (
        Action(action_id="a", verb=Verb.ACKNOWLEDGE, by="ann\u202e\n<!channel>", **values),
        Action(action_id="b", verb=Verb.SILENCE, until=at + timedelta(hours=4), **values),
        Action(action_id="c", verb=Verb.NOT_USEFUL, by="bob", **values),
    )
    said = alert(Offer(), language, noted=noted)
    seen, words = see(said), words_for(language)

    first, second, third = said.noted
    assert first == words.acknowledged_by.format(name="ann <!channel>", time="22:05 (14:05 UTC)").replace(
        "22:05 (14:05 UTC)", "22:05（14:05 UTC）" if language == "zh" else say.moment(at, ONSET)
    )
    assert words.somebody in second
    assert re.search("02:05.*18:05 UTC", second)
    assert third == words.not_useful_by.format(name="bob")
    for note in said.noted:
        assert note in seen.text
        assert note in Page(seen.html).text
        assert note in slack_texts(seen.slack)
    assert "&lt;!channel&gt;" in seen.html


def test_an_edited_opening_keeps_its_buttons() -> None:
    said = compose(grown(), make_match(), title="Taiwan", told=opened(), offer=offer())

    assert {one["value"] for one in buttons(said)} == {KEY}
