"""An invented episode, to look at an alert before there is one."""

from __future__ import annotations

from datetime import datetime, timedelta

from deskwatch.records import Headline, Severity, Spike, SpikeState

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
