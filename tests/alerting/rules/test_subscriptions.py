from __future__ import annotations

from pathlib import Path

import pytest

from alerting.rules.roster import Digest, QuietHours, Target
from alerting.rules.subscriptions import check, load, run_tests
from deskwatch.errors import ConfigError
from deskwatch.records import Severity

ROOT = Path(__file__).parents[3]

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


def test_when_a_target_is_told_is_read_whole(tmp_path: Path) -> None:
    quiet = '{from: "22:00", to: "07:00", days: mon-fri, except_severity: high}'
    more = f'quiet_hours: {quiet}, digest: {{at: ["07:00", "17:00"], days: mon-fri}}, max_per_hour: 6'
    text = SUBSCRIBER.replace("desk@example.org}", f"desk@example.org, {more}}}") + "    all_quiet: false\n"

    desk = load(write(tmp_path, a=text)).subscribers["desk"]

    assert desk.targets == (
        Target(
            name="mail",
            email="desk@example.org",
            quiet_hours=QuietHours(start="22:00", end="07:00", days="mon-fri", except_severity=Severity.HIGH),
            digest=Digest(at=("07:00", "17:00"), days="mon-fri"),
            max_per_hour=6,
        ),
    )
    assert not desk.all_quiet


@pytest.mark.parametrize(("written", "read"), [("", "critical"), (", except_severity: null", None)])
def test_critical_alerts_wake_unless_a_target_will_not_be_woken(tmp_path: Path, written: str, read: str | None) -> None:
    quiet = f'quiet_hours: {{from: "22:00", to: "07:00"{written}}}'
    text = SUBSCRIBER.replace("desk@example.org}", f"desk@example.org, {quiet}}}")

    found = load(write(tmp_path, a=text)).subscribers["desk"].targets[0].quiet_hours

    assert found is not None
    assert found.except_severity == read


@pytest.mark.parametrize(
    ("written", "problem"),  # `^` is where
    [
        ("quiet_hours: {from: ^'7:00', to: '08:00'}", "'7:00' is no time of day"),
        ("quiet_hours: {from: '07:00', to: ^'24:00'}", "'24:00' is no time of day"),
        ("quiet_hours: {from: '07:00', to: ^'07:00'}", "'07:00' is 'from' as well: quiet hours must begin and end"),
        ("quiet_hours: {from: ^7, to: '08:00'}", "expected text, got '7'"),
        ("quiet_hours: {from: '20:00', to: '08:00', days: ^mon-fry}", "'mon-fry' are no days"),
        ("quiet_hours: {from: '20:00', to: '08:00', days: ^'mon,mon'}", "'mon,mon' names mon twice"),
        ("quiet_hours: {from: '20:00', to: '08:00', except_severity: ^hihg}", "'hihg' is none of low, medium, high"),
        ("quiet_hours: {from: '20:00', to: '08:00', ^except: high}", "unknown key 'except'"),
        ("quiet_hours: ^{from: '20:00'}", "key 'to' is missing"),
        ("quiet_hours: ^'20:00'", "expected a mapping, got '20:00'"),
        ("digest: {at: ^[]}", "a digest needs a time of day"),
        ("digest: ^{days: mon}", "key 'at' is missing"),
        ("digest: {at: ^'07:00'}", "expected a list, got '07:00'"),
        ("digest: {at: ['07:00', ^'7pm']}", "'7pm' is no time of day"),
        ("digest: {at: ['07:00', ^'07:00']}", "'07:00' is already in"),
        ("digest: {at: ['07:00'], days: ^weekdays}", "'weekdays' are no days"),
        ("max_per_hour: ^0", "0 is not at least 1"),
        ("max_per_hour: ^many", "expected a whole number, got 'many'"),
        ("max_per_hour: ^1.5", "expected a whole number, got '1.5'"),
        ("max_per_hour: ^true", "expected a number, got 'true'"),
    ],
)
def test_what_is_wrong_with_times_and_caps_is_named_with_its_place(tmp_path: Path, written: str, problem: str) -> None:
    text = SUBSCRIBER.replace("desk@example.org}", f"desk@example.org, {written}}}")
    column = text.splitlines()[4].index("^") + 1

    [found] = check(write(tmp_path, a=text.replace("^", "")))

    assert str(found).partition("a.yaml:")[2].startswith(f"5:{column}: error: {problem}")


FURTHER = """\
      - {name: a, teams: {url_env: TEAMS_URL}}
      - {name: b, ntfy: desk-alerts, on_ambiguous: hold}
      - {name: c, webhook: {url_file: /run/secrets/url, secret_env: HOOK_SECRET}}
      - {name: d, pagerduty: {key_file: /run/secrets/key}}
      - {name: e, apprise: {url_env: MATRIX}}
"""


def test_every_kind_of_target_is_read_and_its_address_is_no_secret(tmp_path: Path) -> None:
    roster = load(write(tmp_path, a=SUBSCRIBER + FURTHER))

    assert [(target.channel, target.address) for _, target in roster.targets()][1:] == [
        ("teams", "$TEAMS_URL"),
        ("ntfy", "desk-alerts"),
        ("webhook", "/run/secrets/url $HOOK_SECRET"),
        ("pagerduty", "/run/secrets/key"),
        ("apprise", "$MATRIX"),
    ]
    asked = [roster.on_ambiguous("desk", name) for name in ("mail", "b", "gone")]
    assert asked == ["resend", "hold", "resend"]
    assert roster.on_ambiguous("gone", "b") == "resend"


@pytest.mark.parametrize(
    ("written", "problem"),  # `^` is where; `hush` is what must not be repeated
    [
        ("teams: ^{}", "needs either 'url_env' or 'url_file': the variable or the file that holds it"),
        ("teams: ^{url_env: A, url_file: /b}", "needs either 'url_env' or 'url_file'"),
        ("teams: {url_env: ^'https://hooks.example/hush'}", "is no name of a variable; a secret itself must not stand"),
        ("apprise: {url_file: ^'tgram://hush/1'}", "is no path without spaces; a secret itself must not stand here"),
        ("webhook: ^{url_env: A}", "needs either 'secret_env' or 'secret_file': the variable or"),
        ("webhook: {url_env: A, secret_env: ^'hush-hush'}", "is no name of a variable"),
        ("webhook: {^ulr_env: A, url_file: /a, secret_env: B}", "unknown key 'ulr_env' (did you mean 'url_env'?)"),
        ("pagerduty: {key_env: ^'0 hush'}", "is no name of a variable"),
        ("ntfy: ^'https://user:hush@ntfy.sh/desk'", "is no ntfy topic"),
        ("teams: ^'https://hooks.example/hush'", "expected a mapping, got 'https://"),
        ("slack: '#desk', ^on_ambigous: hold", "unknown key 'on_ambigous' (did you mean 'on_ambiguous'?)"),
        ("slack: '#desk', on_ambiguous: ^holt", "'holt' is none of hold, resend (did you mean 'hold'?)"),
    ],
)
def test_what_is_wrong_with_a_further_target_is_named_without_its_secret(
    tmp_path: Path, written: str, problem: str
) -> None:
    text = SUBSCRIBER.replace("email: desk@example.org}", f"{written}}}")
    column = text.splitlines()[4].index("^") + 1

    [found] = check(write(tmp_path, a=text.replace("^", "")))

    assert str(found).partition("a.yaml:")[2].startswith(f"5:{column}: error: {problem}")
    assert "hush" not in str(found)


def test_a_target_has_one_kind(tmp_path: Path) -> None:
    text = SUBSCRIBER.replace("desk@example.org", "desk@example.org, ntfy: desk")

    [problem] = check(write(tmp_path, a=text))

    assert problem.message.startswith("target 'mail' needs either 'email', 'slack', 'teams', 'ntfy', 'webhook'")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("quiet_hours: {from: '7:00', to: '08:00'}", "07:00"),
        ("quiet_hours: {from: '07:00', to: '24:00'}", "00:00"),
        ("quiet_hours: {from: '20:00', to: '08:00', days: mon-fry}", "mon-fri"),
        ("quiet_hours: {from: '20:00', to: '08:00', except_severity: hihg}", "high"),
        ("digest: {at: ['17.00']}", "17:00"),
        ("digest: {at: ['07:00'], days: weekdays}", "mon-fri"),
        ("max_per_huor: 3", "max_per_hour"),
    ],
)
def test_the_nearest_right_thing_is_suggested(tmp_path: Path, written: str, meant: str) -> None:
    text = SUBSCRIBER.replace("desk@example.org}", f"desk@example.org, {written}}}")

    [found] = check(write(tmp_path, a=text))

    assert found.suggestion == meant


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
