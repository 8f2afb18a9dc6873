from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.script import Script, load
from demo.world import Item, World, build

EVENT_AT = datetime(2026, 3, 12, 13, tzinfo=UTC)
SCRIPT = load()


def make(days: int = 14, seed: int = 1, script: Script = SCRIPT) -> World:
    return build(
        script,
        start=EVENT_AT - timedelta(days=days),
        event_at=EVENT_AT,
        until=EVENT_AT + timedelta(hours=9),
        seed=seed,
    )


@pytest.fixture(scope="module")
def world() -> World:
    return make()


def items_of(world: World) -> list[Item]:
    return [item for items in world.items.values() for item in items]


def test_world_is_as_large_as_the_demo_can_bear(world: World) -> None:
    assert 8_000 <= world.count() <= 12_000


@settings(max_examples=10)
@given(st.integers(0, 1_000))
def test_same_seed_gives_the_same_world(seed: int) -> None:
    assert make(2, seed) == make(2, seed)


def test_another_seed_gives_another_world() -> None:
    assert items_of(make(2, 1)) != items_of(make(2, 2))


@settings(max_examples=10)
@given(st.integers(0, 1_000), st.integers(1, 4))
def test_items_are_in_order_within_the_time_and_have_guids_of_their_own(seed: int, days: int) -> None:
    world = make(days, seed)
    for items in world.items.values():
        assert [item.at for item in items] == sorted(item.at for item in items)
    everything = items_of(world)
    assert all(world.start <= item.at < world.until for item in everything)
    assert len({item.guid for item in everything}) == len({item.link for item in everything}) == len(everything)


def test_days_are_busier_than_nights_and_weekdays_than_weekends(world: World) -> None:
    zones = {outlet.id: timedelta(hours=outlet.zone_h) for outlet in world.outlets}
    local = [item.at + zones[item.outlet] for item in items_of(world) if item.original is None]
    day = sum(9 <= at.hour < 18 for at in local) / 9
    night = sum(at.hour < 5 for at in local) / 5
    assert day > 4 * night
    weekend = sum(at.weekday() >= 5 for at in local) / 4
    assert weekend < 0.8 * sum(at.weekday() < 5 for at in local) / 10


def test_every_theme_is_written_about_and_most_items_have_none(world: World) -> None:
    before = [item.theme for item in items_of(world) if item.at < EVENT_AT]
    counts = Counter(before)
    assert set(counts) - {None} == set(SCRIPT.themes)
    assert counts[None] > len(before) / 2
    assert min(counts.values()) >= 14 * 5


def test_copies_come_after_their_original_from_another_outlet_with_nearly_its_text(world: World) -> None:
    by_guid = {item.guid: item for item in items_of(world)}
    copies = [item for item in by_guid.values() if item.original is not None]
    assert len(copies) > 500
    for copy in copies:
        original = by_guid[copy.original or ""]
        assert copy.at > original.at
        assert copy.outlet != original.outlet
        assert copy.theme == original.theme
        assert original.text.split(". ")[0] in copy.text


def test_event_is_reported_by_most_outlets_in_their_own_words_within_two_hours(world: World) -> None:
    soon = [
        item
        for item in items_of(world)
        if item.theme == SCRIPT.event.theme
        and item.original is None
        and EVENT_AT <= item.at < EVENT_AT + timedelta(hours=2)
    ]
    assert len({item.outlet for item in soon}) >= 12
    assert len({item.text for item in soon}) == len(soon)


def test_nothing_is_unusual_before_the_event(world: World) -> None:
    theme = SCRIPT.event.theme
    by_day = Counter((EVENT_AT - item.at).days for item in items_of(world) if item.theme == theme)
    assert by_day[-1] > 3 * max(count for day, count in by_day.items() if day >= 0)
