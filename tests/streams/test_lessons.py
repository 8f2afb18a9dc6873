"""Lessons as records and as files: what is read back is what was learnt, and nonsense is refused with its place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk_facts import T0, quiet_days
from hypothesis import given
from hypothesis import strategies as st

from deskwatch import codec
from deskwatch.errors import CodecError, CodecReason, ConfigError
from deskwatch.records import Learnt, Normal
from streams import lessonfile
from streams.advancing import advance
from streams.baseline import Rhythm
from streams.facts import Lesson
from streams.lessons import lesson, take, wrong_with
from streams.memory import Desk, Theme, ThemeState
from streams.pace import PACE
from streams.reading import LogState, Reader
from streams.rules import Rules
from streams.series import Closed
from streams.watermark import Watermark

UNTIL = T0 + timedelta(days=3)


@pytest.fixture(scope="module")
def taught() -> tuple[Desk, Learnt]:
    desk, _ = advance(Desk(), quiet_days(3), UNTIL, Rules())
    return desk, lesson("taiwan", "d1", desk.themes["taiwan"], UNTIL, "backtest", PACE)


def normal(**changes: Any) -> Normal:
    values: dict[str, Any] = {"shape": 1.0, "exposure": 9.0, "buckets": 5, "scatter": ((-1.0, 2.0),)}
    values |= dict.fromkeys(("seen", "due", "days"), (1.0,) * 48)
    return Normal(**(values | changes))


def learnt_with(**changes: Any) -> Learnt:
    return Learnt(theme="taiwan", definition="d1", holds_from=T0, until=T0, normal=normal(**changes))


def test_theme_that_takes_a_lesson_knows_what_its_teacher_knew(taught: tuple[Desk, Learnt]) -> None:
    desk, learnt = taught
    again = codec.decode(codec.encode(learnt), codec.headers_of(learnt))
    assert again == learnt
    assert wrong_with(learnt) == ""
    theme, bucket = Theme(ThemeState(closed=Closed(first=0))), PACE.bucket_of(UNTIL)
    take(theme, learnt, desk.state.rhythm, bucket, PACE)
    teacher = desk.themes["taiwan"].state
    teacher.baseline.fit(PACE.cell(bucket), desk.state.rhythm, again=True)
    for at in range(bucket, bucket + 288, 12):
        assert theme.state.baseline.expected(at) == pytest.approx(teacher.baseline.expected(at))
        assert theme.state.baseline.variance_factor(2, at) == pytest.approx(teacher.baseline.variance_factor(2, at))
    assert theme.state.guard == teacher.guard
    assert theme.state.learnt_from == "backtest"


def test_shares_mean_the_same_wherever_their_pieces_weigh_one(taught: tuple[Desk, Learnt]) -> None:
    shares = taught[0].themes["taiwan"].state.shares
    for feed in ("wire", "paper", "wire"):
        shares.hear(feed, PACE.bucket_of(T0))
    bucket = PACE.bucket_of(UNTIL)
    moved = shares.as_of(bucket)
    assert moved.health({"paper"}, 9, bucket + 500) == pytest.approx(shares.health({"paper"}, 9, bucket + 500))


def test_theme_that_has_learnt_nothing_teaches_nothing() -> None:
    fresh = Theme(ThemeState(closed=Closed(first=0)))
    assert lesson("taiwan", "d1", fresh, UNTIL, "backtest", PACE).normal is None
    assert wrong_with(lesson("taiwan", "d1", fresh, UNTIL, "backtest", PACE)) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seen": (1.0,) * 47}, "normal.seen has 47 hours instead of 48"),
        ({"days": ()}, "normal.days has 0 hours"),
        ({"shape": 0.0}, "above 0"),
        ({"exposure": -1.0}, "above 0"),
        ({"scatter": ((1.0, 0.0),)}, "normal.scatter"),
        ({"scatter": ((float("nan"), 1.0),)}, "normal.scatter"),
        ({"due": (*(1.0,) * 47, float("inf"))}, "negative or none"),
        ({"openings": -1.0}, "negative or none"),
        ({"feeds": {"wire": -2.0}}, "negative or none"),
    ],
)
def test_nonsense_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in wrong_with(learnt_with(**changes))


numbers = st.floats(1e-9, 1e11) | st.sampled_from([0.0, -1.0, float("nan"), float("inf")])
hours = st.lists(st.floats(0, 1e11), min_size=48, max_size=48).map(tuple)


@given(
    st.builds(
        normal,
        shape=numbers,
        exposure=numbers,
        seen=hours,
        due=hours,
        days=hours,
        scatter=st.lists(st.tuples(numbers, numbers), max_size=5).map(tuple),
        openings=numbers,
        widest=numbers,
    ),
    st.integers(0, 1000),
)
def test_whatever_passes_can_be_counted_by(found: Normal, gap: int) -> None:
    learnt = Learnt(theme="taiwan", definition="", holds_from=T0, until=T0, normal=found)
    if wrong_with(learnt):
        return
    theme, bucket = Theme(ThemeState(closed=Closed(first=0))), PACE.bucket_of(T0) + gap
    take(theme, learnt, Rhythm(), bucket, PACE)
    assert theme.state.baseline.expected(bucket) >= 0
    theme.state.baseline.learn(bucket, Rhythm(), 1, 1.0, [(1, 1.0)] * 5, PACE)
    assert theme.state.baseline.expected(bucket) < float("inf")


def test_lesson_of_the_log_is_a_fact_and_one_that_is_none_is_refused() -> None:
    reader = Reader(LogState(watermark=Watermark(shards=2, partitions=[])), 1)
    good, bad = learnt_with(), learnt_with(seen=())
    (fact,) = reader.read(0, codec.encode(good), codec.headers_of(good))
    assert isinstance(fact, Lesson)
    assert fact.learnt == good
    with pytest.raises(CodecError, match=r"normal.seen has 0 hours") as caught:
        reader.read(1, codec.encode(bad), codec.headers_of(bad))
    assert caught.value.reason is CodecReason.MALFORMED
    assert reader.state.position == 2


def test_file_gives_back_what_was_written(tmp_path: Path, taught: tuple[Desk, Learnt]) -> None:
    other = msgspec.structs.replace(taught[1], theme="tariffs")
    lessonfile.write(tmp_path / "lessons.jsonl", [taught[1], other])
    assert lessonfile.load(tmp_path / "lessons.jsonl") == {"taiwan": taught[1], "tariffs": other}
    assert [path.name for path in tmp_path.iterdir()] == ["lessons.jsonl"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ":1:1: error: holds no lesson"),
        (b"\n{}\n", ":2:1: error: no lesson: Object missing required field `theme`"),
        (b"\xff\xfe", ":1:1: error: no lesson"),
        (b"[" * 100_000, ":1:1: error: no lesson"),
        (codec.encode(learnt_with(shape=-1.0)), ":1:1: error: normal.shape"),
        (2 * (codec.encode(learnt_with()) + b"\n"), ":2:1: error: line 1 has told of 'taiwan' already"),
        (None, ":1:1: error: No such file or directory: `deskwatch backtest --learn` writes such a file"),
    ],
)
def test_file_that_is_none_is_refused_with_its_place(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "lessons.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        lessonfile.load(path)
    assert f"{path}{said}" in str(caught.value)
