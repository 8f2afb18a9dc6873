from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from matplotlib.image import imread

from deskwatch.charting import MISSING, SEEN, Cell, Span, draw

T0 = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def cells(counts: list[int], missing: frozenset[int] = frozenset()) -> list[Cell]:
    return [Cell(T0 + i * HOUR, count, 3.0, 1.0, 6.0, i not in missing) for i, count in enumerate(counts)]


def shares(png: bytes, colour: str) -> float:
    """Return which share of a picture has a colour, nearly."""
    pixels = imread(BytesIO(png))[:, :, :3]
    wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return float((abs(pixels - wanted).max(axis=2) < 0.02).mean())


def test_same_input_gives_the_same_bytes() -> None:
    assert draw("Taiwan", cells([1, 2, 9]), HOUR) == draw("Taiwan", cells([1, 2, 9]), HOUR)


def test_more_reports_cover_more_of_the_picture() -> None:
    little, much = (draw("Taiwan", cells([20, count] * 10), HOUR) for count in (1, 15))
    assert shares(much, SEEN) > shares(little, SEEN) * 1.5


def test_episode_and_missing_data_are_seen() -> None:
    plain = draw("Taiwan", cells([1] * 20), HOUR)
    assert draw("Taiwan", cells([1] * 20), HOUR, [Span(T0 + 3 * HOUR, T0 + 9 * HOUR)]) != plain
    holes = draw("Taiwan", cells([0] * 20, frozenset(range(5, 15))), HOUR)
    pale = "#" + "".join(f"{round((int(MISSING[i : i + 2], 16) + 255) / 2):02x}" for i in (1, 3, 5))
    assert shares(holes, pale) > 0.1 > shares(plain, pale)


@pytest.mark.parametrize("title", ["", "$x$ and $$", "台湾海峡", "a\nb", "<b>&amp;</b>", "\\frac{1}{2}", "x" * 500])
def test_any_title_can_be_drawn(title: str) -> None:
    assert draw(title, cells([1]), HOUR).startswith(b"\x89PNG")


def test_nothing_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="nothing"):
        draw("Taiwan", [], HOUR)
