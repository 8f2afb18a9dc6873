"""The one step of the detector: facts in, buckets and spikes out, and nothing but the log's own time.

Decisions fall on fixed instants, the whole minutes of log time: at an instant all facts with an earlier effective time
are known, whoever delivered them and in how many portions. So to advance in one step or in many is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from deskwatch.records import Bucket, Spike
from streams import episodes
from streams.facts import Fact, Health, NewGeneration, Sighting
from streams.grouping import Text
from streams.memory import Desk, FeedState, Member, Piece, Story, Theme, ThemeState, hours_of
from streams.pace import DAY_S, HOUR_S, Pace
from streams.rules import Rules
from streams.series import UNOBSERVED, Closed

EXPIRE_EVERY_S: Final = HOUR_S


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
        while position < len(batch) and isinstance(batch[position], NewGeneration):
            _apply(desk, batch[position], rules, out)
            position += 1
        if position == len(batch):
            return desk, out
        desk.state.now = _floor(batch[position].effective, rules.instant_s)
        for name in desk.themes:  # a configuration may be older than the first news by any time: nothing to count there
            desk.themes[name] = Theme(ThemeState(closed=Closed(first=rules.pace.bucket_of(desk.state.now))))
            out.themes.add(name)
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
            told, known = FeedState(fact.at, fact.ok), desk.state.feeds.get(fact.feed_id)
            if known is None or told > known:  # a tick that comes twice must not bring back an old state
                desk.state.feeds[fact.feed_id] = told
        case NewGeneration():
            desk.state.config_hash = fact.config_hash
            for name in fact.themes:
                _theme(desk, name, rules.pace.bucket_of(fact.effective), out)
        case Sighting():
            out.outcomes[_count(desk, fact, rules, out)] += 1


def _count(desk: Desk, seen: Sighting, rules: Rules, out: Outputs) -> str:
    """Give an article its story and its place in the buckets; return what became of it."""
    known = desk.story_of.get(seen.article_id)
    new = seen.themes if known is None else _themes_to_add(desk.stories[known], seen)
    if not new:
        return "known"
    if (seen.effective - seen.at).total_seconds() > rules.story_s:
        return "too_old"
    story = _story(desk, seen, known or _same_text(desk, seen))
    desk.state.voices.hear(seen.owner)
    for name in new:
        _theme(desk, name, rules.pace.bucket_of(seen.effective), out)
    bucket = rules.pace.bucket_of(seen.event_at)
    first = known is None  # a revision's text is that of the first one, as good as always
    text = (seen.title, seen.body, seen.effective) if first else ("", "", None)
    member = Member(seen.article_id, bucket, seen.owner, new, seen.is_news, *text)
    if first:
        desk.grouping.put(story.story_id, member.text(), hours_of(seen.effective))
    held = [name for name in new if seen.is_news and bucket >= _oldest(desk.themes[name], rules)]
    story.members.append(member)
    desk.story_of[seen.article_id] = story.story_id
    for name in held:
        desk.count(story, member, name)
        _amend(desk.themes[name], bucket)
    for name, terms in zip(seen.themes, seen.terms, strict=True):
        if name in new and all(piece.theme != name for piece in story.pieces):
            _first_sight(desk, story, name, member, name in held, rules)
            story.terms[name] = terms
    out.themes.update(held)
    out.stories.add(story.story_id)
    if not seen.is_news:
        return "back_fill"
    return "counted" if held else "late"


def _same_text(desk: Desk, seen: Sighting) -> str:
    """Return the story of the articles that carry this text; a new one if there are none."""
    if seen.story_key in desk.stories:
        return seen.story_key
    found = desk.grouping.find(Text(seen.title, seen.body, seen.owner), hours_of(seen.effective))
    return found if found in desk.stories else seen.story_key


def _themes_to_add(story: Story, seen: Sighting) -> tuple[str, ...]:
    """Return the themes that a revision has and no earlier one had."""
    had = {theme for member in story.members if member.article_id == seen.article_id for theme in member.themes}
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


def _first_sight(desk: Desk, story: Story, theme: str, member: Member, held: bool, rules: Rules) -> None:
    reach, cap = rules.pace.buckets(rules.owner_cap_s), rules.cap(desk.state.voices.number())
    used = desk.themes[theme].series.counted(member.owner, member.bucket - reach + 1, member.bucket + 1)
    piece = Piece(theme, member.bucket, member.owner, held and (cap is None or used < cap))
    story.pieces.append(piece)
    if piece.counts:
        desk.count_piece(piece)
        state = desk.themes[theme].state
        state.fresh = member.bucket if state.fresh is None else min(state.fresh, member.bucket)


def _theme(desk: Desk, name: str, first: int, out: Outputs) -> Theme:
    """Return a theme; a new one starts with the bucket of the fact that brings it."""
    theme = desk.themes.get(name)
    if theme is None:
        theme = desk.themes[name] = Theme(ThemeState(closed=Closed(first=first)))
        out.themes.add(name)
    return theme


def _oldest(theme: Theme, rules: Rules) -> int:
    """Return the first bucket that may still be amended."""
    return max(theme.series.saved.first, theme.series.next - rules.pace.buckets(rules.settle_s))


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
        if not (closing or theme.state.amended or theme.state.fresh is not None):
            continue
        out.themes.add(name)
        for bucket in sorted(theme.state.amended):
            revision = theme.series.saved.revisions.get(bucket, 0) + 1
            theme.series.saved.revisions[bucket] = revision
            _publish(name, theme, bucket, revision, pace, out)
        theme.state.amended.clear()
        while theme.series.next < ends:
            _close(name, theme, desk, rules, out)
        out.spikes += episodes.judge(desk, name, instant, rules, closed=closing)
        theme.state.fresh = None
    if int(instant.timestamp()) % EXPIRE_EVERY_S == 0:
        _expire(desk, instant, rules, out)


def _close(name: str, theme: Theme, desk: Desk, rules: Rules, out: Outputs) -> None:
    """Close the next bucket, and learn from the one that nothing amends any more."""
    pace = rules.pace
    series, baseline, rhythm, health = theme.series, theme.state.baseline, desk.state.rhythm, desk.health()
    bucket = series.next
    theme.state.guard.age(pace)
    observed = health >= rules.min_health
    series.close(baseline.expected(bucket, pace) * health if observed else UNOBSERVED, health)
    _publish(name, theme, bucket, 0, pace, out)
    settled = bucket - rules.pace.buckets(rules.settle_s)
    if settled < series.saved.first:
        return
    if series.expected(settled) == UNOBSERVED:
        baseline.age(pace)
    else:
        sums = series.sums(settled + 1, rules.windows)
        count = series.cells[settled].evidence if settled in series.cells else 0
        theme.state.guard.learn(series.sums(settled + 1, rules.peaks), pace)
        baseline.learn(settled, rhythm, count, series.health(settled), sums, pace)
    series.prune(settled - rules.windows[-1] + 1)


def _publish(name: str, theme: Theme, bucket: int, revision: int, pace: Pace, out: Outputs) -> None:
    """Publish a closed bucket. An unobserved one in which nothing was seen is left out: absence says so."""
    cell = theme.series.cells.get(bucket)
    expected = theme.series.expected(bucket)
    if expected == UNOBSERVED and cell is None:
        return
    out.buckets.append(
        Bucket(
            theme=name,
            start=pace.start_of(bucket),
            end=pace.start_of(bucket + 1),
            revision=revision,
            articles=cell.articles if cell else 0,
            observed=cell.evidence if cell else 0,
            owners=len(cell.owners) if cell else 0,
            expected=max(expected, 0.0),
            health=theme.series.health(bucket),
        )
    )


def _expire(desk: Desk, instant: datetime, rules: Rules, out: Outputs) -> None:
    """Forget the stories that took in nothing for long; their article ids can only come back as `too_old`."""
    if int(instant.timestamp()) % DAY_S == 0:
        desk.state.voices.end_day()
    before = instant - timedelta(seconds=rules.story_s + EXPIRE_EVERY_S)
    for story_id in [story_id for story_id, story in desk.stories.items() if story.last_at < before]:
        for member in desk.stories.pop(story_id).members:
            desk.story_of.pop(member.article_id, None)
        out.stories.add(story_id)
