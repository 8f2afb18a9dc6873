"""What each further channel is given: complete, within its limits, and with no markup of a headline taking effect."""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import islice
from typing import Any

import msgspec
import pytest
from fakes.hostile_headlines import hostile_headlines
from fakes.messages import LANGUAGES, SETTINGS, every_alert, every_digest, opened
from fakes.receiver import ROUTING_KEY, card_problem, event_problem, ntfy_problem
from fakes.spikes import ONSET, make_headline
from hypothesis import given
from hypothesis import strategies as st

from alerting.content.digesting import Digest
from alerting.content.message import Alert, Occasion
from alerting.content.offering import GOING_ON, Act
from alerting.rendering.drafts import Draft
from alerting.rendering.ntfy import MESSAGE
from alerting.rendering.plaintext import tell
from alerting.rendering.renderers import RENDERERS
from alerting.rendering.teams import BYTES, literal
from alerting.rules.roster import CHANNELS
from deskwatch.records import DeliveryKind, Severity

TITLES = list(hostile_headlines(500))
UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u2028\u2029\U000e0000-\U000e007f]")
FURTHER = ("teams", "ntfy", "webhook", "pagerduty", "apprise")


def draft(content: Alert | Digest, **changes: Any) -> Draft:
    values: dict[str, Any] = {
        "content": content,
        "key": "spike-1|0|desk|it",
        "kind": DeliveryKind.OPENING if isinstance(content, Alert) else DeliveryKind.DIGEST,
        "subscriber": "desk",
        "target": "it",
        "address": "desk-alerts",
        "at": ONSET,
        "settings": SETTINGS,
        "spike": opened() if isinstance(content, Alert) else None,
    }
    return Draft(**(values | changes))


def render(channel: str, content: Alert | Digest, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RENDERERS[channel](draft(content, **changes)))
    return found


def problem(channel: str, body: dict[str, Any]) -> str:
    """Return what the service would say against a message."""
    match channel:
        case "teams":
            return card_problem(body) or ("too large" if len(json.dumps(body, ensure_ascii=False)) > BYTES else "")
        case "ntfy":
            return ntfy_problem(body)
        case "pagerduty":
            return event_problem(body | {"routing_key": ROUTING_KEY})
        case "apprise":
            return "" if len(body["body"].encode()) <= 1900 else "too long"
    return "" if body["schema"] in ("deskwatch.alert/1", "deskwatch.digest/1") else "no schema"


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for child in children for text in strings(child)]


def links(value: Any) -> list[str]:
    if isinstance(value, dict):
        here = [text for name, text in value.items() if name in ("url", "href", "click") and text]
        return here + [link for child in value.values() for link in links(child)]
    return [link for child in value for link in links(child)] if isinstance(value, list) else []


def faults(channel: str, body: dict[str, Any]) -> list[str]:
    """Return what of a message takes effect that should not."""
    texts = strings(body)
    found = [problem(channel, body)] if problem(channel, body) else []
    if any(
        UNSEEN.search(text) or any(unicodedata.category(c) in ("Cc", "Cs") for c in text if c != "\n") for text in texts
    ):
        found.append("unseen or control characters")
    if not all(link.startswith("https://news.example.org/") for link in links(body)):
        found.append(f"links to {links(body)}")
    if channel == "teams" and any("{{" in text or "${" in text for text in texts):
        found.append("a card would expand a text")
    if channel == "ntfy" and body.get("markdown"):
        found.append("ntfy reads Markdown")
    return found


def test_every_channel_has_a_renderer() -> None:
    assert set(RENDERERS) == set(CHANNELS)


@pytest.mark.parametrize("channel", FURTHER)
def test_every_message_is_fit_to_be_sent_in_every_language_and_the_same_each_time(channel: str) -> None:
    for language in LANGUAGES:
        for content in (*every_alert(language), *every_digest(language)):
            body = render(channel, content)
            assert faults(channel, body) == []
            assert render(channel, content) == body
            assert any(content.headline in text for text in strings(body)), content.headline


@pytest.mark.parametrize("start", range(0, 500, 50))
def test_no_hostile_headline_takes_effect_or_keeps_a_message_from_going_out(start: int) -> None:
    for place, title in enumerate(TITLES[start : start + 50], start):
        headlines = tuple(
            make_headline(article_id=f"a{n}", title=title + str(n) * n, source=title, terms=(title,), language=title)
            for n in range(6)
        )
        changes = {"headlines": headlines, "feeds_late": (title,), "learnt_from": title, "config_hash": title}
        language = LANGUAGES[place // 5 % len(LANGUAGES)]
        alert = next(islice(every_alert(language, **changes), place % 5, None))
        for content in (alert, next(every_digest(language, **changes))):
            spike = opened(**changes) if isinstance(content, Alert) else None
            for channel in FURTHER:
                assert faults(channel, render(channel, content, spike=spike)) == [], (place, title)


def test_the_checks_would_see_what_takes_effect() -> None:
    body = render("teams", next(every_alert("en")))
    card = body["attachments"][0]["content"]
    card["body"][0] = {"type": "TextBlock", "text": "**EVIL** {{DATE(2026-01-01T00:00:00Z)}}\u202e"}
    card["body"][1]["inlines"][0]["selectAction"] = {"type": "Action.OpenUrl", "url": "https://evil.example"}
    assert len(faults("teams", body)) == 4


def test_a_program_gets_all_numbers_as_they_are_and_the_words_that_people_get() -> None:
    alert = next(every_alert("en"))

    body = render("webhook", alert, thread="t")

    assert body["schema"] == "deskwatch.alert/1"
    assert (body["delivery"], body["kind"], body["thread"]) == ("spike-1|0|desk|it", "opening", "t")
    assert (body["subscriber"], body["target"], body["test"]) == ("desk", "it", False)
    episode = body["episode"]
    assert (episode["observed"], episode["expected"], episode["expected_high"]) == (14, 3.1, 6.0)
    assert episode["ratio"] == pytest.approx(14 / 3.1)
    assert (episode["onset_at"], episode["resolved_at"], episode["data_gap"]) == ("2026-11-24T13:00:00Z", None, False)
    assert body["words"]["subject"] == alert.subject
    assert body["words"]["evidence"] == list(alert.figures.evidence)
    assert body["headlines"][0]["url"] == "https://news.example.org/1"


def test_a_headline_without_a_safe_address_has_none_in_any_format() -> None:
    changes = {"headlines": (make_headline(url="javascript:alert(1)"),)}
    alert = next(every_alert("en", **changes))

    for channel in FURTHER:
        assert "javascript" not in json.dumps(render(channel, alert, spike=opened(**changes)))


def test_what_an_officer_can_do_is_offered_where_a_channel_has_buttons() -> None:
    address = "https://desk.example/a/"
    acts = tuple(Act(verb=verb, label=f"do {verb}", url=f"{address}{verb}") for verb in GOING_ON)
    alert = msgspec.structs.replace(next(every_alert("en")), acts=acts)

    bodies = {channel: render(channel, alert) for channel in FURTHER}

    assert [problem(channel, body) for channel, body in bodies.items()] == [""] * len(FURTHER)
    card = bodies["teams"]["attachments"][0]["content"]
    assert [action["url"] for action in card["actions"]] == [act.url for act in acts]
    assert [action["url"] for action in bodies["ntfy"]["actions"]] == [act.url for act in acts[:3]]
    assert bodies["ntfy"]["click"] == bodies["pagerduty"]["client_url"] == f"{address}None"
    assert [act["verb"] for act in bodies["webhook"]["acts"]] == [act.verb for act in acts]


def test_long_addresses_and_quotes_do_not_make_an_ntfy_message_too_large() -> None:
    long = "https://news.example.org/" + "a" * 1900
    headlines = tuple(make_headline(article_id=f"{n}", title='"' * 150 + str(n), url=long) for n in range(5))
    acts = tuple(Act(verb=verb, label="do", url=f"https://desk.example/a/{'t' * 900}") for verb in GOING_ON)
    alert = msgspec.structs.replace(next(every_alert("en", headlines=headlines)), acts=acts)

    for content in (alert, msgspec.structs.replace(alert, acts=())):
        assert problem("ntfy", render("ntfy", content)) == ""


@pytest.mark.parametrize("severity", Severity)
def test_a_graver_alert_is_more_urgent_everywhere(severity: Severity) -> None:
    alert = next(every_alert("en", severity=severity))

    urgency = {Severity.LOW: 0, Severity.MEDIUM: 1, Severity.HIGH: 2, Severity.CRITICAL: 3}[severity]
    assert render("ntfy", alert)["priority"] == 2 + urgency
    assert render("pagerduty", alert)["payload"]["severity"] == ("info", "warning", "error", "critical")[urgency]
    assert render("apprise", alert)["notify_type"] == ("info", "warning", "warning", "failure")[urgency]


def test_what_is_over_is_not_urgent_and_closes_its_incident() -> None:
    for alert in every_alert("en", severity=Severity.CRITICAL):
        is_over = alert.occasion in (Occasion.RESOLUTION, Occasion.CORRECTION)
        assert (render("ntfy", alert)["priority"] == 2) is is_over
        assert render("pagerduty", alert)["event_action"] == ("resolve" if is_over else "trigger")


def test_a_name_that_is_too_long_for_pagerduty_still_tells_episodes_apart() -> None:
    first, second = (next(every_alert("en", spike_id="s" * 70 + end)) for end in "ab")
    long = {"subscriber": "d" * 64, "target": "t" * 150}

    keys = {render("pagerduty", alert, **long)["dedup_key"] for alert in (first, second)}

    assert len(keys) == 2
    assert all(len(key) <= 255 for key in keys)


@given(number=st.integers(0, 60), title=st.text(max_size=300), limit=st.integers(80, MESSAGE))
def test_plain_text_keeps_its_limit_and_loses_addresses_before_headlines(number: int, title: str, limit: int) -> None:
    headlines = tuple(make_headline(article_id=f"{n}", title=f"{n} {title}") for n in range(number))
    alert = next(every_alert("zh", headlines=headlines))

    text, whole = tell(alert, limit), tell(alert, 1_000_000)

    assert len(text.encode()) <= limit
    assert whole.startswith(text[: text.find("\n")])
    assert len(whole.encode()) > limit or text == whole


@given(st.text(alphabet="{$}a ", max_size=40))
def test_a_card_never_has_anything_to_expand(text: str) -> None:
    assert "{{" not in literal(text)
    assert "${" not in literal(text)
    assert literal(text).replace(" ", "") == text.replace(" ", "")
