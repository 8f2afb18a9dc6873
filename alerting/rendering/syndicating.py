"""Episodes as an Atom feed (RFC 4287) and as a JSON feed (1.1): an entry each, which changes with its episode."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any, Final
from urllib.parse import quote
from xml.etree import ElementTree

import msgspec

from alerting.content.headlines import Item
from alerting.content.message import Alert, Occasion, compose
from alerting.rules.matching import Match
from alerting.rules.roster import Placed, Subscriber, Subscription, Target
from alerting.settings import AlertingSettings
from deskwatch.records import Spike, SpikeState

_ATOM: Final = "http://www.w3.org/2005/Atom"
_SINCE: Final = "2026"  # a tag URI has a day on which its domain was ours (RFC 4151)
_OCCASIONS: Final = {SpikeState.RESOLVED: Occasion.RESOLUTION, SpikeState.WITHDRAWN: Occasion.CORRECTION}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One episode as it stands."""

    id: str
    title: str
    content: str  # HTML
    published: datetime
    updated: datetime
    tags: tuple[str, ...]
    links: tuple[str, ...]
    language: str


def describe(spike: Spike, title: str, domain: str) -> Entry:
    """Return the entry of an episode; `title` is its theme's."""
    alert = compose(spike, _reader(spike.theme), title=title, occasion=_OCCASIONS.get(spike.state, Occasion.OPENING))
    return Entry(
        id=_tag(domain, f"spike/{quote(spike.spike_id, safe='', errors='replace')}"),
        title=alert.subject,
        content=_page(alert),
        published=spike.detected_at,
        updated=max(spike.revised_at, spike.detected_at),
        tags=tuple(filter(None, (alert.title, alert.severity, alert.occasion))),
        links=tuple(dict.fromkeys(item.url for item in alert.items if item.url)),
        language=alert.language,
    )


def render_atom(entries: Sequence[Entry], settings: AlertingSettings, now: datetime) -> bytes:
    """Return the Atom feed; `now` is when an empty one was updated."""
    feed = ElementTree.Element("feed", {"xmlns": _ATOM})
    _add(feed, "id", _tag(settings.domain, "alerts"))
    _add(feed, "title", settings.public_name)
    _add(feed, "updated", _time(max((entry.updated for entry in entries), default=now)))
    _add(_add(feed, "author"), "name", settings.public_name)
    if settings.feed_url:
        _add(feed, "link", rel="self", type="application/atom+xml", href=_address(settings, "alerts.atom"))
    for entry in entries:
        found = _add(feed, "entry", **{"xml:lang": entry.language})
        _add(found, "id", entry.id)
        _add(found, "title", entry.title, type="text")
        _add(found, "published", _time(entry.published))
        _add(found, "updated", _time(entry.updated))
        for tag in entry.tags:
            _add(found, "category", term=tag)
        for link in entry.links:
            _add(found, "link", rel="related", href=link)
        _add(found, "content", entry.content, type="html")
    raw: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return raw


def render_json_feed(entries: Sequence[Entry], settings: AlertingSettings) -> bytes:
    """Return the JSON feed."""
    feed: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": settings.public_name,
        "authors": [{"name": settings.public_name}],
        "items": [_json_item(entry) for entry in entries],
    }
    if settings.feed_url:
        feed["feed_url"] = _address(settings, "alerts.json")
    return msgspec.json.encode(feed)


def _json_item(entry: Entry) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": entry.id,
        "title": entry.title,
        "content_html": entry.content,
        "date_published": _time(entry.published),
        "date_modified": _time(entry.updated),
        "tags": entry.tags,
        "language": entry.language,
    }
    return item | ({"external_url": entry.links[0]} if entry.links else {})


def _reader(theme: str) -> Match:
    """Return why a feed's reader hears of an episode: no subscription, so that its words on that are not shown."""
    subscription = Subscription(name="feed", subscriber="feed", themes=(theme,))
    target = Target(name="feed")
    subscriber = Subscriber(name="feed", targets=(target,))
    return Match(subscriber=subscriber, target=target, because=(Placed(subscription=subscription, place=""),))


def _page(alert: Alert) -> str:
    """Return the alert's text as HTML in which nothing but our own markup takes effect."""
    figures = alert.figures
    size = [figures.comparison, *([figures.ratio] if figures.ratio else []), *figures.evidence]
    lines = [" · ".join(size), ", ".join(filter(None, (alert.when, alert.noticed))), *alert.cautions, alert.terms]
    listed = "".join(f"<li>{_line(item)}</li>" for item in alert.items)
    text = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    return f"{text}{f'<ol>{listed}</ol>' if listed else ''}<p>{escape(alert.about)}</p>"


def _line(item: Item) -> str:
    title = escape(item.title)
    if item.url:
        title = f'<a href="{escape(item.url)}" rel="noopener noreferrer nofollow">{title}</a>'
    return f"{title} — {escape(' · '.join(filter(None, (item.source, item.seen, item.copies))))}"


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, name, attributes)
    child.text = text or None
    return child


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _tag(domain: str, name: str) -> str:
    return f"tag:{domain},{_SINCE}:{name}"


def _address(settings: AlertingSettings, name: str) -> str:
    return f"{settings.feed_url.rstrip('/')}/{name}"
