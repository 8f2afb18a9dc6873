"""What can be checked of the Docker files without Docker: they name only what exists."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from deskwatch.settings import SECTIONS, Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
ROOT = DEPLOY.parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "compose.yaml")
    return loaded


def own_services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose["services"].items() if "build" in service}


def dockerfile() -> list[list[str]]:
    """Return the instructions of the Dockerfile as words, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_every_service_runs_a_real_command(compose: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    commands = project["entry-points"]["deskwatch.commands"]
    assert own_services(compose).keys() == {"produce", "stream", "alert"}
    for name, service in own_services(compose).items():
        assert service["command"][0] in commands, name
    assert ["ENTRYPOINT", f"[{next(iter(project['scripts']))}]"] in dockerfile()


def test_every_variable_is_a_setting(compose: dict[str, Any]) -> None:
    shared = {f"DESKWATCH_{field.name.upper()}" for field in msgspec.structs.fields(Settings)}
    for name, service in own_services(compose).items():
        for variable in service["environment"]:
            sections = tuple(f"DESKWATCH_{section.upper()}_" for section in SECTIONS)
            assert variable in shared or variable.startswith(sections), f"{name}: {variable}"


def test_services_find_the_broker_of_this_file(compose: dict[str, Any]) -> None:
    advertised = compose["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    for service in own_services(compose).values():
        assert f"PLAINTEXT://{service['environment']['DESKWATCH_KAFKA_BOOTSTRAP']}" == advertised


def test_every_mounted_source_exists_and_config_is_read_only(compose: dict[str, Any]) -> None:
    mounts = [mount.split(":") for service in compose["services"].values() for mount in service.get("volumes", ())]
    for source, _target, *mode in mounts:
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source
            assert mode == ["ro"], source
        else:
            assert source in compose["volumes"], source


def test_prometheus_scrapes_every_service_on_its_metrics_port(compose: dict[str, Any]) -> None:
    config = YAML(typ="safe").load(compose["configs"]["prometheus"]["content"])
    targets = config["scrape_configs"][0]["static_configs"][0]["targets"]
    assert targets == [
        f"{name}:{service['environment']['DESKWATCH_METRICS_PORT']}" for name, service in own_services(compose).items()
    ]


def test_broker_is_the_release_that_the_tests_run(compose: dict[str, Any]) -> None:
    pom = (DEPLOY / "kafka" / "pom.xml").read_text()
    release = compose["services"]["kafka"]["image"].removeprefix("apache/kafka:")
    assert f"<artifactId>kafka_2.13</artifactId>\n      <version>{release}</version>" in pom


def test_every_copied_source_exists(compose: dict[str, Any]) -> None:
    (context,) = {(DEPLOY / service["build"]["context"]).resolve() for service in own_services(compose).values()}
    copies = [words[1:-1] for words in dockerfile() if words[0] == "COPY"]
    assert copies
    missing = [source for sources in copies for source in sources if not (context / source).exists()]
    assert not missing


def test_image_holds_every_package_and_does_not_run_as_root() -> None:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    packages = [name.removesuffix("*") for name in found]
    assert [words[1] for words in dockerfile() if words[0] == "COPY" and words[1] in packages] == packages
    assert ["USER", "deskwatch"] in dockerfile()
