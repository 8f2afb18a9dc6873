from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from deskwatch import settings
from deskwatch.errors import ConfigError
from deskwatch.settings import Settings


class Pump(msgspec.Struct, frozen=True, kw_only=True):
    tick_s: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    name: str = ""
    most: int = 10

    def __post_init__(self) -> None:
        if self.name == "refused":
            raise ValueError("name 'refused' is refused")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text("kafka_prefix: desk-\nlog_json: true\nproducers:\n  tick_s: 5\n  name: from the file\n")
    return path


def load_pump(environ: dict[str, str], file: Path | None = None) -> Pump:
    return settings.load_section(Pump, "producers", environ, file)


def test_defaults_hold_without_file_and_environment() -> None:
    assert settings.load({}) == Settings()
    assert load_pump({}) == Pump()


def test_file_goes_before_defaults_and_environment_before_file(file: Path) -> None:
    found = settings.load({"DESKWATCH_KAFKA_PREFIX": "night-", "DESKWATCH_METRICS_PORT": "9100"}, file)
    assert (found.kafka_prefix, found.log_json, found.metrics_port) == ("night-", True, 9100)
    pump = load_pump({"DESKWATCH_PRODUCERS_TICK_S": "0.5"}, file)
    assert (pump.tick_s, pump.name, pump.most) == (0.5, "from the file", 10)


def test_environment_names_the_file(file: Path) -> None:
    assert settings.load({"DESKWATCH_SETTINGS": str(file)}).kafka_prefix == "desk-"


def test_prefix_stands_before_every_name() -> None:
    assert Settings(kafka_prefix="desk-").topic("articles") == "desk-articles"


def problems_of(*args: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings.load(*args)  # type: ignore[arg-type]
    return [str(problem) for problem in caught.value.problems]


def test_every_problem_of_the_file_is_named_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("kafka_bootstarp: x\nmetrics_port: many\n")
    first, second = problems_of({}, path)
    assert first.startswith(f"{path}:1:1: error: unknown key 'kafka_bootstarp' (did you mean 'kafka_bootstrap'?)")
    assert second.startswith(f"{path}:2:15: error: expected a whole number")


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "a: [\n"])
def test_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    assert problems_of({}, path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    (problem,) = problems_of({}, tmp_path / "none.yaml")
    assert "cannot be read" in problem


def test_section_of_another_package_is_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("streams: {anything: 1}\nproducers: {most: 3}\n")
    assert load_pump({}, path).most == 3


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"DESKWATCH_PRODUCERS_TIK_S": "1"}, "no such setting (did you mean 'DESKWATCH_PRODUCERS_TICK_S'?)"),
        ({"DESKWATCH_PRODUCERS_TICK_S": "soon"}, "'soon'"),
        ({"DESKWATCH_PRODUCERS_TICK_S": "-1"}, "'-1'"),
        ({"DESKWATCH_PRODUCERS_NAME": "refused"}, "name 'refused' is refused"),
    ],
)
def test_variable_of_a_section_that_cannot_be_is_refused(environ: dict[str, str], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_pump(environ)
    assert expected in str(caught.value)
    assert "DESKWATCH_PRODUCERS" in str(caught.value)


@pytest.mark.parametrize("text", ["producers:\n", "producers: {}\n", "", "# only a comment\n"])
def test_empty_section_is_the_defaults(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    assert load_pump({}, path) == Pump()


@pytest.mark.parametrize("text", ["producers: 7\n", "producers: [1]\n"])
def test_section_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="expected a mapping"):
        load_pump({}, path)
