from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.script import FILE, Script, expand, load
from deskwatch.errors import ConfigError

THEMES = {
    *("tariffs", "taiwan", "russia-industrial-base", "us-china-diplomacy", "technology-controls", "south-china-sea"),
    *("election-interference", "counternarcotics", "human-rights", "sanctions", "ukraine-war", "nuclear-proliferation"),
}
SLOTS = {"who": ("{name}", "nobody"), "name": ("Ana", "Bo"), "loop": ("{loop}",)}


@pytest.fixture(scope="module")
def script() -> Script:
    return load()


def test_world_has_the_twelve_themes_and_about_twenty_outlets(script: Script) -> None:
    assert set(script.themes) == THEMES
    assert 18 <= len(script.outlets) + len(script.wires) <= 25
    assert script.event.theme in THEMES


def test_names_of_outlets_are_distinct(script: Script) -> None:
    outlets = [*script.wires, *script.outlets]
    assert len({outlet.id for outlet in outlets}) == len({outlet.name for outlet in outlets}) == len(outlets)


def test_every_phrase_becomes_text_without_braces(script: Script) -> None:
    rng = random.Random(1)
    for phrase in script.phrases():
        for _ in range(5):
            text = expand(phrase, script.slots, rng)
            assert not set("{}") & set(text), text
            assert text.strip() == text
            assert text


def test_event_has_a_headline_for_every_report_of_an_outlet(script: Script) -> None:
    assert len(set(script.event.headlines)) == len(script.event.headlines) >= 10


@given(st.integers(), st.integers(0, 50), st.integers(0, 50))
def test_number_lies_in_its_range(seed: int, low: int, more: int) -> None:
    text = expand(f"{{{low}-{low + more}}}", {}, random.Random(seed))
    assert low <= int(text) <= low + more


@given(st.integers())
def test_same_chance_gives_the_same_text(seed: int) -> None:
    texts = {expand("{who} and {who}", SLOTS, random.Random(seed)) for _ in range(3)}
    assert len(texts) == 1


def test_slot_that_never_ends_is_given_up() -> None:
    assert expand("{loop}", SLOTS, random.Random(1)) == "{loop}"


def test_unknown_slot_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(
        FILE.read_text().replace("{official} of {country} {said} that peace", "{offical} {said} that peace")
    )
    with pytest.raises(ConfigError, match=r"unknown slot 'offical' \(did you mean 'official'\?\)"):
        load(path)
