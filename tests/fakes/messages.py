"""One episode in all its occasions, and every surface on which an officer may see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any, NamedTuple, cast

from alerting.content.digesting import Coverage, Digest, ThemeCoverage, compose_all_quiet, compose_digest
from alerting.content.message import Alert, Missed, Occasion, compose
from alerting.rendering.announcing import announce_digest, announce_text
from alerting.rendering.mail import render_digest_mail, render_mail
from alerting.rendering.slack import render_digest_slack, render_slack
from alerting.rules.matching import Match
from alerting.rules.roster import Placed, Subscriber, Subscription, Target
from alerting.settings import AlertingSettings
from deskwatch.records import Severity, Spike, SpikeState, Turn
from fakes.spikes import ONSET, make_headline, make_spike

MAIL = Target(name="mail", email="desk@example.org")
SLACK = Target(name="slack", slack="#desk")
SETTINGS = AlertingSettings(sender="Night Desk <alerts@desk.example>", contact="editor@desk.example")
STRAIT = Placed(
    subscription=Subscription(name="strait", subscriber="desk", themes=("taiwan",)), place="subscriptions/a.yaml:7"
)
LANGUAGES = ("en", "fr", "zh")
HOUR = timedelta(hours=1)


class Seen(NamedTuple):
    """One message on all surfaces."""

    mail: EmailMessage
    text: str
    html: str
    slack: dict[str, Any]
    terminal: str
    raw: bytes


def make_match(language: str = "en", zone: str = "Asia/Shanghai", because: tuple[Placed, ...] = (STRAIT,)) -> Match:
    """Return a match for a desk that speaks a language."""
    desk = Subscriber(name="desk", targets=(MAIL,), timezone=zone, language=language)
    return Match(subscriber=desk, target=MAIL, because=because)


def opened(**changes: Any) -> Spike:
    """Return the opening of the episode."""
    return make_spike(**changes)


def grown(**changes: Any) -> Spike:
    """Return the episode two hours later: graver, with more reports and another story."""
    at = ONSET + 2 * HOUR
    values: dict[str, Any] = {
        "revision": 3,
        "state": SpikeState.GROWING,
        "turn": Turn.GRAVER,
        "severity": Severity.CRITICAL,
        "observed": 47,
        "owners": 27,
        "stories": 40,
        "articles": 90,
        "revised_at": at,
        "window_end_at": at,
        "headlines": (make_headline(article_id="a9", title="Jets scrambled as drills widen"), make_headline()),
    }
    return make_spike(**(values | changes))


def ended(**changes: Any) -> Spike:
    """Return the episode's end after five hours."""
    at = ONSET + 5 * HOUR
    values: dict[str, Any] = {
        "revision": 5,
        "state": SpikeState.RESOLVED,
        "turn": Turn.ENDED,
        "severity": Severity.CRITICAL,
        "observed": 2,
        "revised_at": at,
        "resolved_at": at,
        "window_end_at": at,
        "peak_at": ONSET + 2 * HOUR,
    }
    return make_spike(**(values | changes))


def withdrawn(**changes: Any) -> Spike:
    """Return the episode's withdrawal after two hours."""
    values: dict[str, Any] = {
        "revision": 2,
        "state": SpikeState.WITHDRAWN,
        "turn": Turn.WITHDRAWN,
        "observed": 3,
        "revised_at": ONSET + 2 * HOUR,
    }
    return make_spike(**(values | changes))


def every_alert(language: str, **changes: Any) -> Iterator[Alert]:
    """Yield the episode on each occasion; `changes` are of its spikes."""
    found = make_match(language)
    first, more = opened(**changes), grown(**changes)
    late = first.detected_at + 72 * timedelta(minutes=1)
    yield compose(first, found, title="Taiwan", now=late, held_for="quiet_hours", also=("Tariffs",))
    yield compose(more, found, title="Taiwan", told=first)  # the opening, edited
    yield compose(more, found, title="Taiwan", occasion=Occasion.UPDATE, told=first)
    yield compose(ended(**changes), found, title="Taiwan", occasion=Occasion.RESOLUTION, told=more)
    yield compose(withdrawn(**changes), found, title="Taiwan", occasion=Occasion.CORRECTION, told=first)


def every_digest(language: str, **changes: Any) -> Iterator[Digest]:
    """Yield a digest of missed episodes, and both daily words that nothing was to be told."""
    desk = make_match(language).subscriber
    missed = [
        Missed(spike=opened(**changes), reason="quiet_hours", title="Taiwan", is_over=False),
        Missed(spike=ended(**changes), reason="too_late", title="Taiwan", is_over=True),
        Missed(spike=withdrawn(**changes), reason="below", title="Tariffs", is_over=True),
    ]
    yield compose_digest(missed, desk, since=ONSET - 9 * HOUR, until=ONSET + 9 * HOUR)
    themes = (
        ThemeCoverage(title="Taiwan", reports=31, expected=28.4),
        ThemeCoverage(title="Tariffs", reports=0, expected=3.2, health=0.4),
    )
    full = Coverage(themes=themes, feeds_answering=40, feeds_total=41, articles=12_345)
    blind = Coverage(themes=themes, feeds_answering=4, feeds_total=41, articles=17)
    for coverage in (full, blind):
        yield compose_all_quiet(coverage, desk, since=ONSET - 24 * HOUR, until=ONSET)


def see(message: Alert | Digest, **options: Any) -> Seen:
    """Return a message as every reader sees it."""
    if isinstance(message, Alert):
        raw = render_mail(
            message, delivery_key="key", address="desk@example.org", created_at=ONSET, settings=SETTINGS, **options
        )
        slack, terminal = render_slack(message, delivery_key="key", address="#desk"), announce_text(message)
    else:
        raw = render_digest_mail(
            message, delivery_key="key", address="desk@example.org", created_at=ONSET, settings=SETTINGS
        )
        slack, terminal = render_digest_slack(message, delivery_key="key", address="#desk"), announce_digest(message)
    mail = cast(EmailMessage, message_from_bytes(raw, policy=default))
    return Seen(mail, _body(mail, "plain"), _body(mail, "html"), json.loads(slack), terminal, raw)


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
        """Take in an element."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        """Take in text."""
        self.text += data


def slack_texts(payload: dict[str, Any]) -> str:
    """Return all that the blocks of a message show."""
    return "\n".join(_strings(payload["blocks"], "text"))


def slack_links(payload: dict[str, Any]) -> list[str]:
    """Return all that the blocks of a message link to."""
    return list(_strings(payload["blocks"], "url"))


def _strings(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(value.get(name), str):
        yield value[name]
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(child, name)


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    assert part is not None
    return cast(str, part.get_content()).replace("\r\n", "\n")
