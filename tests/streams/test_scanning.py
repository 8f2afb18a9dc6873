"""One series, judged as it comes."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from deskwatch.cli import group
from deskwatch.configfile import Problem
from streams.countfile import judge_rows, read_rows, step_of
from streams.scanning import Scanner, Verdict

DAY = 288
MONDAY = 4 * DAY  # 5 January 1970


def counts(days: int, rate: float, seed: int = 1) -> list[int]:
    wave = 1 + 0.5 * np.cos(np.arange(days * DAY) / DAY * 2 * np.pi)
    return [int(one) for one in np.random.default_rng(seed).poisson(rate * wave)]


def judged(values: list[int], step_s: int = 300) -> list[Verdict]:
    scanner = Scanner(step_s, MONDAY)
    return [scanner.step(value) for value in values]


@pytest.mark.slow
def test_quiet_series_raises_hardly_any_alert() -> None:
    openings = sum(v.opens for rate in (0.1, 1.0, 10.0) for v in judged(counts(30, rate)))
    assert openings <= 2


@pytest.mark.parametrize("rate", [0.3, 3.0, 30.0])
def test_event_opens_one_episode_within_half_an_hour(rate: float) -> None:
    values = counts(20, rate)
    start = 15 * DAY + 100
    for i in range(start, start + 36):
        values[i] += round(6 * rate) + 2
    opened = [i for i, verdict in enumerate(judged(values)) if verdict.opens and i >= 15 * DAY]
    assert len(opened) == 1
    assert start <= opened[0] <= start + 6


def test_first_day_only_learns() -> None:
    assert not any(verdict.score for verdict in judged([0] * 100 + [500] * 100))


def test_expectation_follows_the_hours() -> None:
    verdicts = judged(counts(20, 5.0))[-DAY:]
    assert np.mean([v.expected for v in verdicts[:24]]) > 2 * np.mean([v.expected for v in verdicts[132:156]])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 50), min_size=300, max_size=400), st.integers(1, 60))
def test_what_comes_later_has_no_say(values: list[int], cut: int) -> None:
    assert judged(values)[: len(values) - cut] == judged(values[: len(values) - cut])


def test_hole_is_no_spike_and_no_silence() -> None:
    scanner = Scanner(300, MONDAY)
    for value in counts(10, 4.0):
        scanner.step(value)
    scanner.skip(DAY)
    after = [scanner.step(value) for value in counts(1, 4.0, seed=2)]
    assert not any(verdict.opens for verdict in after)
    assert after[0].expected > 2


@pytest.mark.parametrize("step_s", [60, 3600, 86_400])
def test_longer_and_shorter_buckets_work_too(step_s: int) -> None:
    values = [int(one) for one in np.random.default_rng(3).poisson(5, 400)]
    values[350] = 80
    opened = [i for i, verdict in enumerate(judged(values, step_s)) if verdict.opens]
    if step_s < 3600:
        assert opened == []  # 400 minutes are less than the first day
    else:
        assert 350 in opened
        assert len(opened) <= 2  # at two false ones in three months, in 400 days


def rows(text: str, problems: list[Problem]) -> list[str]:
    return [row.timestamp for row in read_rows(text.splitlines(), "f.csv", problems)]


def test_lines_that_cannot_be_read_are_named_and_the_rest_goes_on() -> None:
    problems: list[Problem] = []
    good = ("2024-01-01 00:00:00,5", "1704067800,7,more")
    text = f"\ufefftimestamp,value\n{good[0]}\nx,3\n2024-01-01T00:05Z,-1\n\n{good[1]}\n2024-01-01,7\n9,nan\n"
    assert rows(text, problems) == ["2024-01-01 00:00:00", "1704067800"]
    assert [problem.line for problem in problems] == [3, 4, 7, 8]


def test_other_names_in_the_first_line_are_said() -> None:
    problems: list[Problem] = []
    assert rows("time,count\n2024-01-01,5\n", problems) == ["2024-01-01"]
    assert "timestamp,value" in str(problems[0])


def test_steps_are_told_from_the_lines_and_holes_stay_holes() -> None:
    read = read_rows(["0,1", "600,2", "1200,3", "9600,4"], "f", [])
    assert step_of(read) == 600
    assert [verdict is not None for _, verdict in judge_rows(read, 600)] == [True] * 4


def test_command_adds_three_columns() -> None:
    result = CliRunner().invoke(
        group, ["detect", "-"], input="timestamp,value\n2024-01-01T00:00,5\n2024-01-01T00:05,7\n"
    )
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "timestamp,value,expected,score,alert"
    assert lines[1].startswith("2024-01-01T00:00,5,")
    assert lines[2].endswith(",0.0000,0")


def test_command_says_what_it_could_not_read() -> None:
    result = CliRunner().invoke(group, ["detect", "-"], input="2024-01-01,5\nno,7\n")
    assert result.exit_code == 1
    assert ":2:1: error: 'no,7'" in result.stderr


def test_empty_file_gives_the_names_alone() -> None:
    result = CliRunner().invoke(group, ["detect", "-"], input="")
    assert (result.exit_code, result.stdout) == (0, "timestamp,value,expected,score,alert\n")
