from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.errors import KillReason
from producers.state.poison import Poison, Poisoned, _name

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def poisoned(feed_id: str = "a", size: int = 3) -> Poisoned:
    return Poisoned(
        feed_id=feed_id, url="http://x.example/", at=NOW, reason=KillReason.CPU, content_type="text/xml", size=size
    )


def test_a_document_is_kept_with_what_is_known_of_it(tmp_path: Path) -> None:
    poison = Poison(tmp_path / "poison")
    path = poison.add(poisoned(), b"abc")
    assert path == tmp_path / "poison" / "a.body" == poison.path_of("a")
    assert path.read_bytes() == b"abc"
    assert poison.find("a") == poisoned()
    assert sorted(file.name for file in path.parent.iterdir()) == ["a.body", "a.json"]


def test_the_latest_of_a_feed_stays(tmp_path: Path) -> None:
    poison = Poison(tmp_path)
    poison.add(poisoned(), b"first")
    assert poison.add(poisoned(), b"next").read_bytes() == b"next"


def test_number_and_size_are_bounded(tmp_path: Path) -> None:
    poison = Poison(tmp_path, keep=3, max_bytes=10)
    for number in range(6):
        path = poison.add(poisoned(f"f{number}", size=100), b"x" * 100)
        os.utime(path, ns=(number, number))
        assert len(path.read_bytes()) == 10
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "f3.body", "f3.json", "f4.body", "f4.json", "f5.body", "f5.json",
    ]  # fmt: skip
    assert poison.find("f0") is None


def test_a_document_can_be_forgotten(tmp_path: Path) -> None:
    poison = Poison(tmp_path)
    poison.add(poisoned(), b"abc")
    poison.remove("a")
    poison.remove("a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "feed_id", ["../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b", "новости", "x" * 300, "a\0b"]
)
def test_no_id_leads_out_of_the_directory(feed_id: str, tmp_path: Path) -> None:
    poison = Poison(tmp_path / "poison")
    assert poison.add(poisoned(feed_id), b"abc").parent == tmp_path / "poison"
    assert poison.find(feed_id) == poisoned(feed_id)


@given(st.text(), st.text())
def test_two_feeds_never_share_a_file(one: str, other: str) -> None:
    assert (_name(one) == _name(other)) == (one == other)


def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    assert Poison(tmp_path).find("a") is None
