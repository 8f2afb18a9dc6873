from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.records import DateQuality
from producers.reading.zones import find_zone, is_zone, read_bare_offset, read_offset, take_iana, take_phrase

WINTER, SUMMER = datetime(2026, 1, 15, 12), datetime(2026, 7, 15, 12)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("+03:00", 180), ("-0330", -210), ("UTC+8", 480), ("gmt - 5", -300), ("Z", 0), ("+0000", 0), ("+14:00", 840)],
)
def test_offsets_are_read(text: str, minutes: int) -> None:
    assert read_offset(text) == timezone(timedelta(minutes=minutes))


@pytest.mark.parametrize("text", ["+14:01", "+2500", "-0360", "+99:99"])
def test_offsets_of_no_place_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no such offset"):
        read_offset(text)


def test_only_a_whole_text_is_a_bare_offset() -> None:
    assert read_bare_offset(" gmt+7 ") == timezone(timedelta(hours=7))
    assert read_bare_offset("gmt+7 or so") is None
    assert read_bare_offset("") is None


def test_names_of_places_are_taken_out() -> None:
    assert take_iana("19:00 Asia/Tehran 2026") == ("19:00   2026", ZoneInfo("Asia/Tehran"))
    assert take_iana("19:00 [Europe/Moscow]")[1] == ZoneInfo("Europe/Moscow")
    assert take_phrase("19:00 moscow time")[1] == ZoneInfo("Europe/Moscow")
    for text in ("Europe/Nowhere", "America/../../etc/passwd", "America/Argentina", "11/23"):
        assert take_iana(text) == (text, None)


@pytest.mark.parametrize(
    ("name", "home", "local", "hours"),
    [
        ("ist", None, WINTER, 5.5),
        ("ist", "Asia/Jerusalem", WINTER, 2),
        ("ist", "Europe/Dublin", SUMMER, 1),
        ("cst", "Asia/Shanghai", WINTER, 8),
        ("cst", "Europe/Paris", WINTER, -6),
        ("pst", "Asia/Manila", WINTER, 8),
        ("pst", "Asia/Shanghai", WINTER, -8),
        ("est", "Australia/Sydney", SUMMER, 10),
        ("et", None, SUMMER, -4),
        ("msk", "America/New_York", WINTER, 3),
    ],
)
def test_the_feeds_zone_decides_what_a_name_of_several_zones_means(
    name: str, home: str | None, local: datetime, hours: float
) -> None:
    zone, quality = find_zone(name, local, ZoneInfo(home) if home else None)
    assert local.replace(tzinfo=zone).utcoffset() == timedelta(hours=hours)
    own = home is not None and hours == local.replace(tzinfo=ZoneInfo(home)).utcoffset() / timedelta(hours=1)  # type: ignore[operator]
    assert quality is (DateQuality.FEED_TZ if own else DateQuality.NAMED_TZ)


def test_utc_is_explicit_and_a_name_nobody_knows_is_refused() -> None:
    assert find_zone("gmt", WINTER, ZoneInfo("Asia/Tokyo")) == (UTC, DateQuality.EXPLICIT_TZ)
    assert not is_zone("xyz")
    with pytest.raises(ValueError, match="xyz"):
        find_zone("xyz", WINTER, None)


@given(st.text() | st.sampled_from(["Asia", "Europe"]).flatmap(lambda area: st.text().map(lambda t: f"{area}/{t}")))
def test_no_text_breaks_the_search(text: str) -> None:
    rest, zone = take_iana(text)
    assert zone is not None or rest == text
