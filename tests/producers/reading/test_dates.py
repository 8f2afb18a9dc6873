from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.records import DateQuality
from producers.reading.dates import read_date

NOW = datetime(2026, 11, 25, tzinfo=UTC)
EXPLICIT, NAMED, FEED = DateQuality.EXPLICIT_TZ, DateQuality.NAMED_TZ, DateQuality.FEED_TZ
ASSUMED, IMPLAUSIBLE = DateQuality.ASSUMED_UTC, DateQuality.IMPLAUSIBLE

USUAL = [
    ("Mon, 23 Nov 2026 19:00:00 +0300", "2026-11-23T16:00", EXPLICIT),
    ("Mon, 23 Nov 2026 19:00:00 GMT", "2026-11-23T19:00", EXPLICIT),
    ("Mon, 23 Nov 2026 19:00:00 +0000 (UTC)", "2026-11-23T19:00", EXPLICIT),
    ("Mon, 23-Nov-2026 19:00:00 GMT", "2026-11-23T19:00", EXPLICIT),
    ("2026-11-23T19:00:00+08:00", "2026-11-23T11:00", EXPLICIT),
    ("2026-11-23T19:00:00-0330", "2026-11-23T22:30", EXPLICIT),
    ("2026-11-23T19:00Z", "2026-11-23T19:00", EXPLICIT),
    ("2026-11-23T19Z", "2026-11-23T19:00", EXPLICIT),
    ("2026-11-23 19:00:00.25 UTC", "2026-11-23T19:00:00.25", EXPLICIT),
    ("2026-11-23", "2026-11-23T00:00", ASSUMED),
    ("2026-11-23+08:00", "2026-11-22T16:00", EXPLICIT),
    ("20261123T190000Z", "2026-11-23T19:00", EXPLICIT),
    ("20261123190000", "2026-11-23T19:00", ASSUMED),
    ("202611231900", "2026-11-23T19:00", ASSUMED),
    ("2026-W48-1", "2026-11-23T00:00", ASSUMED),
    ("2026-327T19:00:00Z", "2026-11-23T19:00", EXPLICIT),
    ("2026/6/29", "2026-06-29T00:00", ASSUMED),
    ("1795374000", "2026-11-22T19:00", EXPLICIT),
    ("1795374000123", "2026-11-22T19:00:00.123", EXPLICIT),
    ("/Date(1795374000000+0300)/", "2026-11-22T19:00", EXPLICIT),
    ("Mon, 23 Nov 2026 24:00:00 +0000", "2026-11-24T00:00", EXPLICIT),
    ("Mon, 23 Nov 2026 23:59:60 GMT", "2026-11-24T00:00", EXPLICIT),
    ("23 Nov 26 19:00 EST", "2026-11-24T00:00", NAMED),
    ("03 Apr 02 1500 GMT", "2002-04-03T15:00", EXPLICIT),
    ("Mon, 23 Nov 2026 19:00:00", "2026-11-23T19:00", ASSUMED),
    ("Monday, November 23, 2026 - 19:00", "2026-11-23T19:00", ASSUMED),
    ("Mon Nov 23 19:00:00 2026", "2026-11-23T19:00", ASSUMED),
    ("Mon Nov 23 19:00:00 UTC 2026", "2026-11-23T19:00", EXPLICIT),
    ("Mon Nov 23 19:00:00 +0300 2026", "2026-11-23T16:00", EXPLICIT),
    ("Mon Nov 23 19:00:00 2026 +0300", "2026-11-23T16:00", EXPLICIT),
    ("Mon Nov 23 2026 19:00:00 GMT+0300 (Moscow Standard Time)", "2026-11-23T16:00", EXPLICIT),
    ("Nov 23, 2026 12:30 a.m.", "2026-11-23T00:30", ASSUMED),
]
ZONES = [
    ("Mon, 23 Nov 2026 19:00:00 IST", "2026-11-23T13:30", NAMED),
    ("Mon, 23 Nov 2026 19:00:00 MSK", "2026-11-23T16:00", NAMED),
    ("Mon, 23 Nov 2026 19:00:00 PKT", "2026-11-23T14:00", NAMED),
    ("Mon, 23 Nov 2026 19:00:00 CET", "2026-11-23T18:00", NAMED),
    ("Mon, 23 Nov 2026 19:00:00 UTC+8", "2026-11-23T11:00", EXPLICIT),
    ("Mon, 23 Nov 2026 19:00:00 GMT+0530", "2026-11-23T13:30", EXPLICIT),
    ("Mon, 23 Nov 2026 19:00:00 GMT-3", "2026-11-23T22:00", EXPLICIT),
    ("Mon, 23 Nov 2026 19:00:00 +03:00 (MSK)", "2026-11-23T16:00", EXPLICIT),
    ("Mon, 23 Nov 2026 19:00:00 (MSK)", "2026-11-23T16:00", NAMED),
    ("Mon, 23 Nov 2026 19:00:00 -0500 EST", "2026-11-24T00:00", EXPLICIT),
    ("Mon, 23 Nov 2026 19:00:00 Asia/Tehran", "2026-11-23T15:30", NAMED),
    ("2026-11-23T19:00:00+03:00[Europe/Moscow]", "2026-11-23T16:00", EXPLICIT),
    ("Wed, 1 Jul 2026 19:00:00 Europe/Paris", "2026-07-01T17:00", NAMED),
    ("Jul 1, 2026, 7 p.m. ET", "2026-07-01T23:00", NAMED),
    ("Nov 23, 2026 7:00 pm EST", "2026-11-24T00:00", NAMED),
    ("Mon, 23 Nov 2026 19:00:00 China Standard Time", "2026-11-23T11:00", NAMED),
    ("2026-11-23 19:00 北京时间", "2026-11-23T11:00", NAMED),
    ("23 ноября 2026 г., 19:00 (мск)", "2026-11-23T16:00", NAMED),
    ("Thứ hai, 23/11/2026, 19:00 (GMT+7)", "2026-11-23T12:00", EXPLICIT),
]
LANGUAGES = [
    ("Lun, 23 Nov 2026 19:00:00 +0100", "2026-11-23T18:00", EXPLICIT),
    ("Пн, 23 ноя 2026 19:00:00 +0300", "2026-11-23T16:00", EXPLICIT),
    ("Tue, 1 de febrero de 2022 10:00:00 GMT", "2022-02-01T10:00", EXPLICIT),
    ("mar., 24 nov. 2026 08:00", "2026-11-24T08:00", ASSUMED),
    ("lundi 23 novembre 2026 à 19h30", "2026-11-23T19:30", ASSUMED),
    ("1er août 2026", "2026-08-01T00:00", ASSUMED),
    ("23. März 2026, 19 Uhr", "2026-03-23T19:00", ASSUMED),
    ("23 de novembro de 2026, 19h", "2026-11-23T19:00", ASSUMED),
    ("23 de noviembre de 2026, 7:00 p. m.", "2026-11-23T19:00", ASSUMED),
    ("23 novembre 2026 ore 19.05", "2026-11-23T19:05", ASSUMED),
    ("maandag 2 maart 2026 om 19:00", "2026-03-02T19:00", ASSUMED),
    ("pon, 23 lis 2026 19:00", "2026-11-23T19:00", ASSUMED),
    ("23 września 2026, godz. 19:00", "2026-09-23T19:00", ASSUMED),
    ("23. července 2026", "2026-07-23T00:00", ASSUMED),
    ("23 iunie 2026 19:00", "2026-06-23T19:00", ASSUMED),
    ("23 липня 2026, 19:00", "2026-07-23T19:00", ASSUMED),
    ("23 Kasım 2026 Pazartesi, 19:00", "2026-11-23T19:00", ASSUMED),
    ("23 AĞUSTOS 2026", "2026-08-23T00:00", ASSUMED),
    ("Senin, 23 November 2026 19.00 WIB", "2026-11-23T12:00", NAMED),
    ("23. marraskuuta 2026 klo 19.00", "2026-11-23T19:00", ASSUMED),
    ("23 augusti 2026", "2026-08-23T00:00", ASSUMED),
    ("23. oktober 2026 kl. 19:00", "2026-10-23T19:00", ASSUMED),
    ("2026. november 23. 19:00", "2026-11-23T19:00", ASSUMED),
    ("Δευτέρα, 23 Νοεμβρίου 2026 7:00 μ.μ.", "2026-11-23T19:00", ASSUMED),
    ("23 tháng 11, 2026 19:00", "2026-11-23T19:00", ASSUMED),
    ("الاثنين 23 نوفمبر 2026 7:00 م", "2026-11-23T19:00", ASSUMED),
    ("23 تموز 2026", "2026-07-23T00:00", ASSUMED),
    ("٢٠٢٦-١١-٢٣ ١٩:٠٠", "2026-11-23T19:00", ASSUMED),
    ("23 בנובמבר 2026 19:00", "2026-11-23T19:00", ASSUMED),
    ("23 नवंबर 2026 19:00", "2026-11-23T19:00", ASSUMED),
    ("2026年11月23日 19:00", "2026-11-23T19:00", ASSUMED),
    ("2026年11月23日(月) 下午3点05分", "2026-11-23T15:05", ASSUMED),
    ("２０２６年１１月２３日　１９：００", "2026-11-23T19:00", ASSUMED),
    ("2026. 11. 23. 오후 7:00", "2026-11-23T19:00", ASSUMED),
    ("2026년 11월 23일 월요일 19시 30분", "2026-11-23T19:30", ASSUMED),
]
CALENDARS = [
    ("1405-09-02", "2026-11-23T00:00", ASSUMED),
    ("۱۴۰۵/۰۹/۰۲ ۱۹:۰۰", "2026-11-23T19:00", ASSUMED),
    ("دوشنبه ۲ آذر ۱۴۰۵، ساعت ۱۹:۰۰", "2026-11-23T19:00", ASSUMED),
    ("1403/12/30", "2025-03-20T00:00", ASSUMED),  # a Persian leap day
    ("23 พ.ย. 2569 19:00 น.", "2026-11-23T19:00", ASSUMED),
    ("民國115年11月23日 19:00", "2026-11-23T19:00", ASSUMED),
    ("令和8年11月23日 19時30分", "2026-11-23T19:30", ASSUMED),
]
NUMBERS = [
    ("23/11/2026", "2026-11-23T00:00", ASSUMED),
    ("11/23/2026 7:00 PM", "2026-11-23T19:00", ASSUMED),
    ("11/23/26 7:00 PM", "2026-11-23T19:00", ASSUMED),
    ("03.04.2026 19:00", "2026-04-03T19:00", ASSUMED),
    ("05/05/2026", "2026-05-05T00:00", ASSUMED),
    ("Tuesday, 03/11/2026", "2026-11-03T00:00", ASSUMED),  # 11 March is a Wednesday
]
ODD = [
    ("2099-01-01T00:00:00Z", "2099-01-01T00:00", IMPLAUSIBLE),
    ("1970-01-01T00:00:00Z", "1970-01-01T00:00", IMPLAUSIBLE),
    ("0001-01-01T00:00:00Z", "0001-01-01T00:00", IMPLAUSIBLE),
]


@pytest.mark.parametrize(
    ("raw", "instant", "quality"),
    [*USUAL, *ZONES, *LANGUAGES, *CALENDARS, *NUMBERS, *ODD],
    ids=lambda value: str(value),
)
def test_dates_of_real_feeds_are_read_as_meant(raw: str, instant: str, quality: DateQuality) -> None:
    assert read_date(raw, zone=None, now=NOW) == (datetime.fromisoformat(instant).replace(tzinfo=UTC), quality)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "Yesterday",
        "2 hours ago",
        "vor 2 Stunden",
        "12/03/2026",  # of March or of December
        "٠٣/١٢/٢٠٢٦",
        "Thursday, 03/12/2026",  # both are Thursdays
        "23/11/26",  # or 2023
        "23 listopada 2026",  # of November in Poland, of October in Croatia
        "Mon, 31 Feb 2026 19:00:00 GMT",
        "2026-02-29",
        "2026-23-11",
        "2026-11/23",
        "2026-11-23 25:00",
        "2026-11-23T19:61:00Z",
        "Mon, 23 Nov 2026 19:00:00 XYZ",  # a zone nobody knows could be half a day off
        "Mon, 23 Nov 2026 19:00:00 (some time)",
        "Mon, 23 Nov 2026 19:00:00 B",
        "Mon, 23 Nov 2026 19:00:00 MSK PKT",
        "Mon, 23 Nov 2026 19:00:00 Z+08:00",
        "Thu, 01 Jan 2026 00:00:00 +2500",
        "Thu, 01 Jan 2026 00:00:00 ../../etc/passwd",
        "Thu, 01 Jan 2026 00:00:00 Europe/../Atlantis",
        "Mon, 23 Nov 2026 13:00 PM",
        "2026年11月23日 晚上12点",
        "23 Nov 2026 19:00 - 24 Nov 2026 20:00",
        "2026-11-23 / 2026-11-24",
        "0000-00-00 00:00:00",
        "9999-12-31T23:59:59-14:00",
        "23 جمادى الآخرة 1448",
        "23 نوامبر 1405",
        "23 Nov",
        "November 2026",
        "2026",
        "2026-11-23" + " x" * 60,
    ],
)
def test_what_cannot_be_read_for_sure_is_missing(raw: str) -> None:
    assert read_date(raw, zone=None, now=NOW) == (None, DateQuality.MISSING)


def test_the_feeds_zone_holds_for_dates_without_one_and_for_names_of_several_zones() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    expected = (datetime(2026, 11, 23, 11, tzinfo=UTC), FEED)
    assert read_date("Mon, 23 Nov 2026 19:00:00", zone=shanghai, now=NOW) == expected
    assert read_date("Mon, 23 Nov 2026 19:00:00 CST", zone=shanghai, now=NOW) == expected
    assert read_date("Mon, 23 Nov 2026 19:00:00 GMT", zone=shanghai, now=NOW)[1] is EXPLICIT
    # a Chinese feed that says PST means the Pacific
    pacific = (datetime(2026, 11, 24, 3, tzinfo=UTC), NAMED)
    assert read_date("Mon, 23 Nov 2026 19:00:00 PST", zone=shanghai, now=NOW) == pacific
    israel = read_date("Wed, 01 Jul 2026 19:00:00 IST", zone=ZoneInfo("Asia/Jerusalem"), now=NOW)
    assert israel == (datetime(2026, 7, 1, 16, tzinfo=UTC), FEED)


@pytest.mark.parametrize(
    ("zone", "language", "day"),
    [
        (None, "de", "2026-12-03"),
        (None, "pt-BR", "2026-12-03"),
        ("Europe/London", "en", "2026-12-03"),
        (None, "en-US", "2026-03-12"),
        ("America/New_York", "en", "2026-03-12"),
        ("America/Toronto", "en", None),
        (None, "en", None),
        ("America/New_York", "es", None),  # contradictory
    ],
)
def test_where_a_feed_is_from_tells_days_from_months(zone: str | None, language: str, day: str | None) -> None:
    at, _ = read_date("03/12/2026", zone=ZoneInfo(zone) if zone else None, now=NOW, language=language)
    assert (at and at.astimezone(ZoneInfo(zone or "UTC")).date().isoformat()) == day


def test_the_language_settles_what_a_month_is_called() -> None:
    assert read_date("23 listopada 2026", zone=None, now=NOW, language="pl")[0] == datetime(2026, 11, 23, tzinfo=UTC)
    assert read_date("23 listopada 2026", zone=None, now=NOW, language="hr")[0] == datetime(2026, 10, 23, tzinfo=UTC)


def test_a_little_ahead_of_our_clock_is_plausible_and_more_is_not() -> None:
    assert read_date("2026-11-25T00:15:00Z", zone=None, now=NOW)[1] is EXPLICIT
    assert read_date("2026-11-25T00:15:01Z", zone=None, now=NOW)[1] is IMPLAUSIBLE


@pytest.mark.parametrize("part", ["1", "9:", "Nov ", " ", "(", "年", "+0", "a.", "٣", "23/11/"])
def test_long_input_takes_no_time(part: str) -> None:
    started = time.process_time()
    for length in (99, 990, 1_000_000):
        read_date(part * (length // len(part)), zone=None, now=NOW)
    assert time.process_time() - started < 0.2


offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(2001, 1, 1), datetime(2026, 1, 1), timezones=offsets)


@given(times)
def test_every_rfc_822_and_iso_date_comes_back_as_the_same_instant(at: datetime) -> None:
    whole = at.replace(microsecond=0)
    for raw in (format_datetime(whole), whole.isoformat(), whole.isoformat(" "), whole.strftime("%Y%m%dT%H%M%S%z")):
        assert read_date(raw, zone=None, now=NOW) == (whole, EXPLICIT)
    for raw in (whole.ctime(), whole.strftime("%A, %B %d, %Y %I:%M:%S %p"), whole.strftime("%d.%m.%Y - %H:%M:%S")):
        assert read_date(raw, zone=None, now=NOW) == (whole.replace(tzinfo=UTC), ASSUMED)
    assert read_date(at.isoformat(), zone=None, now=NOW) == (at, EXPLICIT)


@given(st.text() | st.text(alphabet="0123456789-/:. +TZ年月日GMTNov,(午後é"))
def test_no_text_breaks_the_reader(raw: str) -> None:
    at, quality = read_date(raw, zone=None, now=NOW)
    assert (at is None) is (quality is DateQuality.MISSING)
    assert at is None or at.utcoffset() == timedelta(0)
