from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.records import DateQuality
from producers.reading.dates import read_date

NOW = datetime(2026, 11, 24, tzinfo=UTC)
EXPLICIT, NAMED = DateQuality.EXPLICIT_TZ, DateQuality.NAMED_TZ
ASSUMED, IMPLAUSIBLE = DateQuality.ASSUMED_UTC, DateQuality.IMPLAUSIBLE


@pytest.mark.parametrize(
    ("raw", "instant", "quality"),
    [
        ("Mon, 23 Nov 2026 19:00:00 +0300", "2026-11-23T16:00", EXPLICIT),
        ("Mon, 23 Nov 2026 19:00:00 GMT", "2026-11-23T19:00", EXPLICIT),
        ("Mon, 23 Nov 2026 19:00:00 +0000 (UTC)", "2026-11-23T19:00", EXPLICIT),
        ("Mon, 23-Nov-2026 19:00:00 GMT", "2026-11-23T19:00", EXPLICIT),
        ("Mon, 23 Nov 2026 19:00:00 UTC+8", "2026-11-23T11:00", EXPLICIT),
        ("Mon, 23 Nov 2026 24:00:00 +0000", "2026-11-24T00:00", EXPLICIT),
        ("23 Nov 26 19:00 EST", "2026-11-24T00:00", NAMED),
        ("Mon, 23 Nov 2026 19:00:00 IST", "2026-11-23T13:30", NAMED),
        ("Mon, 23 Nov 2026 19:00:00 MSK", "2026-11-23T16:00", NAMED),
        ("Mon, 23 Nov 2026 19:00:00 PKT", "2026-11-23T14:00", NAMED),
        ("Mon, 23 Nov 2026 19:00:00 CET", "2026-11-23T18:00", NAMED),
        ("Mon, 23 Nov 2026 19:00:00 Asia/Tehran", "2026-11-23T15:30", NAMED),
        ("Nov 23, 2026 7:00 pm EST", "2026-11-24T00:00", NAMED),
        ("Mon, 23 Nov 2026 19:00:00", "2026-11-23T19:00", ASSUMED),
        ("Monday, November 23, 2026 - 19:00", "2026-11-23T19:00", ASSUMED),
        ("Mon Nov 23 19:00:00 2026", "2026-11-23T19:00", ASSUMED),
        ("Mon Nov 23 19:00:00 UTC 2026", "2026-11-23T19:00", EXPLICIT),
        ("Lun, 23 Nov 2026 19:00:00 +0100", "2026-11-23T18:00", EXPLICIT),
        ("Пн, 23 ноя 2026 19:00:00 +0300", "2026-11-23T16:00", EXPLICIT),
        ("23 ноября 2026 19:00", "2026-11-23T19:00", ASSUMED),
        ("Tue, 1 de febrero de 2022 10:00:00 GMT", "2022-02-01T10:00", EXPLICIT),
        ("2026年11月23日 19:00", "2026-11-23T19:00", ASSUMED),
        ("٢٠٢٦-١١-٢٣ ١٩:٠٠", "2026-11-23T19:00", ASSUMED),
        ("2026-11-23T19:00:00+08:00", "2026-11-23T11:00", EXPLICIT),
        ("2026-11-23T19:00Z", "2026-11-23T19:00", EXPLICIT),
        ("2026-11-23", "2026-11-23T00:00", ASSUMED),
        ("2026/6/29", "2026-06-29T00:00", ASSUMED),
        ("23/11/2026", "2026-11-23T00:00", ASSUMED),
        ("11/23/2026 7:00 PM", "2026-11-23T19:00", ASSUMED),
        ("03.04.2026 19:00", "2026-04-03T19:00", ASSUMED),
        ("1795374000", "2026-11-22T19:00", EXPLICIT),
        ("1795374000123", "2026-11-22T19:00", EXPLICIT),
        ("2099-01-01T00:00:00Z", "2099-01-01T00:00", IMPLAUSIBLE),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00", IMPLAUSIBLE),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00", IMPLAUSIBLE),
        ("1405-09-02", "1405-09-02T00:00", IMPLAUSIBLE),  # a Persian year, not worth trusting
    ],
)
def test_dates_of_real_feeds_are_read_as_meant(raw: str, instant: str, quality: DateQuality) -> None:
    assert read_date(raw, zone=None, now=NOW) == (datetime.fromisoformat(instant).replace(tzinfo=UTC), quality)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "Yesterday",
        "12/03/2026",  # of March or of December
        "Mon, 31 Feb 2026 19:00:00 GMT",
        "Mon, 23 Nov 2026 19:00:00 XYZ",  # a zone nobody knows could be half a day off
        "Thu, 01 Jan 2026 00:00:00 +2500",
        "Thu, 01 Jan 2026 00:00:00 ../../etc/passwd",
        "Mon, 23 Nov 2026 13:00 PM",
        "2026-W48-1",
        "2026",
    ],
)
def test_what_cannot_be_read_for_sure_is_missing(raw: str) -> None:
    assert read_date(raw, zone=None, now=NOW) == (None, DateQuality.MISSING)


def test_the_feeds_zone_holds_for_dates_without_one_and_for_ambiguous_names() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    expected = (datetime(2026, 11, 23, 11, tzinfo=UTC), DateQuality.FEED_TZ)
    assert read_date("Mon, 23 Nov 2026 19:00:00", zone=shanghai, now=NOW) == expected
    assert read_date("Mon, 23 Nov 2026 19:00:00 CST", zone=shanghai, now=NOW) == expected
    assert read_date("Mon, 23 Nov 2026 19:00:00 GMT", zone=shanghai, now=NOW)[1] is EXPLICIT


def test_a_little_ahead_of_our_clock_is_plausible_and_more_is_not() -> None:
    assert read_date("2026-11-24T00:15:00Z", zone=None, now=NOW)[1] is EXPLICIT
    assert read_date("2026-11-24T00:15:01Z", zone=None, now=NOW)[1] is IMPLAUSIBLE


offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(2001, 1, 1), datetime(2026, 1, 1), timezones=offsets)


@given(times)
def test_every_rfc_822_and_iso_date_comes_back_as_the_same_instant(at: datetime) -> None:
    whole = at.replace(microsecond=0)
    for raw in (format_datetime(whole), whole.isoformat(), whole.isoformat(" ")):
        assert read_date(raw, zone=None, now=NOW) == (whole, EXPLICIT)
    assert read_date(at.isoformat(), zone=None, now=NOW) == (at, EXPLICIT)


@given(st.text() | st.text(alphabet="0123456789-/:. +TZ年月日GMTNov,"))
def test_no_text_breaks_the_reader(raw: str) -> None:
    at, quality = read_date(raw, zone=None, now=NOW)
    assert (at is None) is (quality is DateQuality.MISSING)
    assert at is None or at.utcoffset() == timedelta(0)
