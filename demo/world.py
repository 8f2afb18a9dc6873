"""A simulated world of news: who printed what and when, the same for the same seed and times.

Outlets write with a daily and a weekly rhythm, about twelve themes and much else. Wire agencies write too, and outlets
print their texts with small changes. At the end an event breaks, and most outlets report on it within two hours.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from demo.script import Event, Outlet, Script, Subject, expand

# Relative to the mean hour, by local hour; nights are quiet, mornings and late afternoons busy.
HOURS: Final = (
    *(0.25, 0.18, 0.14, 0.14, 0.22, 0.45, 0.85, 1.20, 1.45, 1.55, 1.55, 1.50),
    *(1.45, 1.40, 1.45, 1.50, 1.55, 1.50, 1.35, 1.15, 0.95, 0.75, 0.55, 0.40),
)
WEEKEND: Final = 0.6

EVENT_TAKEN_UP: Final = 0.9  # share of the outlets that report on the event themselves
EVENT_FIRST_MIN: Final = (3.0, 95.0, 25.0)  # minutes to the first report: least, most, likeliest
EVENT_NEXT_MIN: Final = (15.0, 100.0)  # and between two reports of one outlet
EVENT_WIRE_REPORTS: Final = 4
EVENT_COPIES: Final = 0.35
TITLE_KEPT: Final = 0.95  # of copies; some outlets add where it comes from


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item of one outlet's feed; `original` is the guid of the wire's report that it copies, if it does."""

    guid: str
    outlet: str
    at: datetime
    title: str
    text: str
    link: str
    theme: str | None = None
    original: str | None = None


class World(msgspec.Struct, frozen=True, kw_only=True):
    """All items of each outlet, oldest first."""

    outlets: tuple[Outlet, ...]
    items: Mapping[str, Sequence[Item]]
    start: datetime
    event_at: datetime
    until: datetime

    def count(self) -> int:
        """Return the number of items of all outlets."""
        return sum(len(items) for items in self.items.values())


def build(script: Script, *, start: datetime, event_at: datetime, until: datetime, seed: int) -> World:
    """Return the world between `start` and `until`, with the event breaking at `event_at`."""
    rng = random.Random(seed)
    writer = _Writer(script, rng)
    for outlet in (*script.wires, *script.outlets):
        for at in _times(outlet, start, until, rng):
            theme, subject = writer.choose()
            writer.write(outlet, at, theme, subject.headlines, subject.sentences)
    for outlet, at, headline in _event_reports(script, event_at, rng):
        writer.write(outlet, at, script.event.theme, (headline,), script.event.sentences)
    writer.copy(script.wires, event_at)
    items = {
        outlet: sorted((item for item in items if start <= item.at < until), key=lambda item: (item.at, item.guid))
        for outlet, items in writer.items.items()
    }
    return World(outlets=(*script.wires, *script.outlets), items=items, start=start, event_at=event_at, until=until)


class _Writer:
    """Writes items into `items`, drawing on one source of chance."""

    def __init__(self, script: Script, rng: random.Random) -> None:
        self._script = script
        self._rng = rng
        subjects: list[tuple[str | None, Subject]] = [*script.themes.items()]
        subjects += [(None, subject) for subject in script.off_theme.values()]
        self._subjects = subjects
        self._weights = [subject.weight for _, subject in subjects]
        self.items: dict[str, list[Item]] = {outlet.id: [] for outlet in (*script.wires, *script.outlets)}

    def choose(self) -> tuple[str | None, Subject]:
        """Return something to write about; the theme is None for what has none."""
        return self._rng.choices(self._subjects, self._weights)[0]

    def write(
        self, outlet: Outlet, at: datetime, theme: str | None, headlines: Sequence[str], sentences: Sequence[str]
    ) -> None:
        """Write a report of an outlet's own."""
        rng, slots = self._rng, self._script.slots
        title = expand(rng.choice(headlines), slots, rng)
        parts = rng.sample(sentences, min(len(sentences), rng.randint(3, 4)))
        text = " ".join(_capital(expand(part, slots, rng)) for part in parts)
        self._add(outlet, at, _capital(title), text, theme, None)

    def copy(self, wires: Sequence[Outlet], event_at: datetime) -> None:
        """Let the outlets print what the wires wrote."""
        rng = self._rng
        for wire in wires:
            for item in list(self.items[wire.id]):
                is_event = item.theme == self._script.event.theme and item.at >= event_at
                for outlet in self._script.outlets:
                    if rng.random() < (EVENT_COPIES if is_event else outlet.copies):
                        at = item.at + timedelta(seconds=round(60 * (3 + rng.expovariate(1 / 30))))
                        title, text = _edit(item, wire, rng)
                        self._add(outlet, at, title, text, item.theme, item.guid)

    def _add(
        self, outlet: Outlet, at: datetime, title: str, text: str, theme: str | None, original: str | None
    ) -> None:
        items = self.items[outlet.id]
        name = f"{at:%Y/%m/%d}/{len(items)}"
        items.append(
            Item(
                guid=f"tag:{outlet.id}.example,{name}",
                outlet=outlet.id,
                at=at,
                title=title,
                text=text,
                link=f"https://{outlet.id}.example/{name}",
                theme=theme,
                original=original,
            )
        )


def _times(outlet: Outlet, start: datetime, until: datetime, rng: random.Random) -> Iterator[datetime]:
    """Yield when an outlet writes: by chance, more often in its own daytime and on weekdays."""
    hour = start
    while hour < until:
        local = hour + timedelta(hours=outlet.zone_h)
        rate = outlet.daily / 24 * HOURS[local.hour] * (WEEKEND if local.weekday() >= 5 else 1.0)
        for _ in range(_poisson(rate, rng)):
            yield hour + timedelta(seconds=rng.randrange(3600))
        hour += timedelta(hours=1)


def _event_reports(script: Script, event_at: datetime, rng: random.Random) -> Iterator[tuple[Outlet, datetime, str]]:
    """Yield who reports on the event, when, and under which headline."""
    event: Event = script.event
    for outlet in (*script.wires, *script.outlets):
        is_wire = outlet in script.wires
        if not is_wire and rng.random() > EVENT_TAKEN_UP:
            continue
        reports = EVENT_WIRE_REPORTS if is_wire else rng.randint(1, 3)
        low, high, likeliest = EVENT_FIRST_MIN
        after = 2.0 if is_wire else rng.triangular(low, high, likeliest)
        for headline in rng.sample(event.headlines, reports):
            yield outlet, event_at + timedelta(seconds=round(60 * after)), headline
            after += rng.uniform(*EVENT_NEXT_MIN)


def _edit(item: Item, wire: Outlet, rng: random.Random) -> tuple[str, str]:
    """Return title and text as another outlet prints them: credited, sometimes shortened."""
    title = item.title if rng.random() < TITLE_KEPT else f"{item.title} - {wire.name}"
    sentences = item.text.split(". ")
    text = item.text if rng.random() < 0.7 else ". ".join(sentences[:-1]) + "."
    return title, rng.choice((text, f"({wire.name}) - {text}", f"{text} {wire.name} contributed to this report."))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _poisson(rate: float, rng: random.Random) -> int:
    """Return a Poisson number by Knuth's product of uniforms, which is quick for the small rates of an hour."""
    limit, product, count = math.exp(-rate), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
