"""The chart of a mail: what is summed up, and that what matters can be seen in the picture."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fakes.messages import HOUR, opened
from fakes.spikes import ONSET
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from alerting.content.languages.speaking import words_for
from alerting.rendering.picturing import MAX_BYTES, SEEN, SIZE, STANDS_OUT, Point, draw, points_of, sum_up
from deskwatch.counts import normal_range
from deskwatch.records import Bucket, Spike

GOLDEN = Path(__file__).parent / "golden"
STEP = timedelta(minutes=5)
END = ONSET + HOUR
SHANGHAI = ZoneInfo("Asia/Shanghai")


def points(hours: int = 36, *, seen: int = 1, last: int = 3, end: datetime = END) -> list[Point]:
    """Return points up to `end`: so many reports in each, and in each of the last hour."""
    number = hours * 12
    return [
        Point(end - (number - i) * STEP, end - (number - i - 1) * STEP, last if i >= number - 12 else seen, 0.5, 0.1)
        for i in range(number)
    ]


def unheard(found: list[Point], start: datetime, end: datetime) -> list[Point]:
    return [one._replace(health=0.1, observed=0) if start <= one.start < end else one for one in found]


def picture(
    found: list[Point], spike: Spike | None = None, *, zone: ZoneInfo = SHANGHAI, language: str = "en"
) -> bytes:
    return draw(found, spike or opened(), zone, words_for(language))


def share(png: bytes, colour: str) -> float:
    """Return which share of a picture has a colour, nearly."""
    pixels = imread(BytesIO(png))[:, :, :3]
    wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return float((abs(pixels - wanted).max(axis=2) < 0.03).mean())


def test_a_picture_is_small_twice_as_fine_as_shown_and_the_same_for_the_same_input() -> None:
    png = picture(points())

    assert png == picture(points())
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">II", png[16:24]) == (SIZE[0] * 2, SIZE[1] * 2)
    assert len(png) <= MAX_BYTES
    assert b"tEXt" not in png
    assert b"tIME" not in png


def test_a_picture_looks_as_it_did(tmp_path: Path) -> None:
    found = unheard(points(seen=0), END - 20 * HOUR, END - 14 * HOUR)
    png = picture([one._replace(observed=i % 3 % 2) if i < 400 else one for i, one in enumerate(found)])
    (tmp_path / "chart.png").write_bytes(png)
    now, then = (imread(path / "chart.png") for path in (tmp_path, GOLDEN))

    assert now.shape == then.shape
    assert float(abs(now - then).mean()) < 0.005, f"see {tmp_path / 'chart.png'}"  # fonts may differ a little


def test_the_busiest_picture_is_small_enough_too() -> None:
    found = [one._replace(observed=(i * 7919) % 1000, scatter=0.4) for i, one in enumerate(points())]

    assert len(picture(unheard(found, END - 20 * HOUR, END - 10 * HOUR))) <= MAX_BYTES


def test_what_stands_out_is_seen_and_what_is_normal_is_not_marked() -> None:
    loud, calm = picture(points(last=5)), picture(points(seen=1, last=1))

    assert share(loud, STANDS_OUT) > 0.01
    assert share(calm, STANDS_OUT) < 0.002
    assert share(loud, SEEN) > 0.05


def test_hours_without_data_look_other_than_hours_without_news() -> None:
    none = picture(
        [one._replace(observed=0) if END - 20 * HOUR <= one.start < END - 10 * HOUR else one for one in points()]
    )
    blind = picture(unheard(points(), END - 20 * HOUR, END - 10 * HOUR))

    assert share(blind, "#e4e7ea") > share(none, "#e4e7ea") + 0.03


def test_the_time_of_the_episode_is_highlighted() -> None:
    short, long = (picture(points(), opened(onset_at=END - n * HOUR, window_end_at=END)) for n in (1, 12))

    assert share(long, "#f4e4dd") > share(short, "#f4e4dd") + 0.05


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Paris", "America/St_Johns"])
def test_the_hours_are_those_of_the_reader(zone: str) -> None:
    other = picture(points(), zone=ZoneInfo(zone))

    assert other.startswith(b"\x89PNG")
    assert other != picture(points(), zone=SHANGHAI)


def test_a_picture_needs_no_letters_of_its_readers_language() -> None:
    assert picture(points(), language="zh") == picture(points(), language="en")


@pytest.mark.parametrize("found", [[], unheard(points(), END - 40 * HOUR, END), points(end=END + 90 * HOUR)])
def test_where_nothing_was_observed_there_is_no_picture(found: list[Point]) -> None:
    with pytest.raises(ValueError, match="nothing to draw for taiwan before 2026-11-24"):
        picture(found)


@given(
    st.lists(st.tuples(st.integers(-50 * 12, 12), st.integers(0, 500), st.floats(0, 20), st.floats(0, 1)), max_size=60)
)
def test_each_report_of_the_hours_shown_is_in_one_bar(found: list[tuple[int, int, float, float]]) -> None:
    taken = [
        Point(END + place * STEP, END + (place + 1) * STEP, n, mean, 0.2, health) for place, n, mean, health in found
    ]
    bars = sum_up(taken, END)

    assert len(bars) == 36
    assert [bar.start for bar in bars] == [END - (36 - i) * HOUR for i in range(36)]
    assert sum(bar.observed for bar in bars) == sum(one.observed for one in taken if END - 36 * HOUR <= one.start < END)
    assert all(bar.low <= bar.high for bar in bars)


def test_an_hour_is_observed_where_most_of_it_was() -> None:
    half, less = (sum_up(unheard(points(), END - HOUR, END - HOUR + n * STEP), END)[-1] for n in (6, 7))

    assert half.is_observed
    assert not less.is_observed


def test_the_last_revision_of_a_bucket_counts() -> None:
    def bucket(place: int, revision: int, observed: int) -> Bucket:
        values: dict[str, Any] = {"articles": observed, "observed": observed, "owners": 1, "expected": 0.5}
        start = ONSET + place * STEP
        return Bucket(
            theme="taiwan", start=start, end=start + STEP, revision=revision, scatter=0.2, health=0.9, **values
        )

    found = points_of([bucket(1, 0, 5), bucket(0, 1, 2), bucket(0, 0, 7)])

    assert found == [
        Point(ONSET, ONSET + STEP, 2, 0.5, 0.2, 0.9),
        Point(ONSET + STEP, ONSET + 2 * STEP, 5, 0.5, 0.2, 0.9),
    ]


@pytest.mark.parametrize(("mean", "phi"), [(0.3, 0.1), (3.1, 0.1), (40.0, 0.3), (900.0, 0.05)])
def test_what_is_normal_holds_nine_of_ten_counts(mean: float, phi: float) -> None:
    from scipy.stats import nbinom

    found = nbinom(1 / phi, 1 / (1 + phi * mean))
    assert normal_range(mean, phi) == (int(found.ppf(0.05)), int(found.ppf(0.95)))
