"""The one step of the detector: facts in, buckets and spikes out, and nothing but the log's own time.

Decisions fall on fixed instants, the whole minutes of log time: at an instant all facts with an earlier effective time
are known, whoever delivered them and in how many portions. So to advance in one step or in many is the same.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from deskwatch.records import Bucket, Spike
from streams import episodes, generations, notices
from streams.facts import Fact, Health, Lesson, NewGeneration, Sighting
from streams.grouping import Text
from streams.memory import Desk, FeedState, Member, Piece, Story, Theme, hours_of
from streams.pace import DAY_S, HOUR_S
from streams.rules import Rules
from streams.series import UNOBSERVED
from streams.shares import GONE_DAYS, JOINING_DAYS

EXPIRE_EVERY_S: Final = HOUR_S
OWN_DAYS: Final = 28  # after which little is left of what a theme knew when it began


class Outputs:
    """What a step produced: records to publish, and which parts of the desk changed."""

    def __init__(self) -> None:
        self.buckets: list[Bucket] = []
        self.spikes: list[Spike] = []
        self.themes: set[str] = set()
        self.stories: set[str] = set()
        self.outcomes: Counter[str] = Counter()  # what became of each article

    def add(self, more: Outputs) -> None:
        """Take in what a following step produced."""
        self.buckets += more.buckets
        self.spikes += more.spikes
        self.themes |= more.themes
        self.stories |= more.stories
        self.outcomes += more.outcomes

    def silence(self) -> None:
        """Keep only what changed in the desk."""
        self.buckets.clear()
        self.spikes.clear()
        self.outcomes.clear()


def advance(desk: Desk, batch: Sequence[Fact], until: datetime, rules: Rules) -> tuple[Desk, Outputs]:
    """Take in all facts before `until`, and decide at every instant up to it.

    Args:
        desk: The memory; it is used up, the returned one continues it.
        batch: Every fact with effective time before `until` that no earlier step had, in the order of `facts.order_of`.
        until: The watermark, or any instant before it.
        rules: What counts and what stands out.

    Returns:
        The desk as of `until`, and what is to be published.
    """
    out = Outputs()
    position = 0
    if desk.state.now is None:
        while position < len(batch) and isinstance(batch[position], NewGeneration | Lesson):
            _apply(desk, batch[position], rules, out)
            position += 1
        if position == len(batch):
            return desk, out
        desk.state.now = _floor(batch[position].effective, rules.instant_s)
        desk.state.began = desk.state.now
        generations.begin_at(desk, rules.pace.bucket_of(desk.state.now), rules)
        out.themes.update(desk.themes)
    for instant in _instants(desk.state.now, until, rules.instant_s):
        while position < len(batch) and batch[position].effective < instant:
            _apply(desk, batch[position], rules, out)
            position += 1
        _decide(desk, instant, rules, out)
    for fact in batch[position:]:
        _apply(desk, fact, rules, out)
    desk.state.now = max(desk.state.now, until)
    return desk, out


def _instants(after: datetime, until: datetime, every_s: int) -> list[datetime]:
    first = int(after.timestamp()) // every_s + 1
    last = int(until.timestamp()) // every_s
    return [datetime.fromtimestamp(i * every_s, UTC) for i in range(first, last + 1)]


def _floor(at: datetime, every_s: int) -> datetime:
    return datetime.fromtimestamp(int(at.timestamp()) // every_s * every_s, UTC)


def _apply(desk: Desk, fact: Fact, rules: Rules, out: Outputs) -> None:
    match fact:
        case Health():
            _hear_of_feed(desk, fact)
        case NewGeneration():
            out.spikes += generations.renew(desk, fact, rules, out.themes)
        case Lesson():
            if generations.learn(desk, fact, rules):
                out.themes.add(fact.learnt.theme)
        case Sighting():
            out.outcomes[_count(desk, fact, rules, out)] += 1


def _hear_of_feed(desk: Desk, fact: Health) -> None:
    state = desk.state
    told, known = FeedState(fact.at, fact.ok), state.feeds.get(fact.feed_id)
    if known is not None and told <= known:  # a tick that comes twice must not bring back an old state
        return
    if known is None and state.feeds and state.began and fact.effective - state.began >= timedelta(seconds=DAY_S):
        state.joined[fact.feed_id] = day_of(fact.effective)
    state.feeds[fact.feed_id] = told
    (desk.down.discard if fact.ok else desk.down.add)(fact.feed_id)


def _count(desk: Desk, seen: Sighting, rules: Rules, out: Outputs) -> str:
    """Give an article its story and its place in the buckets; return what became of it."""
    known = desk.story_of.get(seen.article_id)
    took = _retract(desk, desk.stories[known], seen, out) if known else False
    new = seen.themes if known is None else _themes_to_add(desk.stories[known], seen)
    if not new:
        return "retracted" if took else "known" if known else "no_theme"
    if (seen.effective - seen.at).total_seconds() > rules.story_s:
        return "too_old"
    story = _story(desk, seen, known or _same_text(desk, seen))
    desk.state.voices.hear(seen.owner)
    for name in new:
        _theme(desk, name, rules.pace.bucket_of(seen.effective), out)
    bucket = rules.pace.bucket_of(seen.event_at)
    first = known is None  # a revision's text is that of the first one, as good as always
    title, body, at = (seen.title, seen.body, seen.effective) if first else ("", "", None)
    counts = seen.is_news and bucket >= _oldest(seen.effective, rules)
    member = Member(seen.article_id, bucket, seen.owner, new, counts, title, body, at, seen.revision)
    if first:
        desk.grouping.put(story.story_id, member.text(), hours_of(seen.effective))
    held = [name for name in new if member.counts and bucket >= desk.themes[name].series.saved.first]
    story.members.append(member)
    desk.story_of[seen.article_id] = story.story_id
    for name in held:
        desk.count(story, member, name)
        _amend(desk.themes[name], bucket)
        desk.themes[name].state.silence.broken = True
    for name, terms in zip(seen.themes, seen.terms, strict=True):
        if name not in new:
            continue
        story.terms.setdefault(name, terms)
        if not _has_spoken(desk, story, name, seen.feed):
            _first_sight(desk, story, name, member, seen.feed, rules, held=name in held)
    for name in held:
        out.spikes += notices.widen(desk, story, name, seen.effective, rules)
    out.themes.update(held)
    out.stories.add(story.story_id)
    if not seen.is_news:
        return "back_fill"
    return "counted" if held else "late"


def _retract(desk: Desk, story: Story, seen: Sighting, out: Outputs) -> bool:
    """Take out of the themes that it lost an article whose later revision this is; return whether it lost any."""
    own = [(i, member) for i, member in enumerate(story.members) if member.article_id == seen.article_id]
    lost = {theme for _, member in own for theme in member.themes} - set(seen.themes)
    if seen.revision <= max(member.revision for _, member in own) or not lost:
        return False
    for i, member in own:
        for name in sorted(lost.intersection(member.themes)):
            theme = desk.themes[name]
            if member.counts and member.bucket >= theme.series.saved.first:
                theme.series.cells[member.bucket].remove(member.owner, story.story_id)
                _amend(theme, member.bucket)
        kept = tuple(name for name in member.themes if name not in lost)
        story.members[i] = msgspec.structs.replace(member, themes=kept, revision=seen.revision)
    for name in sorted(lost - {theme for member in story.members for theme in member.themes}):
        _take_back(desk, story, name)
    for name in lost:
        desk.themes[name].state.shrunk = True
    out.themes |= lost
    out.stories.add(story.story_id)
    return True


def _take_back(desk: Desk, story: Story, name: str) -> None:
    """Take out the evidence that a story was in a theme in which none of its articles is any more."""
    series = desk.themes[name].series
    for piece in [piece for piece in story.pieces if piece.theme == name]:
        if piece.bucket >= series.saved.first:
            desk.count_piece(piece, -1)
        story.pieces.remove(piece)
    story.terms.pop(name, None)


def _same_text(desk: Desk, seen: Sighting) -> str:
    """Return the story of the articles that carry this text; a new one if there are none."""
    if seen.story_key in desk.stories:
        return seen.story_key
    found = desk.grouping.find(Text(seen.title, seen.body, seen.owner), hours_of(seen.effective))
    return found if found in desk.stories else seen.story_key


def _themes_to_add(story: Story, seen: Sighting) -> tuple[str, ...]:
    """Return the themes that a revision has and no earlier one had; none if a later one is known already."""
    own = [member for member in story.members if member.article_id == seen.article_id]
    if seen.revision < max(member.revision for member in own):
        return ()
    had = {theme for member in own for theme in member.themes}
    return tuple(theme for theme in seen.themes if theme not in had)


def _story(desk: Desk, seen: Sighting, story_id: str) -> Story:
    story = desk.stories.get(story_id)
    if story is None:
        story = desk.stories[story_id] = Story(
            story_id=story_id,
            title=seen.title,
            url=seen.url,
            owner=seen.owner,
            language=seen.language,
            seen_at=seen.at,
            last_at=seen.effective,
        )
    story.last_at = max(story.last_at, seen.effective)
    story.agency = story.agency or seen.agency
    return story


def _has_spoken(desk: Desk, story: Story, name: str, feed: str) -> bool:
    """Return whether a story has come to a theme before; where it waits, only another feed that is new comes second."""
    is_new = feed in desk.state.joined
    return any(piece.theme == name and (is_new or not piece.waits) for piece in story.pieces)


def _first_sight(desk: Desk, story: Story, name: str, member: Member, feed: str, rules: Rules, *, held: bool) -> None:
    """Count a story as evidence when it comes to a theme: once, unless its owner has said enough.

    A feed that is new says nothing yet: the first of the others that has the story speaks for it.
    """
    state, series = desk.themes[name].state, desk.themes[name].series
    joined = desk.state.joined.get(feed)
    waits = joined is not None
    reach, cap = rules.pace.buckets(rules.owner_cap_s), rules.cap(desk.state.voices.number())
    used = series.counted(member.owner, member.bucket - reach + 1, member.bucket + 1, waiting=waits)
    speaks = held and (cap is None or used < cap)
    piece = Piece(name, member.bucket, member.owner, speaks and not waits, speaks and waits)
    story.pieces.append(piece)
    if not speaks:
        return
    desk.count_piece(piece)
    if feed:
        state.shares.hear(feed, member.bucket, rules.pace)
    state.shares.compare(joined, sorted(set(desk.state.joined.values())))
    if not waits:
        state.fresh = member.bucket if state.fresh is None else min(state.fresh, member.bucket)


def _theme(desk: Desk, name: str, first: int, out: Outputs) -> Theme:
    """Return a theme; a new one starts with the bucket of the fact that brings it."""
    theme = desk.themes.get(name)
    if theme is None:
        theme = generations.begin(desk, name, first)
        out.themes.add(name)
    return theme


def _oldest(effective: datetime, rules: Rules) -> int:
    """Return the first bucket that a fact of this time may still amend."""
    closing = rules.pace.bucket_of(effective - timedelta(seconds=rules.grace_s))
    return closing - rules.pace.buckets(rules.settle_s)


def _amend(theme: Theme, bucket: int) -> None:
    if bucket < theme.series.next and bucket not in theme.state.amended:
        theme.state.amended.append(bucket)


def _decide(desk: Desk, instant: datetime, rules: Rules, out: Outputs) -> None:
    """Close the buckets whose time has come, then look for what stands out."""
    pace, settling = rules.pace, rules.pace.buckets(rules.settle_s)
    ends = pace.bucket_of(instant - timedelta(seconds=rules.grace_s))  # buckets before this one are over
    if pace.bucket_of(instant - timedelta(seconds=rules.grace_s + rules.instant_s)) < ends:
        desk.state.rhythm.fade(ends - 1 - settling, pace)
    for name in sorted(desk.themes):
        theme = desk.themes[name]
        closing = theme.series.next < ends
        if not (closing or theme.state.amended or theme.state.shrunk or theme.state.fresh is not None):
            continue
        out.themes.add(name)
        for bucket in sorted(theme.state.amended):
            revision = theme.series.saved.revisions.get(bucket, 0) + 1
            theme.series.saved.revisions[bucket] = revision
            _publish(desk, name, bucket, revision, rules, out)
        theme.state.amended.clear()
        while theme.series.next < ends:
            _close(name, theme, desk, rules, out)
            out.spikes += notices.listen(desk, name, instant, rules)
        out.spikes += episodes.judge(desk, name, instant, rules, closed=closing)
        theme.state.fresh = None
    if int(instant.timestamp()) % EXPIRE_EVERY_S == 0:
        _expire(desk, instant, rules, out)


def _close(name: str, theme: Theme, desk: Desk, rules: Rules, out: Outputs) -> None:
    """Close the next bucket, and learn from the one that nothing amends any more."""
    pace = rules.pace
    series, baseline, rhythm = theme.series, theme.state.baseline, desk.state.rhythm
    bucket = series.next
    health = desk.health(theme, bucket, pace)
    theme.state.guard.age(pace)
    observed = health >= rules.min_health and not theme.state.suspended
    series.close(baseline.expected(bucket, pace) * health if observed else UNOBSERVED, health)
    _publish(desk, name, bucket, 0, rules, out)
    settled = bucket - rules.pace.buckets(rules.settle_s)
    if settled < series.saved.first:
        return
    if bucket - theme.state.since >= OWN_DAYS * pace.day:
        theme.state.learnt_from = ""
    if series.expected(settled) == UNOBSERVED or settled < theme.state.since:
        baseline.age(pace)
    else:
        sums = series.sums(settled + 1, rules.windows)
        count = series.cells[settled].evidence if settled in series.cells else 0
        theme.state.guard.learn(series.sums(settled + 1, rules.peaks), pace)
        baseline.learn(settled, rhythm, count, series.health(settled), sums, pace)
    series.prune(settled - rules.windows[-1] + 1)


def _publish(desk: Desk, name: str, bucket: int, revision: int, rules: Rules, out: Outputs) -> None:
    """Publish a closed bucket. An unobserved one in which nothing was seen is left out: absence says so."""
    theme = desk.themes[name]
    cell = theme.series.cells.get(bucket)
    expected = theme.series.expected(bucket)
    if expected == UNOBSERVED and cell is None:
        return
    out.buckets.append(
        Bucket(
            theme=name,
            start=rules.pace.start_of(bucket),
            end=rules.pace.start_of(bucket + 1),
            revision=revision,
            articles=cell.articles if cell else 0,
            observed=cell.evidence if cell else 0,
            owners=len(cell.owners) if cell else 0,
            expected=max(expected, 0.0),
            health=theme.series.health(bucket),
            scatter=round(theme.state.baseline.variance_factor(rules.hour_window, bucket, rules.pace), 4),
            feeds=len(desk.state.feeds),
            feeds_down=len(desk.down),
        )
    )


def _expire(desk: Desk, instant: datetime, rules: Rules, out: Outputs) -> None:
    """Forget the stories that took in nothing for long; their article ids can only come back as `too_old`."""
    if int(instant.timestamp()) % DAY_S == 0:
        desk.state.voices.end_day()
        _settle_feeds(desk, instant, rules, out)
    before = instant - timedelta(seconds=rules.story_s + EXPIRE_EVERY_S)
    for story_id in [story_id for story_id, story in desk.stories.items() if story.last_at < before]:
        story = desk.stories.pop(story_id)
        out.themes.update(notices.remember_width(desk, story, rules))
        for member in story.members:
            desk.story_of.pop(member.article_id, None)
        out.stories.add(story_id)


def _settle_feeds(desk: Desk, instant: datetime, rules: Rules, out: Outputs) -> None:
    """Let feeds count that have been here for long enough, and forget those that have not answered for long."""
    state, bucket = desk.state, rules.pace.bucket_of(instant)
    known = sorted({day for day in state.joined.values() if day + JOINING_DAYS <= day_of(instant)})
    before = instant - timedelta(days=GONE_DAYS)
    gone = sorted(feed for feed in desk.down if state.feeds[feed].since < before)
    if len(desk.down) == len(state.feeds):
        gone = []  # where none answers, it is not they that are gone
    if not known and not gone:
        return
    for name, theme in desk.themes.items():
        factors = [theme.state.shares.admit(day) for day in known]
        factors.append(theme.state.shares.dismiss(gone, bucket, rules.pace))
        theme.state.baseline.scale(math.prod(factors), rules.pace)
        out.themes.add(name)
    state.joined = {feed: day for feed, day in state.joined.items() if day not in known and feed not in gone}
    for feed in gone:
        del state.feeds[feed]
        desk.down.discard(feed)


def day_of(at: datetime) -> int:
    """Return the number of a day since 1970."""
    return int(at.timestamp()) // DAY_S
