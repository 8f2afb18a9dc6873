"""A report of `evaluating` as people and programs read it, and the guard that compares it with what files promise."""

from __future__ import annotations

import io
from collections.abc import Mapping

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from classifiers.definition import Measured
from classifiers.evaluating import Difference, Estimate, Report, Score


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """A theme that is found worse than its file says."""

    theme: str
    f1: float
    promised: float
    low: float
    date: str

    def __str__(self) -> str:
        return (
            f"{self.theme}: F1 is {_figure(self.f1)}, below {_figure(self.low)}, the low end of the "
            f"{_figure(self.promised)} measured on {self.date}"
        )


def render(report: Report, *, width: int = 120) -> str:
    """Return the report as a table with one sentence for each other variant."""
    first, *others = report.variants
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("theme", no_wrap=True)
    for name in ("n", "P", "R", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(f"{report.level:.0%}", no_wrap=True)
    for name in others:
        table.add_column(f"F1 {name}", justify="right", no_wrap=True)
    for result in report.themes:
        table.add_row(result.theme, str(result.positives), *_cells(result.scores, first, others))
    table.add_section()
    table.add_row("micro", str(sum(result.positives for result in report.themes)), *_cells(report.micro, first, others))
    table.add_row("macro", "", *_cells(report.macro, first, others))
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False, emoji=False).print(table)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return "\n".join([*lines, "", *_sentences(report)]) + "\n"


def as_json(report: Report) -> bytes:
    """Return the report as one line of JSON, figures to four digits."""
    return msgspec.json.encode(_rounded(msgspec.to_builtins(report))) + b"\n"


def dropped(report: Report, measured: Mapping[str, Measured], data_hash: str) -> list[Drop]:
    """Return the themes whose F1 is below the interval that their file gives for the very same articles."""
    drops = []
    for result in report.themes:
        promise = measured.get(result.theme)
        f1 = result.scores[report.variants[0]].f1.value
        # Files hold rounded figures: half a digit below is not below.
        if promise and promise.data == data_hash and f1 is not None and f1 < promise.f1.low - 0.0005:
            drops.append(
                Drop(theme=result.theme, f1=f1, promised=promise.f1.value, low=promise.f1.low, date=promise.date)
            )
    return drops


def _cells(scores: Mapping[str, Score], first: str, others: list[str]) -> list[str]:
    score = scores[first]
    interval = "" if score.f1.value is None else f"{_figure(score.f1.low)}-{_figure(score.f1.high)}"
    own = [_figure(part.value) for part in (score.precision, score.recall, score.f1)]
    return [*own, interval, *(_figure(scores[name].f1.value) for name in others)]


def _sentences(report: Report) -> list[str]:
    first = report.variants[0]
    lines = [f"{report.articles:,} articles, intervals from {report.samples:,} resamples of them."]
    lines += [_compare(first, name, difference) for name, difference in report.differences.items()]
    without = [result.theme for result in report.themes if not result.positives]
    if without:
        lines.append(f"No article carries {', '.join(without)}: not in micro or macro.")
    if report.unknown:
        lines.append(f"No theme file for {', '.join(report.unknown)}: these labels are not scored.")
    return lines


def _compare(first: str, other: str, difference: Difference) -> str:
    micro, macro = difference.micro, difference.macro
    if micro.value is None or macro.value is None:
        return f"{first} and {other} cannot be compared: no article carries a theme."
    if _low(micro) > 0 and _low(macro) > 0:
        verdict = "beats"
    elif _high(micro) < 0 and _high(macro) < 0:
        verdict = "is worse than"
    elif _low(micro) > 0 or _low(macro) > 0:
        verdict = f"beats, in {'micro' if _low(micro) > 0 else 'macro'} F1 alone,"
    else:
        verdict = "does not clearly beat"
    return f"{first} {verdict} {other}: micro F1 {_signed(micro)}, macro F1 {_signed(macro)}."


def _low(estimate: Estimate) -> float:
    return estimate.low or 0.0


def _high(estimate: Estimate) -> float:
    return estimate.high or 0.0


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} [{_low(estimate):+.3f}, {_high(estimate):+.3f}]"


def _figure(value: float | None) -> str:
    """Return a share in the short form of tables: `.913`, `-` where it is not defined."""
    if value is None:
        return "-"
    text = f"{value:.3f}"
    return text[1:] if text.startswith("0.") else text


def _rounded(data: object) -> object:
    if isinstance(data, dict):
        return {key: _rounded(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_rounded(value) for value in data]
    return round(data, 4) if isinstance(data, float) else data
