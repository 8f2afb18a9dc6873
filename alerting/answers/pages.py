"""The pages behind the links in messages: what would happen, with one button; what has happened; an episode. Pure."""

from __future__ import annotations

import base64
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alerting.content.headlines import Item
from alerting.content.languages.speaking import Speaker
from alerting.content.message import Alert
from alerting.content.offering import SILENT_FOR, Act, label
from alerting.content.tokens import Fault, Order
from deskwatch.records import Verb

STYLE: Final = """
:root { color-scheme: light dark; }
body { margin: 0; font: 17px/1.5 system-ui, sans-serif; background: #fff; color: #1c2430; }
main { max-width: 38rem; margin: 0 auto; padding: 2rem 1.25rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; }
.name, .foot, small { color: #56606d; font-size: .85rem; }
a { color: #0b57a4; }
li { padding: .3rem 0; }
button { font: inherit; font-weight: bold; padding: .7rem 1.4rem; border: 0; border-radius: .3rem; background: #0b57a4;
  color: #fff; cursor: pointer; }
a:focus-visible, button:focus-visible { outline: 3px solid #b97800; outline-offset: 2px; }
@media (prefers-color-scheme: dark) {
  body { background: #14181e; color: #e8ebf0; } .name, .foot, small { color: #aab4c1; } a { color: #8ec5ff; }
}
"""
_STYLE_HASH: Final = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page: a title, lines, at most one button."""

    name: str  # of the service
    language: str
    title: str
    lines: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    button: str = ""
    acts: tuple[Act, ...] = ()
    foot: tuple[str, ...] = ()


def ask(what: Order, verb: Verb, title: str, cost: tuple[int, int] | None, say: Speaker, name: str) -> Page:
    """Return the page that says what a link would do, and does it at the press of its button.

    Args:
        title: The theme's.
        cost: How many messages about how many episodes it would have kept back in the last 30 days.
    """
    lines = [_consequence(what, verb, title, say)]
    if cost is not None:
        messages, episodes = say.count(say.words.messages, cost[0]), say.count(say.words.episodes, cost[1])
        lines.append(say.words.would_have_cost.format(messages=messages, episodes=episodes))
    return Page(
        name=name,
        language=say.words.language,
        title=f"{label(verb, say)}{say.words.colon}{title}",
        lines=tuple(lines),
        button=label(verb, say),
        foot=(say.words.nothing_yet,),
    )


def done(what: Order, verb: Verb, title: str, say: Speaker, name: str, *, before: datetime | None = None) -> Page:
    """Return the page that says what has been done: now, or before."""
    words = say.words
    first = words.is_done if before is None else words.was_done.format(time=say.moment(before, what.expires_at))
    return Page(
        name=name,
        language=words.language,
        title=f"{label(verb, say)}{words.colon}{title}",
        lines=(first, _consequence(what, verb, title, say)),
    )


def failed(say: Speaker, name: str) -> Page:
    """Return the page that says that nothing could be done."""
    words = say.words
    return Page(name=name, language=words.language, title=words.not_done, lines=(words.try_again,))


def dead(fault: Fault, say: Speaker, name: str) -> Page:
    """Return the page of a link that does nothing."""
    words = say.words
    line = words.link_expired if fault is Fault.EXPIRED else words.link_broken
    return Page(name=name, language=words.language, title=words.link_dead, lines=(line,))


def show(alert: Alert, say: Speaker, name: str) -> Page:
    """Return an episode as it stands, with what can be done about it."""
    figures = alert.figures
    lines = [
        " · ".join(alert.marks),
        say.words.gap.join(filter(None, (figures.ratio and figures.ratio + say.words.stop, figures.comparison))),
        " · ".join(figures.evidence),
        say.words.clause.join(filter(None, (alert.when, alert.noticed))),
        *alert.noted,
        *alert.cautions,
        alert.also,
    ]
    return Page(
        name=name,
        language=alert.language,
        title=alert.headline,
        lines=tuple(filter(None, lines)),
        items=alert.items,
        acts=tuple(act for act in alert.acts if act.url and act.verb is not None),
        foot=(alert.why, alert.about),
    )


def render_page(page: Page) -> str:
    """Return a page as HTML without script, and without anything from elsewhere."""
    return _environment().get_template("page.html.j2").render(page=page, style=Markup(STYLE))  # noqa: S704  # ours, and no feed has a word in it


def _consequence(what: Order, verb: Verb, title: str, say: Speaker) -> str:
    words = say.words
    phrase = {
        Verb.ACKNOWLEDGE: words.would_acknowledge,
        Verb.SILENCE: words.would_silence,
        Verb.USEFUL: words.would_useful,
        Verb.NOT_USEFUL: words.would_not_useful,
        Verb.UNSUBSCRIBE: words.would_unsubscribe,
    }[verb]
    target = f"{what.subscriber}/{what.target}"
    return phrase.format(name=what.subscriber, target=target, theme=title, span=say.duration(SILENT_FOR))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("alerting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
