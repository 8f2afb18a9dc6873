from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from classifiers.combined import CombinedClassifier
from classifiers.definition import Figure, Measured, Terms, Theme
from classifiers.keywords import KeywordClassifier
from classifiers.model.file import load_model
from deskwatch.owners import Owners
from streams.identity import identify
from streams.rules import Rules
from streams.settings import StreamSettings

THEME = Theme(
    title="Harbours",
    definition="Ships.",
    terms={"en": Terms(decisive=("harbour strike",))},
    must_match=("A harbour strike",),
    must_not_match=("Weather",),
)
THEMES = {
    "harbours": THEME,
    "pilots": msgspec.structs.replace(THEME, terms={"en": Terms(strong=("pilot",))}, parents=("harbours",)),
    "railways": msgspec.structs.replace(THEME, terms={"en": Terms(strong=("railway",))}),
}
NOBODY = Owners({})
MEASURED = Measured(
    precision=Figure(value=1, low=1, high=1),
    recall=Figure(value=1, low=1, high=1),
    f1=Figure(value=1, low=1, high=1),
    articles=1,
    positives=1,
    date="",
    data="",
    classifier="",
)


def definitions(themes: dict[str, Theme], rules: Rules | None = None, owners: Owners = NOBODY) -> dict[str, str]:
    return dict(identify(KeywordClassifier(themes), rules or Rules(), owners).definitions)


def changed(**changes: Any) -> set[str]:
    """Return the themes that are other ones after a change of `pilots`."""
    before = definitions(THEMES)
    after = definitions(THEMES | {"pilots": msgspec.structs.replace(THEMES["pilots"], **changes)})
    return {name for name in before if before[name] != after[name]}


def test_equal_configurations_are_one() -> None:
    assert definitions(dict(reversed(THEMES.items()))) == definitions(THEMES)
    assert identify(KeywordClassifier(THEMES), Rules(), NOBODY) == identify(KeywordClassifier(THEMES), Rules(), NOBODY)


def test_edited_theme_is_another_one_and_so_are_those_above_it() -> None:
    assert changed(terms={"en": Terms(strong=("pilot", "tug"))}) == {"pilots", "harbours"}
    assert changed(threshold=0.9) == {"pilots", "harbours"}
    assert changed(parents=()) == {"harbours"}


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Pilots"},
        {"definition": "Those who bring ships in."},
        {"must_match": ("The pilot", "Pilots")},
        {"measured": MEASURED},
    ],
)
def test_texts_examples_and_measurements_change_no_theme(changes: dict[str, Any]) -> None:
    assert changed(**changes) == set()


def test_what_only_judges_changes_the_generation_but_no_theme() -> None:
    stricter = Rules(threshold=4.0, quiet_s=3600, min_stories=4)
    assert definitions(THEMES, stricter) == definitions(THEMES)
    classifier = KeywordClassifier(THEMES)
    assert identify(classifier, stricter, NOBODY).config_hash != identify(classifier, Rules(), NOBODY).config_hash


def test_what_counts_otherwise_changes_all_themes() -> None:
    plain = definitions(THEMES)
    for other in (definitions(THEMES, Rules(owner_cap=3)), definitions(THEMES, owners=Owners({"Post": "House"}))):
        assert all(other[name] != plain[name] for name in plain)


def test_settings_that_only_run_the_worker_change_nothing() -> None:
    classifier = KeywordClassifier(THEMES)
    one, other = StreamSettings(batch_records=7, learnt_from="file"), StreamSettings()
    assert identify(classifier, one.rules(), NOBODY) == identify(classifier, other.rules(), NOBODY)


def test_model_is_part_of_the_themes_it_knows() -> None:
    model = load_model(Path(__file__).parents[2] / "config" / "model" / "themes.safetensors")
    known = model.themes[0]
    themes = {known: THEME, "railways": THEMES["railways"]}
    with_model = identify(CombinedClassifier(themes, model), Rules(), NOBODY).definitions
    without = definitions(themes)
    assert with_model[known] != without[known]
    assert with_model["railways"] == without["railways"]
