"""A rich subscription file, and that file spoilt in every way people spoil one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from alerting.rules.subscriptions import check
from deskwatch.configfile import Problem

RICH = """\
# Who is told what.
owner: desks@example.org
subscribers:
  - name: china-desk
    language: en
    timezone: Asia/Shanghai
    all_quiet: true
    targets:
      - {name: mail, email: china-desk@example.org, on_ambiguous: resend}
      - name: slack
        slack: "#china-desk"
        quiet_hours: {days: mon-fri, from: "20:00", to: "07:00", except_severity: high}
        digest: {at: ["07:00", "17:00"], days: mon-sun}
        max_per_hour: 6
  - name: trade-desk
    timezone: Europe/Brussels
    targets:
      - name: post
        email: trade-desk@example.org
        fallback: chat
      - {name: chat, slack: "#trade", standby: true}
    escalate:
      - {to: chat, after: 10m, severity: critical}
subscriptions:
  - name: strait
    subscriber: china-desk
    themes: [taiwan, south-china-sea]
    min_severity: medium
    false_alerts_per_month: 1.5
    only: {languages: [en, zh]}
  - name: trade
    subscriber: trade-desk
    themes:
      - tariffs
      - sanctions
    min_severity: low
tests:
  - given: {theme: taiwan, severity: high, language: en}
    expect: [china-desk/mail, china-desk/slack]
  - given:
      theme: tariffs
      severity: medium
    expect: [trade-desk/post]
"""
THEMES = ("taiwan", "south-china-sea", "tariffs", "sanctions")
LINES = RICH.splitlines()


class Mutation(NamedTuple):
    """A spoilt file: where it is wrong, and what has to be said (`meant` is the suggestion, else part of a message)."""

    name: str
    raw: bytes
    line: int
    meant: str = ""
    said: str = ""


def edit(old: str, new: str, *, meant: str = "", said: str = "", line: int = 0) -> Mutation:
    """Return the file with the first `old` replaced; unless given, the line is the first that differs."""
    assert RICH.count(old), old
    text = RICH.replace(old, new, 1)
    pairs = zip(LINES, text.splitlines(), strict=False)
    first = next((i for i, (was, now) in enumerate(pairs, 1) if was != now), len(LINES))
    return Mutation(f"{old!r} -> {new!r}", text.encode(), line or first, meant, said)


def typo(word: str) -> str:
    """Return a word with two letters changed over, or one written twice where it is too short for that."""
    middle = len(word) // 2
    if len(word) > 3 and word[middle] != word[middle - 1]:
        return word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]
    return word + word[-1]


def at_line(number: int, old: str, new: str, *, meant: str = "", said: str = "") -> Mutation:
    """Return the file with one line changed."""
    lines = [*LINES]
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    return Mutation(f"line {number}: {old!r} -> {new!r}", ("\n".join(lines) + "\n").encode(), number, meant, said)


def twice(
    name: str, first: tuple[str, str], second: tuple[str, str], line: int, *, meant: str = "", said: str = ""
) -> Mutation:
    """Return the file with two places changed, of which the second is wrong."""
    return Mutation(name, RICH.replace(*first, 1).replace(*second, 1).encode(), line, meant, said)


def typos_in_keys() -> Iterator[Mutation]:
    seen = set()
    for number, line in enumerate(LINES, 1):
        for found in re.finditer(r"(?:(?<=^)|(?<=[ {]))([a-z_]+):(?= |$)", line):
            key = found[1]
            where = (key, len(line) - len(line.lstrip(" -")))
            if where not in seen:
                seen.add(where)
                yield at_line(number, f"{key}:", f"{typo(key)}:", meant=key)


def typos_in_values() -> Iterator[Mutation]:
    yield from (
        at_line(number, f": {word}", f": {spelt}", meant=word)
        for number, word in (
            (9, "resend"), (12, "high"), (23, "critical"), (28, "medium"), (36, "low"), (38, "high"), (42, "medium"),
        )
        for spelt in (typo(word), word[:-1])
    )  # fmt: skip
    yield at_line(28, "medium", "MEDIUM", meant="medium")
    yield at_line(28, "medium", "urgent", said="none of low, medium, high, critical")
    for number, word in ((27, "taiwan"), (27, "south-china-sea"), (34, "tariffs"), (38, "taiwan"), (41, "tariffs")):
        yield at_line(number, word, typo(word), meant=word)
    for number, word in ((26, "china-desk"), (32, "trade-desk")):
        yield at_line(number, f": {word}", f": {typo(word)}", meant=word)
    yield at_line(39, "china-desk/mail", "china-desk/mial", meant="china-desk/mail")
    yield at_line(43, "trade-desk/post", "trade_desk/post", meant="trade-desk/post")
    yield at_line(20, ": chat", ": chta", meant="chat")
    yield at_line(23, "to: chat", "to: chatt", meant="chat")
    yield at_line(6, "Shanghai", "Shangai", meant="Asia/Shanghai")
    yield at_line(16, "Europe/Brussels", "europe/brussels", meant="Europe/Brussels")
    yield at_line(16, "Europe/Brussels", "Brussels", meant="Europe/Brussels")
    yield at_line(12, "mon-fri", "mon-fry", meant="mon-fri")
    yield at_line(12, "mon-fri", "Monday-Friday", meant="mon-fri")
    yield at_line(13, "mon-sun", "weekdays", meant="mon-fri")
    yield at_line(13, "mon-sun", "lun-dim", said="are no days, such as mon-fri")
    yield at_line(12, '"20:00"', '"8pm"', meant="20:00")
    yield at_line(12, '"20:00"', '"20.00"', meant="20:00")
    yield at_line(12, '"07:00"', '"7:00"', meant="07:00")
    yield at_line(12, '"07:00"', '"24:00"', meant="00:00")
    yield at_line(12, '"07:00"', '"20:00"', said="quiet hours must begin and end")
    yield at_line(13, '"17:00"', '"25:00"', said="is no time of day")
    yield at_line(13, '"17:00"', '"07:00"', said="'07:00' is already in")
    yield at_line(23, "10m", "10 minutes", meant="10m")
    yield at_line(2, "desks@example.org", "desks", said="is no e-mail address")
    yield at_line(2, "desks@example.org", "Desks <desks@example.org>", meant="desks@example.org")
    yield at_line(9, "china-desk@example.org", "china-desk@@example.org", meant="china-desk@example.org")
    yield at_line(19, "trade-desk@example.org", "trade-desk at example.org", meant="trade-desk@example.org")
    yield at_line(19, "trade-desk@example.org", "trade-desk@example..org", meant="trade-desk@example.org")
    yield at_line(19, "trade-desk@example.org", "mailto:trade-desk@example.org", meant="trade-desk@example.org")
    yield at_line(11, '"#china-desk"', '"#China Desk"', meant="#china-desk")
    yield at_line(11, '"#china-desk"', "china-desk", meant="#china-desk")
    yield at_line(11, '"#china-desk"', "“#china-desk”", meant="#china-desk")
    yield at_line(5, ": en", ": english", said="no language code")
    yield at_line(30, "en, zh", "en, chinese", said="no language code")
    yield at_line(4, "china-desk", "China Desk", said="lower-case letters")
    yield at_line(14, "6", "-6", said="not at least 1")
    yield at_line(14, "6", "0", said="not at least 1")
    yield at_line(29, "1.5", "0", said="not above 0")
    yield at_line(29, "1.5", "-1", said="not above 0")
    yield at_line(15, "trade-desk", "china-desk", said="already in")
    yield at_line(21, "chat", "post", said="already in")
    yield at_line(31, "trade", "strait", said="already in")
    yield at_line(27, "[taiwan, south-china-sea]", "[]", said="names no theme")
    yield at_line(13, '["07:00", "17:00"]', "[]", said="needs a time of day")
    yield at_line(9, "email:", 'slack: "#c", email:', said="make a target of each")
    yield at_line(
        43, "trade-desk/post", "", said="this test fails: expected nobody, but alerted would be trade-desk/post"
    )
    yield at_line(38, "high", "low", said="this test fails")._replace(line=39)
    yield at_line(27, "[taiwan, south-china-sea]", "[taiwan south-china-sea]", meant="taiwan, south-china-sea")


def missing_keys() -> Iterator[Mutation]:
    def without(number: int, key: str, part: str, replacement: str = "", line: int = 0) -> Mutation:
        made = at_line(number, part, replacement, said=f"key '{key}' is missing")
        return made._replace(line=line or number)

    yield without(9, "name", "name: mail, ")
    yield without(12, "from", 'from: "20:00", ')
    yield without(12, "to", ', to: "07:00"')
    yield without(13, "at", 'at: ["07:00", "17:00"], ')
    yield without(23, "to", "to: chat, ")
    yield without(38, "theme", "theme: taiwan, ")
    yield without(38, "severity", "severity: high, ")
    yield without(26, "subscriber", "    subscriber: china-desk", line=25)
    yield without(27, "themes", "    themes: [taiwan, south-china-sea]", line=25)
    yield without(39, "expect", "    expect: [china-desk/mail, china-desk/slack]", line=38)
    yield edit("  - name: china-desk\n    language", "  - language", said="key 'name' is missing", line=4)
    yield edit("email: trade-desk@example.org\n        ", "", said="needs either 'email'", line=18)
    yield edit("    targets:\n      - {name: mail, email: china-desk@example.org, on_ambiguous: resend}\n"
               "      - name: slack\n        slack: \"#china-desk\"\n"
               + "\n".join(LINES[11:14]) + "\n", "", said="key 'targets' is missing", line=4)  # fmt: skip


def wrong_types() -> Iterator[Mutation]:
    yield at_line(2, "desks@example.org", "7", meant='"7"')
    yield at_line(4, "china-desk", "2026", meant='"2026"')
    yield at_line(5, "en", "true", meant='"true"')
    yield at_line(6, "Asia/Shanghai", "[Asia/Shanghai]", said="expected text, got a list")
    yield at_line(7, "true", "no", meant="false")
    yield at_line(7, "true", "yes", meant="true")
    yield at_line(7, "true", "on", meant="true")
    yield at_line(7, "true", "off", meant="false")
    yield at_line(7, "true", "ture", meant="true")
    yield at_line(7, "true", '"true"', meant="true")
    yield at_line(21, "true", "1", meant="true")
    yield at_line(9, "china-desk@example.org", "{a: b}", said="expected text, got a mapping")
    yield at_line(11, '"#china-desk"', "5", meant='"5"')
    yield at_line(12, '{days: mon-fri, from: "20:00", to: "07:00", except_severity: high}', "20:00-07:00",
                  said="expected a mapping, got '20:00-07:00': its keys are from, to, days")  # fmt: skip
    yield at_line(12, '"20:00"', "20", meant='"20"')
    yield at_line(12, "mon-fri", "[mon, fri]", said="expected text, got a list")
    yield at_line(13, '["07:00", "17:00"]', "07:00", meant="[07:00]")
    yield at_line(14, "6", "many", said="expected a whole number")
    yield at_line(14, "6", '"6"', meant="6")
    yield at_line(14, "6", "6.0", meant="6")
    yield at_line(14, "6", "1.5", said="expected a whole number, got '1.5'")
    yield at_line(14, "6", "true", said="expected a number, got 'true'")
    yield at_line(27, "[taiwan, south-china-sea]", "taiwan", meant="[taiwan]")
    yield at_line(27, "[taiwan, south-china-sea]", "taiwan, south-china-sea", meant="[taiwan, south-china-sea]")
    yield at_line(27, "south-china-sea", "7", meant='"7"')
    yield at_line(27, "[taiwan, south-china-sea]", "{taiwan: true}", said="expected a list, got a mapping")
    yield at_line(27, "[taiwan, south-china-sea]", "", said="expected a list, got nothing")
    yield at_line(29, "1.5", "often", said="expected a number")
    yield at_line(29, "1.5", "1,5", meant="1.5")
    yield at_line(30, "{languages: [en, zh]}", "[en, zh]", said="expected a mapping, got a list")
    yield at_line(30, "[en, zh]", "en", meant="[en]")
    yield at_line(38, "{theme: taiwan, severity: high, language: en}", "taiwan", said="expected a mapping")
    yield at_line(39, "[china-desk/mail, china-desk/slack]", "china-desk/mail", meant="[china-desk/mail]")
    yield edit("  - name: strait", "  - strait\n  - name: strait", said="expected a mapping, got 'strait'", line=25)
    yield edit("tests:\n", "tests: none\nx:\n", meant="[none]", line=37)


def slips_of_form() -> Iterator[Mutation]:
    yield at_line(11, '"#china-desk"', "#china-desk", meant='"#china-desk"')
    yield at_line(21, '"#trade"', "#trade", meant='"#trade"')
    yield at_line(6, "    timezone", "\ttimezone", said="a tab")
    yield at_line(11, "        slack", "    \tslack", said="a tab")
    yield at_line(19, "        email", "\t\temail", said="a tab")
    yield at_line(6, "    timezone", "   timezone", said="indented by 3 spaces")
    yield at_line(6, "    timezone", "      timezone", said="6 spaces")
    yield at_line(14, "        max", "       max", said="7 spaces")
    yield at_line(14, "        max", "         max", said="9 spaces")
    yield at_line(34, "      - tariffs", "   - tariffs", said="3 spaces")
    yield at_line(35, "      - sanctions", "     - sanctions", said="5 spaces")
    yield at_line(42, "      severity", "    severity", said="it belongs in 'given'")
    yield at_line(26, "    subscriber", "subscriber", said="less than the lines around it")
    yield at_line(8, "    targets", "targets", said="it belongs in an entry of 'subscribers'")
    yield at_line(3, "subscribers", "  subscribers", said="2 spaces")
    yield at_line(24, "subscriptions", "  subscriptions", said="2 spaces")
    yield at_line(6, "timezone: ", "timezone:", meant="timezone: Asia/Shanghai")
    yield at_line(4, "name: ", "name:", meant="name: china-desk")
    yield at_line(9, "name: ", "name:", meant="name: mail")
    yield at_line(38, "theme: ", "theme:", meant="theme: taiwan")
    yield at_line(6, "timezone:", "timezone", meant="timezone: Asia/Shanghai")
    yield at_line(4, "name:", "name", meant="name: china-desk")
    yield at_line(28, "min_severity:", "min_severity", meant="min_severity: medium")
    yield at_line(24, "subscriptions:", "subscriptions", said="a colon must follow 'subscriptions'")
    yield at_line(8, "targets:", "targets", said="a colon must follow 'targets'")
    yield at_line(5, "language: en", "language = en", said="a colon must follow 'language'")
    yield at_line(34, "- tariffs", "-tariffs", meant="- tariffs")
    yield at_line(15, "- name", "-name", said="a space must follow the dash")
    yield edit("  - name: trade-desk\n    timezone", "    name: trade-desk\n    timezone", said="duplicate key 'name'")
    yield at_line(7, "all_quiet: true", "language: fr", said="duplicate key 'language', which line 5 has already")
    yield at_line(9, "on_ambiguous: resend", "name: again", said="duplicate key 'name'")
    said = "duplicate key 'subscribers', which line 3 has already"
    yield edit("tests:\n", "subscribers: []\ntests:\n", said=said)
    yield at_line(27, "[taiwan, south-china-sea]", "[taiwan, south-china-sea", meant="]")
    yield at_line(27, "[taiwan, south-china-sea]", "taiwan, south-china-sea]", meant="[taiwan, south-china-sea]")
    yield at_line(27, "[taiwan, south-china-sea]", "[taiwan, south-china-sea]]", said="nothing was opened")
    yield at_line(27, "[taiwan, south-china-sea]", "[taiwan, south-china-sea}", said="this [ is not closed on its line")
    yield at_line(9, "resend}", "resend", meant="}")
    yield at_line(38, "en}", "en", meant="}")
    yield at_line(9, "mail, email", "mail email", meant=",")
    yield at_line(27, "[taiwan, south-china-sea]", "[taiwan,, south-china-sea]", said="a comma too many")
    yield at_line(11, '"#china-desk"', '"#china-desk', meant='"#china-desk"')
    yield at_line(12, '"20:00"', '"20:00', meant='"20:00"')
    yield at_line(12, '"20:00"', '20:00"', meant="20:00")
    yield at_line(11, '"#china-desk"', "'#china-desk", meant="'#china-desk'")
    yield at_line(4, "china-desk", "china: desk", meant='"china: desk"')
    yield at_line(20, "chat", "@chat", meant='"@chat"')
    yield at_line(20, "chat", "`chat`", meant='"`chat`"')
    yield at_line(20, "chat", "%chat", meant='"%chat"')
    yield at_line(20, "chat", "*chat", said="nothing is called &chat")
    yield at_line(20, "chat", "|chat", said="quoted")
    yield twice(
        "alias misspelt",
        ("name: china-desk", "name: &desk china-desk"),
        ("subscriber: china-desk", "subscriber: *dsek"),
        26,
        meant="desk",
    )
    yield twice(
        "alias of the wrong kind",
        ("themes: [taiwan", "themes: &those [taiwan"),
        ("min_severity: low", "min_severity: *those"),
        36,
        said="a list is none of low, medium",
    )
    yield twice(
        "merge key",
        ("  - name: strait", "  - &base\n    name: strait"),
        ("min_severity: low", "<<: *base"),
        37,
        said="write the keys out",
    )
    yield at_line(37, "tests:", "---\ntests:", said="a second document")
    yield at_line(16, "timezone: Europe/Brussels", "? [a, b]\n    : c", said="a key must be a word")
    yield Mutation(
        "latin-1", RICH.replace("name: strait", "name: détroit", 1).encode("latin-1"), 25, "", "0xe9 is not UTF-8"
    )
    yield Mutation("nul", RICH.replace("name: strait", "name: str\0ait", 1).encode(), 25, "", "U+0000")
    yield Mutation("escape", RICH.replace("name: strait", "name: \x1b[31mstrait", 1).encode(), 25, "", "U+001B")
    yield at_line(6, "    timezone", "\u00a0   timezone", said="U+00A0")
    yield at_line(6, "timezone: ", "timezone： ", said="U+FF1A")
    yield at_line(24, "subscriptions", "\ufeffsubscriptions", meant="subscriptions")
    yield Mutation(
        "CRLF and a typo", RICH.replace("timezone", "timezoen", 1).replace("\n", "\r\n").encode(), 6, "timezone"
    )
    yield Mutation("BOM and a typo", b"\xef\xbb\xbf" + RICH.replace("owner", "onwer", 1).encode(), 2, "owner")
    yield Mutation("UTF-16 and a typo", RICH.replace("timezone", "timezoen", 1).encode("utf-16"), 6, "timezone")


MUTATIONS = [*typos_in_keys(), *typos_in_values(), *missing_keys(), *wrong_types(), *slips_of_form()]


def told(directory: Path, raw: bytes) -> list[Problem]:
    """Return what a check says of a file, in a directory that may hold an earlier one."""
    directory.mkdir(exist_ok=True)
    (directory / "subscriptions").mkdir(exist_ok=True)
    (directory / "themes").mkdir(exist_ok=True)
    for theme in THEMES:
        (directory / "themes" / f"{theme}.yaml").write_text("title: A\n")
    (directory / "subscriptions" / "desks.yaml").write_bytes(raw)
    return check(directory)


def is_located(mutation: Mutation, problems: list[Problem]) -> bool:
    """Return whether the first thing told is at the line that is wrong."""
    return bool(problems) and problems[0].line == mutation.line


def is_useful(mutation: Mutation, problems: list[Problem]) -> bool:
    """Return whether what was meant is suggested, or where nothing is near, what is right is said."""
    at_it = [problem for problem in problems if problem.line == mutation.line]
    if mutation.meant:
        return any(problem.suggestion == mutation.meant for problem in at_it)
    return any(mutation.said in problem.message for problem in at_it)
