from __future__ import annotations

from pathlib import Path

import pytest

from deskwatch import owners
from deskwatch.errors import ConfigError


def write(directory: Path, text: str) -> Path:
    (directory / owners.FILE).write_text(text)
    return directory


def test_without_a_file_each_outlet_is_its_own_owner(tmp_path: Path) -> None:
    assert owners.load(tmp_path).owner_of("The Times") == "The Times"
    assert owners.check(tmp_path) == []


def test_outlets_are_found_whatever_their_case_and_space(tmp_path: Path) -> None:
    found = owners.load(write(tmp_path, "News Corp: [The  Times, The Sun]\n"))
    assert [found.owner_of(name) for name in ("the times", " THE SUN ", "Le Monde")] == [
        "News Corp",
        "News Corp",
        "Le Monde",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A: [x]\nB: [X]\n", "owners.yaml:2:5: error: 'X' belongs to 'A' already"),
        ("A: x\n", "owners.yaml:1:4"),
        ("A: [x]\nA: [y]\n", "owners.yaml:2"),
        ("A: [1]\n", "owners.yaml:1:5"),
        ("{", "owners.yaml:"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in str(problem) for problem in owners.check(write(tmp_path, text)))
    with pytest.raises(ConfigError):
        owners.load(tmp_path)


def test_fingerprint_changes_with_what_is_said(tmp_path: Path) -> None:
    one = owners.load(write(tmp_path, "A: [x, y]\n")).fingerprint()
    assert owners.load(write(tmp_path, "A: [y, x]\n")).fingerprint() == one
    assert owners.load(write(tmp_path, "A: [y]\n")).fingerprint() != one
