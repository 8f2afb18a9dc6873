"""What can be wrong with subscriptions beyond their shape: names, references, addresses, and their own tests."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

from alerting.matching import is_wanted
from alerting.roster import Expectation, QuietHours, Roster, Subscriber, SubscriptionFile, Target
from deskwatch.configfile import Document, Key, Problem, nearest

Parsed = tuple[Document, SubscriptionFile]

# Names become parts of keys, of file names and of Message-IDs.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")
_SLACK: Final = re.compile(r"#[^\s#@<>&,A-Z]{1,80}|[CGD][A-Z0-9]{6,20}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_DAYS: Final = re.compile(r"(?:{0}(?:-{0})?)(?:,{0}(?:-{0})?)*".format("(?:mon|tue|wed|thu|fri|sat|sun)"))


def check_files(files: Sequence[Parsed], themes: Iterable[str] | None) -> list[Problem]:
    """Return every problem of the files taken together; `themes` None means that any theme will do."""
    problems: list[Problem] = []
    subscribers = [subscriber.name for _, file in files for subscriber in file.subscribers]
    targets = [f"{s.name}/{t.name}" for _, file in files for s in file.subscribers for t in s.targets]
    known = None if themes is None else sorted(themes)
    for kind in ("subscribers", "subscriptions"):
        problems += _duplicates(
            (document, (kind, i, "name"), item.name)
            for document, file in files
            for i, item in enumerate(getattr(file, kind))
        )
    for document, file in files:
        for i, subscriber in enumerate(file.subscribers):
            problems += _check_subscriber(document, ("subscribers", i), subscriber)
        problems += _check_subscriptions(document, file, subscribers, known)
        problems += _check_tests(document, file, targets, known)
    return problems


def failing_tests(files: Sequence[Parsed], roster: Roster) -> Iterator[Problem]:
    """Yield the in-file tests whose targets are others than they expect."""
    for document, file in files:
        for i, test in enumerate(file.tests):
            got = alerted(test, roster)
            if got != set(test.expect):
                say = ", ".join(sorted(got)) or "nobody"
                expected = ", ".join(sorted(test.expect)) or "nobody"
                message = f"this test fails: expected {expected}, but alerted would be {say}"
                yield document.problem(("tests", i, "expect"), message)


def alerted(test: Expectation, roster: Roster) -> set[str]:
    """Return the targets that the episode of a test would alert, as `subscriber/target`."""
    given = test.given
    languages = () if given.language is None else (given.language,)
    wanting = {
        placed.subscription.subscriber
        for placed in roster.subscriptions
        if is_wanted(given.theme, given.severity, languages, placed.subscription)
    }
    return {f"{subscriber.name}/{target.name}" for subscriber, target in roster.targets() if subscriber.name in wanting}


def _duplicates(items: Iterable[tuple[Document, Key, str]]) -> Iterator[Problem]:
    first: dict[str, tuple[Document, Key]] = {}
    for document, key, name in items:
        if name in first:
            other, at = first[name]
            yield document.problem(key, f"'{name}' is already in {other.file}:{other.position(at)[0]}")
        else:
            first[name] = (document, key)


def _check_name(document: Document, key: Key, name: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        yield document.problem(key, f"'{name}' is no name: lower-case letters, digits, '.', '_' and '-', at most 64")


def _check_subscriber(document: Document, at: Key, subscriber: Subscriber) -> Iterator[Problem]:
    yield from _check_name(document, (*at, "name"), subscriber.name)
    if not _is_zone(subscriber.timezone):
        hint = nearest(subscriber.timezone, _zones())
        yield document.problem((*at, "timezone"), f"'{subscriber.timezone}' is no time zone", hint)
    if not _LANGUAGE.fullmatch(subscriber.language):
        yield document.problem((*at, "language"), f"'{subscriber.language}' is no language code, such as en or zh-Hans")
    if not subscriber.targets:
        yield document.problem((*at, "targets"), f"subscriber '{subscriber.name}' has no target")
    yield from _duplicates((document, (*at, "targets", i, "name"), t.name) for i, t in enumerate(subscriber.targets))
    for i, target in enumerate(subscriber.targets):
        yield from _check_target(document, (*at, "targets", i), target)


def _check_target(document: Document, at: Key, target: Target) -> Iterator[Problem]:
    yield from _check_name(document, (*at, "name"), target.name)
    if (target.email is None) == (target.slack is None):
        yield document.problem(at, f"target '{target.name}' needs either 'email' or 'slack'")
    if target.email is not None and not _EMAIL.fullmatch(target.email):
        yield document.problem((*at, "email"), f"'{target.email}' is no e-mail address (plain ASCII, without a name)")
    if target.slack is not None and not _SLACK.fullmatch(target.slack):
        yield document.problem((*at, "slack"), f"'{target.slack}' is no Slack channel: '#name' in lower case, or an id")
    if target.quiet_hours is not None:
        yield from _check_quiet_hours(document, (*at, "quiet_hours"), target.quiet_hours)


def _check_quiet_hours(document: Document, at: Key, quiet: QuietHours) -> Iterator[Problem]:
    for key, value in (("from", quiet.start), ("to", quiet.end)):
        if not _TIME.fullmatch(value):
            yield document.problem((*at, key), f"'{value}' is no time of day, such as \"07:00\"")
    if not _DAYS.fullmatch(quiet.days):
        yield document.problem((*at, "days"), f"'{quiet.days}' are no days, such as mon-fri or sat,sun")


def _check_subscriptions(
    document: Document, file: SubscriptionFile, subscribers: Sequence[str], themes: Sequence[str] | None
) -> Iterator[Problem]:
    for i, subscription in enumerate(file.subscriptions):
        at: Key = ("subscriptions", i)
        yield from _check_name(document, (*at, "name"), subscription.name)
        name = subscription.subscriber
        if name not in subscribers:
            yield document.problem((*at, "subscriber"), f"unknown subscriber '{name}'", nearest(name, subscribers))
        if not subscription.themes:
            yield document.problem((*at, "themes"), f"subscription '{subscription.name}' names no theme")
        for j, theme in enumerate(subscription.themes):
            yield from _check_theme(document, (*at, "themes", j), theme, themes)
        for j, language in enumerate(subscription.only.languages):
            if not _LANGUAGE.fullmatch(language):
                yield document.problem((*at, "only", "languages", j), f"'{language}' is no language code, such as en")
        rate = subscription.false_alerts_per_month
        if rate is not None and not 0 < rate <= 1000:
            yield document.problem((*at, "false_alerts_per_month"), f"{rate:g} is not above 0 and at most 1000")


def _check_tests(
    document: Document, file: SubscriptionFile, targets: Sequence[str], themes: Sequence[str] | None
) -> Iterator[Problem]:
    for i, test in enumerate(file.tests):
        yield from _check_theme(document, ("tests", i, "given", "theme"), test.given.theme, themes)
        for j, name in enumerate(test.expect):
            if name not in targets:
                message = f"unknown target '{name}'"
                yield document.problem(("tests", i, "expect", j), message, nearest(name, targets))


def _check_theme(document: Document, key: Key, theme: str, themes: Sequence[str] | None) -> Iterator[Problem]:
    if themes is None:
        yield from _check_name(document, key, theme)
    elif theme not in themes:
        yield document.problem(key, f"unknown theme '{theme}'", nearest(theme, themes))


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # an unknown zone is a KeyError, "Europe" alone is a directory
        return False
    return True


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(zoneinfo.available_timezones()))
