"""Everything the detector remembers between two steps, in values small enough to be saved one by one."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from deskwatch.records import Severity, SpikeState, Utc
from streams.baseline import Baseline, Rhythm
from streams.grouping import Grouping, Text
from streams.guard import Guard
from streams.pace import Pace
from streams.series import Closed, Series
from streams.shares import Shares
from streams.voices import Voices

THEME: Final = "theme/"
STORY: Final = "story/"
DESK: Final = "desk"
UNDECODABLE: Final = (ValueError, RecursionError)  # what msgspec raises for bytes that are no such value


class Member(msgspec.Struct, frozen=True, array_like=True):
    """One article of a story, in its themes. A revision that adds themes is a member of its own, without text."""

    article_id: str
    bucket: int
    owner: str
    themes: tuple[str, ...]
    counts: bool  # it was news, and not too late for its bucket
    title: str = ""
    body: str = ""
    at: Utc | None = None  # when counting came to it; None for a revision
    revision: int = 0

    def text(self) -> Text:
        """Return what others are compared with."""
        return Text(self.title, self.body, self.owner)


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """The first sight of a story in a theme; it is evidence unless its owner had used up the cap.

    Of a feed that is new it waits instead: it would be evidence if the feed's share were known.
    """

    theme: str
    bucket: int
    owner: str
    counts: bool
    waits: bool = False


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
    noticed: list[str] = []  # themes in which its wide pick-up was told
    members: list[Member] = []
    pieces: list[Piece] = []


class Told(msgspec.Struct, frozen=True, array_like=True):
    """A window that a revision has shown, with what it held and was expected to hold."""

    number: int
    start: int
    end: int
    observed: int
    expected: float


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
    rests_on: list[Told] = []
    lead: str = ""  # the story that dominates
    lead_at: int = 0  # the bucket in which it came to
    top: float = 0.0  # the most reports above normal that half an hour has had
    top_at: int = 0  # the bucket that ended it
    gap: bool = False


class Silence(msgspec.Struct, kw_only=True):
    """How long a theme has had no article, in what should have come: reports, and since which bucket."""

    due: float = 0.0
    since: int | None = None
    spike_id: str = ""  # of the notice about it
    broken: bool = False  # by an article, since the last bucket closed


class Pickup(msgspec.Struct, frozen=True, array_like=True):
    """The widest pick-up of a story that a theme has had lately."""

    owners: float = 0.0
    bucket: int = 0  # as of which


class ThemeState(msgspec.Struct, kw_only=True):
    """The saved part of a theme."""

    closed: Closed
    baseline: Baseline = msgspec.field(default_factory=Baseline)
    guard: Guard = msgspec.field(default_factory=Guard)
    episode: Episode | None = None
    floor: int = 0  # evidence before this bucket belongs to an episode that is over
    fresh: int | None = None  # earliest bucket with evidence that no test has seen
    amended: list[int] = []  # published buckets that have changed since
    shrunk: bool = False  # evidence was taken out since the last decision
    learnt_from: str = ""  # where the baseline comes from, if not from what was counted here
    definition: str = ""  # by which articles come to it
    since: int = 0  # the first bucket that was counted by this definition
    suspended: bool = False  # until it is learnt anew, or for good because it is no theme of the desk any more
    shares: Shares = msgspec.field(default_factory=Shares)
    silence: Silence = msgspec.field(default_factory=Silence)
    widest: Pickup = msgspec.field(default_factory=Pickup)


class FeedState(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Since when a feed answers, or does not."""

    since: Utc
    ok: bool


class DeskState(msgspec.Struct, kw_only=True):
    """The saved part that is common to all themes. `now` is None until the first fact."""

    now: Utc | None = None
    began: Utc | None = None
    joined: dict[str, int] = {}  # feeds whose share is not known yet, and the day (since 1970) on which they came
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
        self.down: set[str] = set()  # feeds that do not answer

    def count(self, story: Story, member: Member, theme: str) -> None:
        """Put one article into the buckets of a theme."""
        self.themes[theme].series.cell(member.bucket).add(member.owner, story.story_id)

    def count_piece(self, piece: Piece, by: int = 1) -> None:
        """Put one piece of evidence into the buckets of its theme, or with -1 take it out again."""
        if piece.counts or piece.waits:
            cell = self.themes[piece.theme].series.cell(piece.bucket)
            (cell.add_waiting if piece.waits else cell.add_evidence)(piece.owner, by)

    def owners_of(self, story: Story, theme: str) -> set[str]:
        """Return who has a story in a theme."""
        return {member.owner for member in story.members if theme in member.themes}

    def health(self, theme: Theme, bucket: int, pace: Pace) -> float:
        """Return the share of a theme's usual evidence whose feeds answer; 1 where no feed is known."""
        if not self.down:
            return 1.0
        return theme.state.shares.health(self.down, len(self.state.feeds), bucket, pace)

    def dump(self, themes: set[str], stories: set[str]) -> dict[str, bytes | None]:
        """Return the saved values of what changed; None for a story that is forgotten."""
        encode = msgspec.json.encode
        values: dict[str, bytes | None] = {DESK: encode(self.state)}
        values.update({THEME + name: encode(self.themes[name].state) for name in sorted(themes)})
        for story_id in sorted(stories):
            story = self.stories.get(story_id)
            values[STORY + story_id] = encode(story) if story else None
        return values


def unreadable(values: Mapping[str, bytes]) -> dict[str, str]:
    """Return the keys of the values that `load` would not take, with what is wrong."""
    wrong = {}
    for key, value in values.items():
        kind = _kind_of(key)
        try:
            if kind:
                msgspec.json.decode(value, type=kind)
        except UNDECODABLE as error:
            wrong[key] = str(error)
    return wrong


def load(values: Mapping[str, bytes]) -> Desk:
    """Return the desk whose dumped values these are.

    Raises:
        UNDECODABLE: a value is not what `dump` wrote.
    """
    was_on = gc.isenabled()
    gc.disable()  # nothing is thrown away here, and to look for it again and again takes as long as all the rest
    try:
        return _load(values)
    finally:
        if was_on:
            gc.enable()


def _load(values: Mapping[str, bytes]) -> Desk:
    desk = Desk()
    if DESK in values:
        desk.state = msgspec.json.decode(values[DESK], type=DeskState)
        desk.down = {feed for feed, state in desk.state.feeds.items() if not state.ok}
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


def _kind_of(key: str) -> type[DeskState | ThemeState | Story] | None:
    if key == DESK:
        return DeskState
    if key.startswith(THEME):
        return ThemeState
    return Story if key.startswith(STORY) else None


def _adopt(desk: Desk, story: Story) -> None:
    desk.stories[story.story_id] = story
    for member in story.members:
        desk.story_of[member.article_id] = story.story_id
        for theme in member.themes:
            if member.counts and _holds(desk, theme, member.bucket):
                desk.count(story, member, theme)
    for piece in story.pieces:
        if _holds(desk, piece.theme, piece.bucket):
            desk.count_piece(piece)


def _holds(desk: Desk, theme: str, bucket: int) -> bool:
    return theme in desk.themes and bucket >= desk.themes[theme].state.closed.first
