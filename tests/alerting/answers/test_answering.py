"""The pages behind links, over HTTP: GET asks, POST acts, once."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from fakes.frozen import make_frozen
from fakes.hostile import HEADLINES
from fakes.messages import Page
from fakes.spikes import ONSET, make_headline, make_spike
from prometheus_client import CollectorRegistry

from alerting.answers.answering import Answering
from alerting.answers.filing import Clerk
from alerting.content.offering import PATH
from alerting.content.tokens import LIFE, Signer, order
from alerting.ledger.ledger import Ledger
from alerting.metrics import AnsweringMetrics
from alerting.rules.silencing import LONGEST, Silences
from alerting.rules.subscriptions import load
from alerting.settings import AlertingSettings
from deskwatch.errors import PublishError
from deskwatch.records import Action, Verb

NOW = ONSET + timedelta(hours=1)
SIGNER = Signer(b"a secret of the desk")
SETTINGS = AlertingSettings(public_url="https://desk.example/alerts", public_name="Night Desk")
ONE_CLICK = {"data": "List-Unsubscribe=One-Click", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, at: object) -> None:
        raise AssertionError("nothing here sleeps")


@dataclass
class Desk:
    """The pages of one service, and the topic behind them; `down` broker calls fail first."""

    ledger: Ledger
    config_dir: Path
    down: int = 0
    published: list[Action] = field(default_factory=list)
    silences: Silences = field(default_factory=Silences)
    clock: Clock = field(default_factory=Clock)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.metrics = AnsweringMetrics(self.registry)

    async def publish(self, action: Action) -> None:
        if self.down:
            self.down -= 1
            raise PublishError("actions", "nobody there")
        self.published.append(action)

    def answering(self) -> Answering:
        roster = load(self.config_dir)
        return Answering(
            SIGNER,
            Clerk(self.publish, self.silences),
            self.ledger,
            lambda: roster,
            self.silences,
            settings=SETTINGS,
            metrics=self.metrics,
            clock=self.clock,
        )

    def ask(self, *requests: tuple[Any, ...]) -> list[tuple[ClientResponse, str]]:
        """Return answer and text of each request: method and token, and perhaps more."""

        async def run() -> list[tuple[ClientResponse, str]]:
            found = []
            async with TestClient(TestServer(self.answering().app())) as client:
                for method, token, *more in requests:
                    options = more[0] if more else {}
                    response = await client.request(method, f"/alerts{PATH}{token}", **options)
                    found.append((response, await response.text()))
            return found

        return asyncio.run(run())

    def clicks(self, outcome: str) -> float:
        labels = {"via": "link", "outcome": outcome}
        return self.registry.get_sample_value("deskwatch_action_clicks_total", labels) or 0.0


@pytest.fixture
def desk(ledger: Ledger, config_dir: Path) -> Desk:
    return Desk(ledger, config_dir)


def token(verb: Verb | None, subscriber: str = "china-desk", target: str = "mail", spike_id: str = "spike-1") -> str:
    return SIGNER.sign(order(subscriber, target, "taiwan", spike_id, verb, NOW - timedelta(minutes=5)))


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_that_follows_the_link_does_nothing(desk: Desk, verb: Verb, method: str) -> None:
    [(response, text)] = desk.ask((method, token(verb)))

    assert response.status == 200
    assert desk.published == []
    assert method == "HEAD" or text.count("<form") == text.count('<form method="post">') == 1


def test_the_page_has_nothing_that_runs_or_comes_from_elsewhere_and_leaves_no_trace(desk: Desk) -> None:
    [(response, text)] = desk.ask(("GET", token(Verb.SILENCE)))
    page = Page(text)

    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert base64.b64encode(sha256(style.encode()).digest()).decode() in policy
    assert page.links == []
    assert not page.tags & {"script", "img", "link", "iframe", "object"}
    assert not [name for name in page.attributes if name.startswith("on") or name == "style"]
    assert {"main", "h1", "button", "title"} <= page.tags


def test_the_page_of_a_silence_says_what_it_would_have_cost(desk: Desk) -> None:
    at = (NOW - timedelta(days=3)).timestamp()
    old = (NOW - LONGEST - timedelta(days=1)).timestamp()
    desk.ledger.add(
        [
            make_frozen(1, created_at=at),
            make_frozen(1, created_at=at, target="mail", channel="mail"),
            make_frozen(2, created_at=at),
            make_frozen(3, created_at=old),
            make_frozen(4, created_at=at, theme="tariffs"),
            make_frozen(5, created_at=at, subscriber="other"),
        ]
    )

    (_, silence), (_, gone), (_, noted) = desk.ask(
        ("GET", token(Verb.SILENCE)), ("GET", token(Verb.UNSUBSCRIBE)), ("GET", token(Verb.ACKNOWLEDGE))
    )

    assert "For 4 h china-desk gets no message about Taiwan" in silence
    assert "would have kept back 3 messages about 2 episodes" in silence
    assert "would have kept back 1 message about 1 episode" in gone
    assert "china-desk/mail gets no message about Taiwan" in gone
    assert "kept back" not in noted
    assert "Nothing has happened yet" in noted


def test_pressing_the_button_acts_and_pressing_it_again_does_not(desk: Desk) -> None:
    link = token(Verb.SILENCE)
    (first, said), (again, said_again), (look, said_then) = desk.ask(("POST", link), ("POST", link), ("GET", link))

    assert [first.status, again.status, look.status] == [200, 200, 200]
    [action] = desk.published
    assert (action.verb, action.subscriber, action.theme, action.by) == (
        Verb.SILENCE,
        "china-desk",
        "taiwan",
        "china-desk/mail",
    )
    assert action.until == NOW + timedelta(hours=4)
    assert "Done." in said
    assert "This was done 22:00" in said_again
    assert "This was done 22:00" in said_then
    assert "<form" not in said_then
    assert (desk.clicks("done"), desk.clicks("again")) == (1, 1)


def test_what_came_back_from_the_topic_is_not_filed_again_after_a_restart(desk: Desk) -> None:
    link = token(Verb.ACKNOWLEDGE)
    desk.ask(("POST", link))
    desk.silences.take(desk.published[0])
    [(_, said)] = desk.ask(("POST", link))  # another application, which remembers nothing itself

    assert len(desk.published) == 1
    assert "Nothing more has happened" in said


def test_one_click_unsubscribes_without_a_page(desk: Desk) -> None:
    [(response, text)] = desk.ask(("POST", token(Verb.UNSUBSCRIBE), ONE_CLICK))

    assert (response.status, response.content_type, text) == (200, "text/plain", "Done.\n")
    [action] = desk.published
    assert (action.verb, action.subscriber, action.target, action.until) == (
        Verb.UNSUBSCRIBE,
        "china-desk",
        "mail",
        None,
    )


def test_broken_and_expired_links_say_so_and_do_nothing(desk: Desk) -> None:
    good = token(Verb.SILENCE)
    desk.clock.at = NOW + LIFE
    for method in ("GET", "POST"):
        (old, expired), (bad, broken), (_, french) = desk.ask(
            (method, good), (method, good[:-2]), (method, "x", {"headers": {"Accept-Language": "fr-CA,fr;q=0.9"}})
        )
        assert (old.status, "too old" in expired) == (410, True)
        assert (bad.status, "incomplete" in broken) == (404, True)
        assert 'lang="fr"' in french
    assert desk.published == []
    assert (desk.clicks("expired"), desk.clicks("broken")) == (1, 2)


def test_a_broker_that_is_away_is_told_and_the_next_try_acts(desk: Desk) -> None:
    desk.down = 1
    (failed, said), (done, _) = desk.ask(("POST", token(Verb.SILENCE)), ("POST", token(Verb.SILENCE)))

    assert (failed.status, "Nothing has happened" in said) == (503, True)
    assert (done.status, len(desk.published)) == (200, 1)
    assert (desk.clicks("failed"), desk.clicks("done")) == (1, 1)


def test_an_overlong_body_is_refused(desk: Desk) -> None:
    [(response, _)] = desk.ask(("POST", token(Verb.SILENCE), {"data": b"x" * 100_000}))

    assert response.status == 413
    assert desk.published == []


def test_an_episode_is_shown_as_it_stands_with_what_can_be_done(desk: Desk) -> None:
    desk.ledger.note_spike(make_spike(), 0.0)
    desk.silences.take(
        Action(
            action_id="a", verb=Verb.ACKNOWLEDGE, subscriber="china-desk", at=NOW, spike_id="spike-1", by="<b>ann</b>"
        )
    )
    (response, text), (posted, _) = desk.ask(("GET", token(None)), ("POST", token(None)))
    page = Page(text)

    assert response.status == 200
    assert "14 reports" in page.text
    assert "Acknowledged by <b>ann</b>, 22:00 (14:00 UTC)" in page.text
    ours = [link for link in page.links if link.startswith("https://desk.example/alerts/a/")]
    assert len(ours) == 4
    (asked, _), *_ = desk.ask(("GET", ours[0].rpartition("/")[2]))
    assert asked.status == 200
    assert posted.status == 405
    assert desk.published == []


@pytest.mark.parametrize("name", sorted(HEADLINES.keys() - {"surrogate"}))  # no topic can hold it
def test_no_headline_gets_markup_into_the_page(desk: Desk, name: str) -> None:
    headline = HEADLINES[name]
    desk.ledger.note_spike(make_spike(headlines=(make_headline(title=headline, source=headline),)), 0.0)
    (_, with_it), (_, plain) = desk.ask(("GET", token(None)), ("GET", token(Verb.SILENCE)))

    assert Page(with_it).tags - {"ol", "ul", "li", "a", "small", "bdi"} <= Page(plain).tags
    assert not [name for name in Page(with_it).attributes if name.startswith("on") or name == "style"]


def test_an_episode_that_is_not_known_or_not_the_targets_is_not_shown(desk: Desk) -> None:
    desk.ledger.note_spike(make_spike(), 0.0)
    (unknown, _), (stranger, _) = desk.ask(
        ("GET", token(None, spike_id="spike-9")), ("GET", token(None, subscriber="nobody"))
    )

    assert (unknown.status, stranger.status) == (404, 404)


def test_pages_speak_the_language_of_their_subscriber(desk: Desk) -> None:
    file = desk.config_dir / "subscriptions" / "desks.yaml"
    file.write_text(file.read_text().replace("timezone: Asia/Shanghai", "timezone: Asia/Shanghai\n    language: zh"))
    [(_, text)] = desk.ask(("GET", token(Verb.SILENCE)))

    assert 'lang="zh-Hans"' in text
    assert "静音" in text
