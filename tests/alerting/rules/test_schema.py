from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.mutations import RICH, missing_keys, typos_in_keys, wrong_types
from jsonschema import Draft202012Validator

from alerting.rules.schema import subscription_schema
from deskwatch import configfile

ROOT = Path(__file__).parents[3]
VALIDATOR = Draft202012Validator(subscription_schema())


def data_of(raw: bytes) -> Any:
    document, problems = configfile.parse(raw, "desks.yaml")
    assert not problems
    return document.data


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(subscription_schema())


def test_what_is_in_order_is_so_for_an_editor_too() -> None:
    for raw in (RICH.encode(), (ROOT / "config" / "subscriptions" / "example.yaml").read_bytes()):
        assert list(VALIDATOR.iter_errors(data_of(raw))) == []


SPOILT = [*typos_in_keys(), *missing_keys(), *wrong_types()]
AS_WHOLE = "'6' -> '6.0'"  # which is a whole number to JSON Schema


@pytest.mark.parametrize("mutation", [one for one in SPOILT if AS_WHOLE not in one.name], ids=lambda one: one.name)
def test_what_is_wrong_in_form_is_marked_by_an_editor(mutation: Any) -> None:
    assert list(VALIDATOR.iter_errors(data_of(mutation.raw)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("desks@example.org", "desks"),
        ('"#china-desk"', "China"),
        ('"20:00"', '"8pm"'),
        ("mon-fri", "mon-fry"),
        ("10m", "10 minutes"),
        ("max_per_hour: 6", "max_per_hour: 0"),
        ("per_month: 1.5", "per_month: 0"),
        ("[taiwan, south-china-sea]", "[]"),
        ("min_severity: medium", "min_severity: hihg"),
        ("email: china-desk@example.org", 'email: a@b.org, slack: "#c"'),
        ("name: strait", "name: The Strait"),
    ],
)
def test_what_no_field_may_hold_is_marked_by_an_editor(old: str, new: str) -> None:
    assert old in RICH
    assert list(VALIDATOR.iter_errors(data_of(RICH.replace(old, new, 1).encode())))


def test_the_example_names_the_schema_that_is_in_the_docs() -> None:
    example = ROOT / "config" / "subscriptions" / "example.yaml"
    first = example.read_text(encoding="utf-8").splitlines()[0]
    path = first.removeprefix("# yaml-language-server: $schema=")
    assert path != first
    assert json.loads((example.parent / path).read_text(encoding="utf-8")) == json.loads(
        msgspec.json.encode(subscription_schema())
    )
