"""What a message lets its reader do: links that ask first, and buttons in Slack. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from alerting.content.languages.speaking import Speaker
from alerting.content.tokens import Signer, order
from deskwatch.records import Verb

SILENT_FOR: Final = timedelta(hours=4)
PATH: Final = "/a/"  # of the pages, under the public address; the token follows

GOING_ON: Final = (Verb.ACKNOWLEDGE, Verb.SILENCE, Verb.NOT_USEFUL, None, Verb.UNSUBSCRIBE)
OVER: Final = (Verb.NOT_USEFUL, None, Verb.UNSUBSCRIBE)
BUTTONS: Final = (Verb.ACKNOWLEDGE, Verb.SILENCE, Verb.NOT_USEFUL)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses by what they do (None: show the episode), and what Slack's buttons hand back, if they are drawn."""

    links: Mapping[Verb | None, str] = {}
    button_key: str = ""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do, with its name for the reader; `url` is empty where only a button does it."""

    verb: Verb | None
    label: str
    url: str = ""


class Offerer(msgspec.Struct, frozen=True, kw_only=True):
    """Makes offers: links with a signer and the public address of `deskwatch alert`, buttons if Slack can answer."""

    signer: Signer | None = None
    public_url: str = ""
    buttons: bool = False

    def offer(
        self, subscriber: str, target: str, theme: str, spike_id: str, made_at: datetime, *, key: str = ""
    ) -> Offer:
        """Return what a message made at a time lets its reader do; `key` names the message that buttons are about."""
        links = {
            verb: self.address(self.signer.sign(order(subscriber, target, theme, spike_id, verb, made_at)))
            for verb in GOING_ON
            if self.signer is not None and self.public_url
        }
        return Offer(links=links, button_key=key if self.buttons else "")

    def address(self, token: str) -> str:
        """Return where the page of a token is."""
        return f"{self.public_url.rstrip('/')}{PATH}{token}"


def tell_acts(offer: Offer, say: Speaker, *, is_going_on: bool) -> tuple[Act, ...]:
    """Return what can be done, in the order in which it is shown."""
    found = []
    for verb in GOING_ON if is_going_on else OVER:
        url = offer.links.get(verb, "")
        if url or (offer.button_key and verb in BUTTONS):
            found.append(Act(verb=verb, label=label(verb, say), url=url))
    return tuple(found)


def label(verb: Verb | None, say: Speaker) -> str:
    """Return the name of what a link or a button does."""
    words = say.words
    return {
        Verb.ACKNOWLEDGE: words.acknowledge,
        Verb.SILENCE: words.silence.format(span=say.duration(SILENT_FOR)),
        Verb.USEFUL: words.useful,
        Verb.NOT_USEFUL: words.not_useful,
        Verb.UNSUBSCRIBE: words.unsubscribe,
        None: words.open_page,
    }[verb]
