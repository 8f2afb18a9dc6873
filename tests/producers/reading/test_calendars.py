from __future__ import annotations

from datetime import date

import jdatetime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reading.calendars import MONTHS, PERSIAN_MONTHS, find_months, fold, make_date, make_era_date


@pytest.mark.parametrize("written", ["ŞUBAT", "şubat", "FÉVRIER", "Fevrier", "９月", "٩", "İ", "Πέμπτη", "ΠΈΜΠΤΗ"])
def test_folding_twice_is_folding_once(written: str) -> None:
    assert fold(fold(written)) == fold(written)
    assert fold(written) == fold(written.lower())


def test_accents_width_and_kinds_of_ya_do_not_matter() -> None:
    assert fold("Août") == fold("AOUT")
    assert fold("９") == fold("٩") == fold("۹") == "9"
    assert fold("فروردين") == fold("فروردین")


def test_every_name_means_one_month_whatever_the_language() -> None:
    assert find_months(fold("août"), "") == (8,)
    assert find_months(fold("בנובמבר"), "he") == (11,)
    assert find_months("harbour", "") == ()
    assert not set(MONTHS) & set(PERSIAN_MONTHS)
    assert all(1 <= month <= 12 for month in MONTHS.values())


def test_names_of_two_months_need_a_language() -> None:
    assert find_months("lipca", "hr") == (7,)
    assert find_months("listopada", "hr-HR") == (10,)
    assert find_months("listopada", "pl") == (11,)
    assert find_months("listopada", "und") == (10, 11)


@given(st.dates(date(1990, 1, 1), date(2050, 1, 1)))
def test_days_of_other_calendars_come_back(day: date) -> None:
    persian = jdatetime.date.fromgregorian(date=day)
    assert make_date(persian.year, persian.month, persian.day) == day
    assert make_date(day.year + 543, day.month, day.day) == day
    assert make_date(day.year, day.month, day.day) == day
    assert make_era_date("民國", day.year - 1911, day.month, day.day) == day


@pytest.mark.parametrize("day", [(2026, 2, 29), (1404, 12, 30), (2026, 13, 1), (0, 1, 1), (2026, 1, 0), (1405, 0, 9)])
def test_days_that_are_none_are_none(day: tuple[int, int, int]) -> None:
    assert make_date(*day) is None
