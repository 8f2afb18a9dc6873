"""The command `deskwatch subscriptions preview`: any message, about an invented episode, on any surface."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import click
import msgspec

from alerting.content.languages.speaking import words_for
from alerting.content.message import Alert, Occasion, compose
from alerting.rendering.drafts import Draft
from alerting.rendering.examples import example_course, example_digest, example_points
from alerting.rendering.mail import render_digest_html, render_digest_text, render_html, render_text
from alerting.rendering.photographing import photograph
from alerting.rendering.picturing import draw
from alerting.rendering.renderers import RENDERERS
from alerting.rules.matching import Match
from alerting.rules.roster import CHANNELS, Placed, Subscriber, Subscription, Target
from alerting.settings import AlertingSettings
from deskwatch.records import DeliveryKind, Spike
from deskwatch.settings import load_section

FORMATS: Final = ("text", "html", "eml", "png", "chart", *CHANNELS)
PICTURES: Final = ("png", "chart")
LANGUAGES: Final = ("en", "fr", "zh")
OCCASIONS: Final[Mapping[str, DeliveryKind]] = {
    "opening": DeliveryKind.OPENING,
    "update": DeliveryKind.UPDATE,
    "resolution": DeliveryKind.RESOLUTION,
    "correction": DeliveryKind.CORRECTION,
    "digest": DeliveryKind.DIGEST,
    "all-quiet": DeliveryKind.ALL_QUIET,
}

_ADDRESSES: Final = {"mail": "desk@example.org", "slack": "#desk"}
_CHART: Final = "chart"


@click.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="What it is rendered as: mail and eml are the whole mail, png is the page as a browser shows it, chart only "
    "the picture in it, the other names are what a channel sends.",
)
@click.option("--theme", default="taiwan", show_default=True, help="The theme of the invented episode.")
@click.option(
    "--language", type=click.Choice(LANGUAGES), default="en", show_default=True, help="The reader's language."
)
@click.option(
    "--occasion", type=click.Choice(tuple(OCCASIONS)), default="opening", show_default=True, help="What is told."
)
@click.pass_context
def preview(ctx: click.Context, kind: str, theme: str, language: str, occasion: str) -> None:
    """Print a message about an invented episode, to look at before there is one.

    A picture goes into a file: deskwatch subscriptions preview --format png > alert.png
    """
    alerting = load_section(AlertingSettings, "alerting", os.environ, ctx.find_root().obj)
    out = click.get_binary_stream("stdout")
    if kind in PICTURES and out.isatty():
        raise click.UsageError(f"a picture is nothing for a terminal: --format {kind} > {kind}.png")
    draft = example_draft(theme, language, OCCASIONS[occasion], alerting, datetime.now(UTC))
    if kind == "chart" and draft.spike is None:
        raise click.UsageError(f"there is no chart in --occasion {occasion}")
    out.write(render_preview(draft, kind))


def example_draft(theme: str, language: str, kind: DeliveryKind, settings: AlertingSettings, now: datetime) -> Draft:
    """Return a message about the invented episode, to an invented desk that speaks a language."""
    found = _invented_match(theme, language)
    draft = Draft(
        content=example_digest(theme, now, found.subscriber, is_quiet=kind is DeliveryKind.ALL_QUIET),
        key=f"preview|{theme}|{kind}",
        kind=kind,
        subscriber=found.subscriber.name,
        target=found.target.name,
        address=found.target.address,
        at=now,
        settings=settings,
    )
    if kind in (DeliveryKind.DIGEST, DeliveryKind.ALL_QUIET):
        return draft
    occasion = Occasion(kind)
    spike, told = example_course(theme, now, occasion)
    return msgspec.structs.replace(
        draft,
        content=compose(spike, found, occasion=occasion, told=told, now=now),
        spike=spike,
        chart=lambda: _chart(spike, language),
    )


def render_preview(draft: Draft, kind: str) -> bytes:
    """Return a message in one of `FORMATS`."""
    content, settings = draft.content, draft.settings
    match kind:
        case "text":
            if isinstance(content, Alert):
                return render_text(content, settings).encode()
            return render_digest_text(content, settings).encode()
        case "html":
            return _page(draft).encode()
        case "png":
            return photograph(_page(draft))
        case "chart":
            return draft.chart() or b""
        case _:
            channel = "mail" if kind == "eml" else kind
            address = _ADDRESSES.get(channel, "example")
            return RENDERERS[channel](msgspec.structs.replace(draft, address=address, target=channel))


def _page(draft: Draft) -> str:
    """Return the HTML of a mail with its picture inside, where a mail has it beside."""
    if not isinstance(draft.content, Alert):
        return render_digest_html(draft.content, draft.settings)
    picture = draft.chart()
    page = render_html(draft.content, draft.settings, chart=_CHART if picture else "")
    return page.replace(f"cid:{_CHART}", f"data:image/png;base64,{b64encode(picture or b'').decode()}")


def _chart(spike: Spike, language: str) -> bytes:
    return draw(example_points(spike), spike, ZoneInfo("Europe/Paris"), words_for(language))


def _invented_match(theme: str, language: str) -> Match:
    subscription = Subscription(name="example", subscriber="example-desk", themes=(theme,))
    target = Target(name="mail", email=_ADDRESSES["mail"])
    subscriber = Subscriber(name="example-desk", targets=(target,), timezone="Europe/Paris", language=language)
    return Match(
        subscriber=subscriber,
        target=target,
        because=(Placed(subscription=subscription, place="subscriptions/example.yaml:1"),),
    )
