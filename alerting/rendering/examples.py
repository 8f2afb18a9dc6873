"""An invented episode and its further course, to look at an alert before there is one."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import msgspec

from alerting.content.digesting import Coverage, Digest, ThemeCoverage, compose_all_quiet, compose_digest
from alerting.content.message import Missed, Occasion
from alerting.rendering.picturing import SPAN, Point
from alerting.rules.roster import Subscriber
from deskwatch.records import Headline, Severity, Spike, SpikeState, Turn

# Title, outlet, further copies, minutes after the onset.
_HEADLINES = (
    ("Example: coast guard reports unusual number of vessels near the strait", "Example Wire", 6, 4),
    ("Example: chip makers’ shares fall 4 % as insurers review shipping cover", "Sample Business Daily", 2, 22),
    ("Example: foreign ministry summons two ambassadors over remarks", "Mock Herald", 0, 31),
    ("Example: airlines re-route flights, airports report delays of an hour", "Invented Times", 1, 43),
)


def example_spike(theme: str, at: datetime, *, severity: Severity = Severity.HIGH) -> Spike:
    """Return an episode of `theme` noticed at `at`, with headlines that say they are examples."""
    onset = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    return Spike(
        spike_id=f"example-{theme}-{at:%Y%m%d%H%M%S}",
        revision=0,
        theme=theme,
        state=SpikeState.ONSET,
        severity=severity,
        onset_at=onset,
        detected_at=at,
        revised_at=at,
        window_s=3600,
        observed=14,
        expected=3.1,
        expected_low=1.0,
        expected_high=6.0,
        score=2.4,
        articles=23,
        stories=11,
        owners=12,
        headlines=tuple(
            Headline(
                article_id=f"example-{number}",
                title=title,
                url=f"https://news.example.org/{theme}/{number}",
                source=source,
                seen_at=onset + timedelta(minutes=minutes),
                language="en",
                copies=copies,
            )
            for number, (title, source, copies, minutes) in enumerate(_HEADLINES, 1)
        ),
        languages=("en",),
        feeds_total=41,
        feeds_late=("example-feed-3", "example-feed-17"),
        learnt_days=27.5,
    )


def example_course(theme: str, at: datetime, occasion: Occasion) -> tuple[Spike, Spike | None]:
    """Return the invented episode as it is at `at` on an occasion, and what was told of it before."""
    if occasion is Occasion.OPENING:
        return example_spike(theme, at), None
    first = example_spike(theme, at - timedelta(hours=2))
    grown = msgspec.structs.replace(
        first,
        revision=1,
        state=SpikeState.GROWING,
        turn=Turn.GRAVER,
        severity=Severity.CRITICAL,
        observed=47,
        owners=27,
        stories=40,
        articles=90,
        revised_at=at,
        window_end_at=at,
    )
    match occasion:
        case Occasion.RESOLUTION:
            over = {"state": SpikeState.RESOLVED, "turn": Turn.ENDED, "resolved_at": at, "observed": 2}
            return msgspec.structs.replace(grown, revision=2, peak_at=at - timedelta(hours=1), **over), grown
        case Occasion.CORRECTION:
            undone = {"state": SpikeState.WITHDRAWN, "turn": Turn.WITHDRAWN, "observed": 3, "revised_at": at}
            return msgspec.structs.replace(first, revision=1, **undone), first
        case _:
            return grown, first


def example_points(spike: Spike) -> list[Point]:
    """Return what the theme had in the hours before and in the invented episode."""
    end = spike.window_end_at or spike.onset_at + timedelta(seconds=spike.window_s)
    hours = int(SPAN / timedelta(hours=1))
    points = []
    for back in range(hours, 0, -1):
        start = end - timedelta(hours=back)
        expected = spike.expected * (1 + 0.5 * math.sin(start.hour / 24 * math.tau))
        seen = spike.observed if back == 1 else round(expected + (back * 7) % 3 - 1)
        points.append(Point(start, start + timedelta(hours=1), max(seen, 0), expected, 0.1))
    return points


def example_digest(theme: str, at: datetime, subscriber: Subscriber, *, is_quiet: bool) -> Digest:
    """Return an invented digest of what was missed, or the word that all is quiet."""
    if is_quiet:
        themes = (
            ThemeCoverage(title=theme, reports=31, expected=28.4),
            ThemeCoverage(title="Example theme", reports=0, expected=3.2, health=0.4),
        )
        coverage = Coverage(themes=themes, feeds_answering=40, feeds_total=41, articles=12_345)
        return compose_all_quiet(coverage, subscriber, since=at - timedelta(days=1), until=at)
    missed = [
        Missed(spike=example_spike(theme, at - timedelta(hours=3)), reason="quiet_hours", title="", is_over=False),
        Missed(
            spike=example_course(theme, at - timedelta(hours=1), Occasion.RESOLUTION)[0],
            reason="too_late",
            title="",
            is_over=True,
        ),
    ]
    return compose_digest(missed, subscriber, since=at - timedelta(hours=9), until=at)
