from __future__ import annotations

import pytest

from deskwatch.errors import ConfigError
from deskwatch.settings import load_section
from producers.settings import ProducerSettings


def test_settings_come_from_the_environment() -> None:
    found = load_section(ProducerSettings, "producers", {"DESKWATCH_PRODUCERS_TICK_S": "0.5"})
    assert found.tick_s == 0.5
    assert not found.allow_private_addresses


@pytest.mark.parametrize(
    ("name", "value"), [("tick_s", 0), ("concurrency", -1), ("contact", "a\nHost: b"), ("contact", "é")]
)
def test_impossible_settings_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        ProducerSettings(**{name: value})


def test_a_misspelt_variable_names_the_right_one() -> None:
    with pytest.raises(ConfigError, match="DESKWATCH_PRODUCERS_TICK_S"):
        load_section(ProducerSettings, "producers", {"DESKWATCH_PRODUCERS_TICKS": "1"})
