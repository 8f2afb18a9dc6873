"""The alerting rules rest on metrics that exist, each is tested both ways, and each tells the operator what to do."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from prometheus_client import generate_latest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus"
PROMTOOL_MISSING = "needs promtool: apt-get install prometheus"
SERVICES = ("produce", "stream", "alert")
TESTS = ("rules.test.yml", "drift.test.yml")


def load(name: str) -> Any:
    return YAML(typ="safe").load(RULES / name)


def rules() -> dict[str, dict[str, Any]]:
    return {name: rule for name, rule in every_rule().items() if "alert" in rule}


def every_rule() -> dict[str, dict[str, Any]]:
    """Return alerts and recordings by name."""
    found = [rule for group in load("rules.yml")["groups"] for rule in group["rules"]]
    return {rule.get("alert") or rule["record"]: rule for rule in found}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip(PROMTOOL_MISSING)
    return found


def run(*command: object, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(part) for part in command], input=text, capture_output=True, check=False, timeout=60)


def test_every_metric_of_every_rule_is_served_by_a_service(generate: ModuleType) -> None:
    served: dict[str, set[str]] = {}
    for service in SERVICES:
        for name, kind, labels, _ in generate.describe(generate.service_registry(service)):
            parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            served |= {f"{name}{part}": {*labels, *(["le"] if part == "_bucket" else [])} for part in parts}
    recorded = {name for name, rule in every_rule().items() if "record" in rule}
    for alert, rule in every_rule().items():
        assert set(re.findall(r"\b\w+:deskwatch_[\w:]+", rule["expr"])) <= recorded, alert
        for name, matchers in re.findall(r"(?<![\w:])(deskwatch_\w+)(\{[^}]*\})?", rule["expr"]):
            assert name in served, f"{alert}: {name}"
            assert set(re.findall(r"(\w+)=", matchers)) <= served[name], f"{alert}: {name}{matchers}"
        labels = {label for group in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in group.split(", ")}
        assert labels <= set().union(*served.values()), alert


def test_recording_says_by_which_labels_and_of_which_metric_it_is() -> None:
    for name in every_rule().keys() - rules().keys():
        labels, metric, _ = name.split(":")
        expr = every_rule()[name]["expr"]
        assert f"by ({labels.replace('_', ', ')})" in expr
        assert f"{metric}_total" in expr


@pytest.mark.parametrize("alert", rules())
def test_every_alert_has_a_severity_and_a_place_in_the_operators_handbook(alert: str) -> None:
    rule = rules()[alert]
    assert rule["labels"]["severity"] in ("page", "ticket", "info")
    assert rule["annotations"]["summary"].endswith(".")
    assert f"\n### {alert}\n" in (ROOT / "docs" / "operations.md").read_text()


def test_handbook_explains_no_alert_that_is_gone() -> None:
    explained = re.findall(r"^### (Deskwatch\w+)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(rules())


@pytest.mark.parametrize("service", SERVICES)
def test_names_and_helps_pass_promtool(promtool: str, generate: ModuleType, service: str) -> None:
    done = run(promtool, "check", "metrics", text=generate_latest(generate.service_registry(service)))
    assert done.returncode == 0, done.stderr.decode()


def test_scrape_configuration_is_valid(promtool: str) -> None:
    done = run(promtool, "check", "config", RULES / "prometheus.yml")
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize("name", TESTS)
def test_rules_behave_as_their_tests_say(promtool: str, name: str) -> None:
    done = run(promtool, "test", "rules", RULES / name)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.parametrize("alert", [rule for rule in every_rule() if rule != "DeskwatchWatchdog"])
def test_rule_that_never_fires_fails_the_tests(promtool: str, tmp_path: Path, alert: str) -> None:
    document = load("rules.yml")
    for group in document["groups"]:
        for rule in group["rules"]:
            if alert in (rule.get("alert"), rule.get("record")):
                rule["expr"] = "vector(1) < 0"
    YAML().dump(document, tmp_path / "rules.yml")
    copies = [shutil.copy(RULES / name, tmp_path) for name in TESTS if alert in (RULES / name).read_text()]
    assert copies
    assert run(promtool, "test", "rules", *copies).returncode != 0


@pytest.mark.slow
def test_rule_that_always_fires_fails_the_tests(promtool: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(
        (RULES / "rules.yml").read_text() + "      - {alert: DeskwatchAlwaysOn, expr: vector(1)}\n"
    )
    shutil.copy(RULES / "rules.test.yml", tmp_path)
    assert run(promtool, "test", "rules", tmp_path / "rules.test.yml").returncode != 0


def test_every_service_is_scraped_on_the_port_that_the_handbook_gives_it() -> None:
    targets = load("prometheus.yml")["scrape_configs"][0]["static_configs"][0]["targets"]
    handbook = (ROOT / "docs" / "operations.md").read_text()
    assert len(targets) == len(SERVICES)
    for target, service in zip(targets, SERVICES, strict=True):
        port = target.rpartition(":")[2]
        assert re.search(rf"DESKWATCH_METRICS_PORT={port} deskwatch {service}\b", handbook), target
