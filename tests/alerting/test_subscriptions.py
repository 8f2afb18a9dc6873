from __future__ import annotations

from pathlib import Path

import pytest

from alerting.subscriptions import check, load, run_tests
from deskwatch.errors import ConfigError

ROOT = Path(__file__).parents[2]

SUBSCRIBER = """\
subscribers:
  - name: desk
    timezone: Europe/Paris
    targets:
      - {name: mail, email: desk@example.org}
"""
SUBSCRIPTION = """\
subscriptions:
  - name: strait
    subscriber: desk
    themes: [taiwan]
"""


def write(directory: Path, **files: str) -> Path:
    (directory / "subscriptions").mkdir()
    for name, text in files.items():
        (directory / "subscriptions" / f"{name}.yaml").write_text(text)
    return directory


def test_the_shape_of_the_design_is_read_whole(tmp_path: Path) -> None:
    text = """\
subscribers:
  - name: china-desk
    language: en
    timezone: Europe/Paris
    targets:
      - {name: mail, email: china-desk@example.org}
      - {name: slack, slack: "#china-desk", quiet_hours: {days: mon-fri, from: "20:00", to: "07:00"}}
subscriptions:
  - name: taiwan-and-tariffs
    subscriber: china-desk
    themes: [taiwan, tariffs]
    min_severity: medium
    false_alerts_per_month: 1
    only: {languages: [en, zh]}
tests:
  - given: {theme: taiwan, severity: high, language: en}
    expect: [china-desk/mail, china-desk/slack]
"""
    roster = load(write(tmp_path, china=text))

    assert [(one.name, target.address) for one, target in roster.targets()] == [
        ("china-desk", "china-desk@example.org"),
        ("china-desk", "#china-desk"),
    ]
    assert roster.subscriptions[0].place == "subscriptions/china.yaml:9"
    quiet = roster.subscribers["china-desk"].targets[1].quiet_hours
    assert quiet is not None
    assert (quiet.days, quiet.start, quiet.end) == ("mon-fri", "20:00", "07:00")


def test_files_make_one_configuration_together(tmp_path: Path) -> None:
    roster = load(write(tmp_path, a=SUBSCRIPTION, b=SUBSCRIBER))

    assert [placed.subscription.subscriber for placed in roster.subscriptions] == list(roster.subscribers)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("subscriber: desk", "subscriber: dask", "8:17: error: unknown subscriber 'dask' (did you mean 'desk'?)"),
        ("[taiwan]", "[taiwann]", "9:14: error: unknown theme 'taiwann' (did you mean 'taiwan'?)"),
        ("[taiwan]", "[]", "9:13: error: subscription 'strait' names no theme"),
        (
            "Europe/Paris",
            "Europe/Pariss",
            "3:15: error: 'Europe/Pariss' is no time zone (did you mean 'Europe/Paris'?)",
        ),
        ("Europe/Paris", "Europe", "3:15: error: 'Europe' is no time zone"),
        ("Europe/Paris", "../etc/passwd", "3:15: error: '../etc/passwd' is no time zone"),
        ("desk@example.org", "desk@@example.org", "5:29: error: 'desk@@example.org' is no e-mail address"),
        ("desk@example.org", '"a@b.org\\nBcc: c@d.org"', "5:29: error: 'a@b.org"),
        ("email: desk@example.org", "slack: Desk", "5:29: error: 'Desk' is no Slack channel"),
        (
            "email: desk@example.org",
            "quiet_hours: {from: '7:00', to: '08:00'}",
            "5:9: error: target 'mail' needs either",
        ),
        ("name: desk\n", "name: The Desk\n", "2:11: error: 'The Desk' is no name"),
        ("themes:", "thems:", "9:5: error: unknown key 'thems' (did you mean 'themes'?)"),
        ("themes: [taiwan]", "themes: [taiwan]\n    min_severity: hihg", "10:19: error: 'hihg' is none of"),
        ("themes: [taiwan]", "themes: [taiwan]\n    false_alerts_per_month: 0", "10:29: error: 0 is not above 0"),
        (
            "themes: [taiwan]",
            "themes: [taiwan]\n    only: {languages: [english!]}",
            "10:24: error: 'english!' is no lang",
        ),
        ("  - name: strait", "  - &a\n    name: strait\n    name: s", "9:5: error: duplicate key 'name'"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, old: str, new: str, problem: str) -> None:
    text = SUBSCRIBER + SUBSCRIPTION
    assert old in text
    directory = write(tmp_path, a=text.replace(old, new))
    (directory / "themes").mkdir()
    (directory / "themes" / "taiwan.yaml").write_text("title: Taiwan\n")

    problems = [str(one) for one in check(directory)]

    assert any(f"a.yaml:{problem}" in one for one in problems), problems
    with pytest.raises(ConfigError):
        load(directory)


def test_a_name_that_two_files_use_is_refused_naming_both(tmp_path: Path) -> None:
    directory = write(tmp_path, a=SUBSCRIBER, b=SUBSCRIBER + SUBSCRIPTION)

    [problem] = check(directory)

    assert (Path(problem.file).name, problem.line) == ("b.yaml", 2)
    assert problem.message.endswith("a.yaml:2")


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("[desk/mail]", None),
        ("[]", "this test fails: expected nobody, but alerted would be desk/mail"),
        ("[desk/slak]", "unknown target 'desk/slak'"),
    ],
)
def test_tests_inside_a_file_are_run(tmp_path: Path, expect: str, message: str | None) -> None:
    test = f"tests:\n  - given: {{theme: taiwan, severity: medium}}\n    expect: {expect}\n"
    directory = write(tmp_path, a=SUBSCRIBER + SUBSCRIPTION + test)

    number, problems = run_tests(directory)

    assert number == 1
    assert [problem.message for problem in problems] == ([message] if message else [])
    assert all(problem.line == 12 for problem in problems)


def test_without_subscriptions_check_is_silent_and_a_service_refuses_to_start(tmp_path: Path) -> None:
    assert check(tmp_path) == []
    with pytest.raises(ConfigError, match="no such directory"):
        load(tmp_path)


def test_the_shipped_example_holds_and_its_tests_pass() -> None:
    number, problems = run_tests(ROOT / "config")

    assert problems == []
    assert number >= 5
