"""From an episode to the record that tells of it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final

from deskwatch.counts import normal_range
from deskwatch.records import Headline, Spike, SpikeState, Turn
from streams.memory import Desk, Episode, Story, Told
from streams.pace import Pace
from streams.rules import Rules
from streams.series import Window
from streams.standouts import held, scatter_of, surprise_of, threshold

HEADLINES: Final = 5
OUTLETS: Final = 50  # named in a record, for subscriptions that ask for some of them
LATE_FEEDS: Final = 20  # named in an alert; more would help nobody


def tell(desk: Desk, name: str, episode: Episode, instant: datetime, window: Window, rules: Rules, turn: Turn) -> Spike:
    """Return the current revision of a theme's episode, as the given window shows it, and note what it has told."""
    theme = desk.themes[name]
    low, high = normal_range(window.expected, scatter_of(theme, window, rules))
    cells = [theme.series.cells[bucket] for bucket in held(theme, window)]
    stories = Counter[str]()
    for cell in cells:
        stories.update(cell.stories.keys())
    start = rules.pace.start_of(window.start)
    end = min(rules.pace.start_of(window.end), instant)  # the last bucket may be running
    score = round(surprise_of(theme, window, rules) / threshold(theme, rules), 3)
    if turn in (Turn.OPENED, Turn.GRAVER, Turn.SURER, Turn.NEW_STORY):
        rate = rules.false_rate(score)
        episode.told = min(episode.told or rate, rate)
        episode.rests_on.append(Told(window.number, window.start, window.end, window.observed, window.expected))
    owners = sorted({owner for cell in cells for owner in cell.owners})
    return Spike(
        spike_id=episode.spike_id,
        revision=episode.revision,
        theme=name,
        state=episode.state,
        severity=episode.severity,
        onset_at=episode.onset_at,
        detected_at=episode.detected_at,
        revised_at=instant,
        window_s=int((end - start).total_seconds()),
        window_end_at=end,
        observed=window.observed,
        expected=round(window.expected, 3),
        expected_low=low,
        expected_high=high,
        score=score,
        articles=sum(cell.articles for cell in cells),
        stories=len(stories),
        owners=len(owners),
        resolved_at=instant if episode.state is SpikeState.RESOLVED else None,
        headlines=_headlines(desk, name, stories, episode.lead),
        languages=tuple(sorted({desk.stories[story].language for story in stories})),
        feeds_total=len(desk.state.feeds),
        feeds_late=late_feeds(desk),
        learnt_days=round(theme.state.baseline.learnt / rules.pace.day, 2),
        config_hash=desk.state.config_hash,
        origins=len({desk.stories[story].agency or story for story in stories}),
        false_rate=episode.told,
        turn=turn,
        peak_at=_peak_at(episode, rules.pace),
        data_gap=episode.gap,
        health=round(desk.health(theme, theme.series.next, rules.pace), 4),
        feeds_new=len(desk.state.joined),
        learnt_from=theme.state.learnt_from,
        outlets=tuple(owners[:OUTLETS]),
    )


def late_feeds(desk: Desk) -> tuple[str, ...]:
    """Return the first feeds that do not answer."""
    return tuple(sorted(desk.down)[:LATE_FEEDS])


def headline(story: Story, theme: str) -> Headline:
    """Return what an alert may show of a story."""
    return Headline(
        article_id=story.members[0].article_id,
        title=story.title,
        url=story.url,
        source=story.owner,
        seen_at=story.seen_at,
        language=story.language,
        copies=max(_members_in(story, theme) - 1, 0),
        terms=story.terms.get(theme, ()),
    )


def _headlines(desk: Desk, theme: str, found: Counter[str], lead: str) -> tuple[Headline, ...]:
    """Return the story that dominates, then those with the most copies, the earliest first among equals."""
    stories = [desk.stories[story_id] for story_id in found]
    ranked = [(story.story_id != lead, -_members_in(story, theme), story.seen_at, story.story_id) for story in stories]
    return tuple(headline(desk.stories[rank[-1]], theme) for rank in sorted(ranked)[:HEADLINES])


def _members_in(story: Story, theme: str) -> int:
    return sum(theme in member.themes for member in story.members)


def _peak_at(episode: Episode, pace: Pace) -> datetime | None:
    return pace.start_of(episode.top_at) if episode.top_at else None
