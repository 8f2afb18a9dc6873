"""What a theme had in the last hours and what was normal, as a small picture for a mail.

It holds numbers and times but no words: those stand in the text beside it, in the reader's language, and a machine
without Chinese letters draws the same picture as one with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.content.figures import window_end
from alerting.content.languages.speaking import Speaker
from alerting.content.languages.words import Words
from deskwatch.counts import normal_range
from deskwatch.records import Bucket, Spike

SIZE: Final = (600, 180)  # as shown; it is drawn at twice as many pixels
SPAN: Final = timedelta(hours=36)
MAX_BYTES: Final = 40_000
UNOBSERVED: Final = 0.3  # health below it, as in `records.Bucket`

SEEN: Final = "#4a6274"
NORMAL: Final = "#2f7d4f"
STANDS_OUT: Final = "#b3400f"
MISSING: Final = "#c9ced6"
INK: Final = "#56606d"

_HOUR: Final = timedelta(hours=1)
_DPI: Final = 200


class Point(NamedTuple):
    """What one theme had in one closed window, as in `records.Bucket`."""

    start: datetime
    end: datetime
    observed: int
    expected: float
    scatter: float = 0.0
    health: float = 1.0


class Bar(NamedTuple):
    """One hour: what was seen, what is normal (5 % and 95 %), and whether enough feeds answered to know."""

    start: datetime
    observed: int
    expected: float
    low: float
    high: float
    is_observed: bool


def points_of(buckets: Sequence[Bucket]) -> list[Point]:
    """Return the points of one theme's buckets, ascending, each in its last revision."""
    last: dict[datetime, Bucket] = {}
    for bucket in sorted(buckets, key=lambda one: one.revision):
        last[bucket.start] = bucket
    return [
        Point(one.start, one.end, one.observed, one.expected, one.scatter, one.health)
        for _, one in sorted(last.items())
    ]


def sum_up(points: Sequence[Point], until: datetime, span: timedelta = SPAN) -> list[Bar]:
    """Return a bar for each hour of `span` before `until`, ascending; an hour mostly unobserved is marked as such."""
    number = int(span / _HOUR)
    sums: list[list[Point]] = [[] for _ in range(number)]
    first = until - number * _HOUR
    for point in points:
        place = (point.start - first) // _HOUR
        if 0 <= place < number:
            sums[place].append(point)
    return [_bar(first + i * _HOUR, found) for i, found in enumerate(sums)]


def draw(points: Sequence[Point], spike: Spike, zone: ZoneInfo, words: Words) -> bytes:
    """Return a PNG of the hours up to the window that `spike` is told by; the same input gives the same bytes.

    Raises:
        ValueError: no point lies in these hours.
    """
    bars = sum_up(points, window_end(spike))
    if not any(bar.is_observed for bar in bars):
        raise ValueError(f"nothing to draw for {spike.theme} before {window_end(spike)}")
    # The object-oriented interface: pyplot would keep every figure, and choose a backend by the surroundings.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE[0] * 2 / _DPI, SIZE[1] * 2 / _DPI), dpi=_DPI)
    axes: Any = figure.add_axes((0.06, 0.15, 0.9, 0.8))
    _draw_bars(axes, bars, spike)
    _draw_normal(axes, bars)
    _label(axes, bars, zone, Speaker(words, zone))
    out = BytesIO()
    FigureCanvasAgg(figure).print_png(out, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return out.getvalue()


def _bar(start: datetime, points: Sequence[Point]) -> Bar:
    seen = [point for point in points if point.health >= UNOBSERVED]
    observed, expected = sum(point.observed for point in points), sum(point.expected for point in seen)
    length = sum((point.end - point.start for point in seen), timedelta())
    low, high = 0, 0
    if expected > 0:
        low, high = normal_range(expected, sum(one.scatter * one.expected for one in seen) / expected or 0.1)
    return Bar(start, observed, expected, low, high, length >= _HOUR / 2)


def _draw_bars(axes: Any, bars: Sequence[Bar], spike: Spike) -> None:
    end = window_end(spike)
    axes.axvspan(max(spike.onset_at, bars[0].start), end, color=STANDS_OUT, alpha=0.14, linewidth=0, zorder=0)
    for bar in bars:
        in_episode = bar.start + _HOUR > spike.onset_at and bar.start < end
        colour = STANDS_OUT if in_episode and bar.observed > bar.high else SEEN
        axes.bar(bar.start + _HOUR / 2, bar.observed, width=_HOUR * 0.86, color=colour, linewidth=0, zorder=2)
        if not bar.is_observed:
            pale = {"facecolor": MISSING, "alpha": 0.5, "hatch": "////", "edgecolor": "white", "linewidth": 0}
            axes.axvspan(bar.start, bar.start + _HOUR, zorder=1, **pale)


def _draw_normal(axes: Any, bars: Sequence[Bar]) -> None:
    """Draw the band of what is normal; it breaks where nothing was observed."""
    for run in _runs(bars):
        edges = [*(bar.start for bar in run), run[-1].start + _HOUR]
        low, high = [bar.low for bar in run], [bar.high for bar in run]
        band = {"step": "post", "color": NORMAL, "linewidth": 0, "alpha": 0.3, "zorder": 1}
        axes.fill_between(edges, [*low, low[-1]], [*high, high[-1]], **band)
        mean = [bar.expected for bar in run]
        axes.step(edges, [*mean, mean[-1]], where="post", color=NORMAL, linewidth=1.0, zorder=4)


def _label(axes: Any, bars: Sequence[Bar], zone: ZoneInfo, say: Speaker) -> None:
    """Write the last number, the reader's hours, and the day as ISO 8601 has it where one begins."""
    top = max(max(bar.observed, bar.high) for bar in bars) or 1
    last, end = bars[-1], bars[-1].start + _HOUR
    axes.text(
        last.start + _HOUR / 2,
        last.observed + top * 0.03,
        say.number(last.observed),
        ha="center",
        va="bottom",
        fontsize=9,
        fontweight="bold",
        color=STANDS_OUT if last.observed > last.high else INK,
    )
    axes.set_xlim(bars[0].start, end)
    axes.set_ylim(0, top * 1.18)
    ticks = list(_ticks(bars[0].start, end, zone))
    axes.set_xticks(ticks)
    axes.set_xticklabels([_hour(at.astimezone(zone)) for at in ticks])
    heights = sorted({round(top / 2), round(top)})
    axes.set_yticks(heights)
    axes.set_yticklabels([say.number(height) for height in heights])
    axes.tick_params(labelsize=8, colors=INK, length=2, width=0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set(color=MISSING, linewidth=0.8)
    axes.grid(axis="y", color=MISSING, linewidth=0.4, alpha=0.6, zorder=0)


def _ticks(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield each reader's hour that six divides."""
    local = start.astimezone(zone)
    at = start - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    while at <= end:
        if at >= start and at.astimezone(zone).hour % 6 == 0:
            yield at
        at += _HOUR


def _hour(local: datetime) -> str:
    return f"{local:%m-%d}" if local.hour == 0 else f"{local:%H:%M}"


def _runs(bars: Sequence[Bar]) -> Iterator[list[Bar]]:
    """Yield the stretches of bars without a hole."""
    run: list[Bar] = []
    for bar in bars:
        if bar.is_observed:
            run.append(bar)
        elif run:
            yield run
            run = []
    if run:
        yield run
