"""Everything the detector remembers between two steps, in values small enough to be saved one by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from deskwatch.records import Severity, SpikeState, Utc
from streams.baseline import Baseline, Rhythm
from streams.grouping import Grouping, Text
from streams.guard import Guard
from streams.series import Closed, Series
from streams.voices import Voices

THEME: Final = "theme/"
STORY: Final = "story/"
DESK: Final = "desk"


class Member(msgspec.Struct, frozen=True, array_like=True):
    """One article of a story, in the themes it counts for."""

    article_id: str
    bucket: int
    owner: str
    themes: tuple[str, ...]
    is_news: bool
    title: str = ""
    body: str = ""
    at: Utc | None = None  # when counting came to it

    def text(self) -> Text:
        """Return what others are compared with."""
        return Text(self.title, self.body, self.owner)


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """The first sight of a story in a theme; it is evidence unless its owner had used up the cap."""

    theme: str
    bucket: int
    owner: str
    counts: bool


class Story(msgspec.Struct, kw_only=True):
    """Articles that carry one text."""

    story_id: str
    title: str
    url: str
    owner: str
    language: str
    seen_at: Utc
    last_at: Utc
    agency: str = ""  # the first that one of its articles names
    terms: dict[str, tuple[str, ...]] = {}
    members: list[Member] = []
    pieces: list[Piece] = []


class Episode(msgspec.Struct, kw_only=True):
    """An open episode of a theme."""

    spike_id: str
    revision: int
    state: SpikeState
    severity: Severity
    onset_at: Utc
    detected_at: Utc
    opened: int  # bucket
    quiet: int = 0  # observed buckets in a row below everything
    told: float = 0.0  # the lowest rate of false alerts that a revision has named


class ThemeState(msgspec.Struct, kw_only=True):
    """The saved part of a theme."""

    closed: Closed
    baseline: Baseline = msgspec.field(default_factory=Baseline)
    guard: Guard = msgspec.field(default_factory=Guard)
    episode: Episode | None = None
    floor: int = 0  # evidence before this bucket belongs to an episode that is over
    fresh: int | None = None  # earliest bucket with evidence that no test has seen
    amended: list[int] = []  # published buckets that have changed since


class FeedState(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Since when a feed answers, or does not."""

    since: Utc
    ok: bool


class DeskState(msgspec.Struct, kw_only=True):
    """The saved part that is common to all themes. `now` is None until the first fact."""

    now: Utc | None = None
    feeds: dict[str, FeedState] = {}
    rhythm: Rhythm = msgspec.field(default_factory=Rhythm)
    voices: Voices = msgspec.field(default_factory=Voices)
    config_hash: str = ""


class Theme:
    """A theme at work: its saved state, and its buckets."""

    def __init__(self, state: ThemeState) -> None:
        self.state = state
        self.series = Series(state.closed)


class Desk:
    """The whole memory. `advance` is the only one that changes it."""

    def __init__(self) -> None:
        self.state = DeskState()
        self.themes: dict[str, Theme] = {}
        self.stories: dict[str, Story] = {}
        self.story_of: dict[str, str] = {}  # article id -> story id
        self.grouping = Grouping()

    def count(self, story: Story, member: Member, theme: str) -> None:
        """Put one article into the buckets of a theme."""
        cell = self.themes[theme].series.cell(member.bucket)
        cell.articles += 1
        cell.owners.add(member.owner)
        cell.stories.add(story.story_id)

    def count_piece(self, piece: Piece) -> None:
        """Put one piece of evidence into the buckets of its theme."""
        if piece.counts:
            cell = self.themes[piece.theme].series.cell(piece.bucket)
            cell.evidence += 1
            cell.counted[piece.owner] += 1

    def health(self) -> float:
        """Return the share of the known feeds that answer; 1 where none is known."""
        feeds = self.state.feeds
        return sum(feed.ok for feed in feeds.values()) / len(feeds) if feeds else 1.0

    def dump(self, themes: set[str], stories: set[str]) -> dict[str, bytes | None]:
        """Return the saved values of what changed; None for a story that is forgotten."""
        encode = msgspec.json.encode
        values: dict[str, bytes | None] = {DESK: encode(self.state)}
        values.update({THEME + name: encode(self.themes[name].state) for name in sorted(themes)})
        for story_id in sorted(stories):
            story = self.stories.get(story_id)
            values[STORY + story_id] = encode(story) if story else None
        return values


def load(values: Mapping[str, bytes]) -> Desk:
    """Return the desk whose dumped values these are.

    Raises:
        msgspec.MsgspecError: a value is not what `dump` wrote.
    """
    desk = Desk()
    if DESK in values:
        desk.state = msgspec.json.decode(values[DESK], type=DeskState)
    for key, value in values.items():
        if key.startswith(THEME):
            desk.themes[key.removeprefix(THEME)] = Theme(msgspec.json.decode(value, type=ThemeState))
    for key, value in values.items():
        if key.startswith(STORY):
            _adopt(desk, msgspec.json.decode(value, type=Story))
    members = [
        (m.at, m.article_id, story.story_id, m) for story in desk.stories.values() for m in story.members if m.at
    ]
    for at, _, story_id, member in sorted(members, key=lambda one: one[:2]):
        desk.grouping.put(story_id, member.text(), hours_of(at))
    return desk


def hours_of(at: datetime) -> float:
    """Return an instant in hours since 1970."""
    return at.timestamp() / 3600


def snapshot(desk: Desk) -> Any:
    """Return everything as plain values that compare equal for equal desks."""
    return desk.dump(set(desk.themes), set(desk.stories))


def _adopt(desk: Desk, story: Story) -> None:
    desk.stories[story.story_id] = story
    for member in story.members:
        desk.story_of[member.article_id] = story.story_id
        for theme in member.themes:
            if member.is_news and _holds(desk, theme, member.bucket):
                desk.count(story, member, theme)
    for piece in story.pieces:
        if _holds(desk, piece.theme, piece.bucket):
            desk.count_piece(piece)


def _holds(desk: Desk, theme: str, bucket: int) -> bool:
    return theme in desk.themes and bucket >= desk.themes[theme].state.closed.first
