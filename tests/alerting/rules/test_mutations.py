"""A rich subscription file, spoilt in every way people spoil one: each is told at its line, with what was meant."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fakes.mutations import MUTATIONS, RICH, is_located, is_useful, told


def test_the_file_is_in_order_before_it_is_spoilt(tmp_path: Path) -> None:
    assert told(tmp_path, RICH.encode()) == []


def test_mistakes_are_told_at_their_line_with_what_was_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len({mutation.raw for mutation in MUTATIONS}) == len(MUTATIONS) >= 100
    found = [(mutation, told(tmp_path, mutation.raw)) for mutation in MUTATIONS]
    lost = [(mutation, problems) for mutation, problems in found if not is_located(mutation, problems)]
    vague = [(mutation, problems) for mutation, problems in found if not is_useful(mutation, problems)]
    with capsys.disabled():
        total = len(found)
        sys.stdout.write(
            f"\n{total} mutations, located {1 - len(lost) / total:.1%}, usefully told {1 - len(vague) / total:.1%}\n"
        )
    for mutation, problems in lost + vague:
        sys.stdout.write(f"{mutation.name}: line {mutation.line}, {mutation.meant or mutation.said!r}\n")
        sys.stdout.writelines(f"    {problem}\n" for problem in problems)
    assert len(lost) <= 0.05 * len(found)
    assert len(vague) <= 0.05 * len(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"20:00"', "20:00"),  # YAML 1.1 reads 72000
        ("[en, zh]", "[en, no]"),  # and false
        ("language: en\n", "language: no\n"),
        ("\n", "\r\n"),
        ("# Who", "\ufeff# Who"),
        ("owner: desks@example.org\n", ""),
        ("subscriber: trade-desk", "'subscriber': \"trade-desk\""),
    ],
)  # fmt: skip
def test_what_is_only_unusual_is_read_as_meant(tmp_path: Path, old: str, new: str) -> None:
    assert told(tmp_path, RICH.replace(old, new).encode()) == []


@pytest.mark.parametrize(
    "spoilt",
    [
        "slack: {url}",
        "slack: [{url}]",
        "slack:{url}",
        "slack {url}",
        'slack: "{url}',
        "teams: {url}",
        "teams: [{url}]",
        "teams: {{url:{url}}}",
        "ntfy: {url}",
        "email: {url}",
        "email: a: {url}",
        "{url}",
    ],
)
def test_an_address_that_may_be_a_secret_is_not_repeated(tmp_path: Path, spoilt: str) -> None:
    url = "https://user:pass@hooks.example.org/services/T0/s3cret?x=s3cret"

    problems = told(tmp_path, RICH.replace('slack: "#china-desk"', spoilt.format(url=url)).encode())

    assert problems
    assert not any("s3cret" in str(problem) or "pass" in str(problem) for problem in problems)
