from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.rules.hours import DAYS, nearest_days, nearest_time, read_days, read_time


@given(st.times())
def test_every_minute_of_a_day_is_read(moment: time) -> None:
    assert read_time(moment.strftime("%H:%M")) == moment.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("7:00", "07:00"),
        ("7", "07:00"),
        ("24:00", "00:00"),
        ("7.30", "07:30"),
        ("1730", "17:30"),
        ("17h", ""),
        ("17h30", "17:30"),
        (" 07:00", "07:00"),
        ("25:00", ""),
        ("07:60", ""),
        ("07:00\n", "07:00"),
        ("٠٧:٠٠", ""),
        ("", ""),
        ("noon", ""),
    ],
)
def test_a_wrong_time_is_refused_naming_the_nearest_right_one(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match="is no time of day"):
        read_time(text)
    assert nearest_time(text) == meant


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon", {0}),
        ("mon-sun", {0, 1, 2, 3, 4, 5, 6}),
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("sat,sun", {5, 6}),
        ("fri-mon", {4, 5, 6, 0}),
        ("sun,mon-tue,thu", {6, 0, 1, 3}),
        ("wed-wed", {2}),
    ],
)
def test_days_and_ranges_of_days_are_read(text: str, days: set[int]) -> None:
    assert read_days(text) == days


@given(st.sets(st.integers(0, 6), min_size=1))
def test_every_set_of_days_can_be_written(days: set[int]) -> None:
    assert read_days(",".join(DAYS[day] for day in days)) == days


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("mon-fry", "mon-fri"),
        ("Mon-Fri", "mon-fri"),
        ("monday", "mon"),
        ("mon, wednesday", "mon,wed"),
        ("tues-thurs,sat", "tue-thu,sat"),
        ("weekdays", "mon-fri"),
        ("weekend", "sat,sun"),
        ("daily", "mon-sun"),
        ("lun-ven", ""),
        ("", ""),
        ("-", ""),
        ("mon-tue-wed", ""),
        ("xyz", ""),
        ("mon" * 1000, ""),
    ],
)
def test_unknown_days_are_refused_naming_the_nearest_right_ones(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match="are no days"):
        read_days(text)
    assert nearest_days(text) == meant


def test_a_day_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'mon-fri,tue' names tue twice"):
        read_days("mon-fri,tue")


@given(st.text(max_size=20) | st.text(alphabet="monwedfri-,07:. ", max_size=20))
def test_whatever_is_written_a_suggestion_can_be_read(text: str) -> None:
    if meant := nearest_days(text):
        read_days(meant)
    if found := nearest_time(text):
        read_time(found)
