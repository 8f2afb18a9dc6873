"""A theme's counts as a picture: what was seen, what was to be expected, and where it stood out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, Final, NamedTuple

INCHES: Final = (12.0, 4.0)
DPI: Final = 100
TITLE: Final = 100  # characters
SEEN: Final = "#4a6274"
NORMAL: Final = "#2f7d4f"
STANDS_OUT: Final = "#b3400f"
MISSING: Final = "#c9ced6"


class Cell(NamedTuple):
    """One bar: what was seen from `start` on, and what is normal (mean, 5 % and 95 %)."""

    start: datetime
    observed: int
    expected: float
    low: float
    high: float
    is_observed: bool = True  # enough feeds answered


class Span(NamedTuple):
    """An episode."""

    start: datetime
    end: datetime


def draw(title: str, cells: Sequence[Cell], width: timedelta, spans: Sequence[Span] = ()) -> bytes:
    """Return a PNG of cells that are each `width` wide, ascending; the same input gives the same bytes.

    Raises:
        ValueError: there is no cell.
    """
    if not cells:
        raise ValueError("nothing to draw")
    # The object-oriented interface: pyplot would keep every figure, and choose a backend by the surroundings.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    axes: Any = figure.add_subplot()
    starts = [cell.start for cell in cells]
    seen = [cell for cell in cells if cell.is_observed]
    axes.bar(
        starts, [cell.observed for cell in cells], width=width, align="edge", color=SEEN, linewidth=0, label="seen"
    )
    _draw_normal(axes, seen, width)
    for number, span in enumerate(spans):
        label = "episode" if number == 0 else None
        axes.axvspan(span.start, span.end, color=STANDS_OUT, alpha=0.18, linewidth=0, label=label)
    for number, (start, end) in enumerate(_runs([cell.start for cell in cells if not cell.is_observed], width)):
        label = "no data" if number == 0 else None
        axes.axvspan(start, end, facecolor=MISSING, alpha=0.5, hatch="//", edgecolor="white", linewidth=0, label=label)
    axes.set_xlim(starts[0], starts[-1] + width)
    axes.set_ylim(bottom=0)
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(f"reports per {_name(width)}")
    axes.set_title(_plain(title), loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", ncols=4, frameon=False)
    out = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a title may be in any script
        FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
    return out.getvalue()


def _draw_normal(axes: Any, seen: Sequence[Cell], width: timedelta) -> None:
    """Draw the band of what is normal; it breaks where nothing was observed."""
    for number, (start, end) in enumerate(_runs([cell.start for cell in seen], width)):
        run = [cell for cell in seen if start <= cell.start < end]
        edges = [*(cell.start for cell in run), end]
        band = {"step": "post", "color": NORMAL, "linewidth": 0, "alpha": 0.25, "zorder": 1}
        low, high = [cell.low for cell in run], [cell.high for cell in run]
        axes.fill_between(edges, [*low, low[-1]], [*high, high[-1]], label=None if number else "normal", **band)
        mean = [cell.expected for cell in run]
        axes.step(edges, [*mean, mean[-1]], where="post", color=NORMAL, linewidth=1.2, zorder=3)


def _runs(starts: Sequence[datetime], width: timedelta) -> list[tuple[datetime, datetime]]:
    """Return the stretches without a hole that cells at these starts make."""
    runs: list[tuple[datetime, datetime]] = []
    for start in starts:
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + width)
        else:
            runs.append((start, start + width))
    return runs


def _name(width: timedelta) -> str:
    minutes = round(width / timedelta(minutes=1))
    return {60: "hour", 1440: "day"}.get(minutes, f"{minutes} minutes")


def _plain(text: str) -> str:
    return " ".join(text.split())[:TITLE].replace("$", r"\$")  # a dollar would begin a formula
