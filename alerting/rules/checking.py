"""What can be wrong with subscriptions beyond their shape: names, references, addresses, and their own tests."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Final

from alerting.rules.addressing import EMAIL, SLACK, nearest_address, nearest_channel
from alerting.rules.hours import nearest_days, nearest_length, nearest_time, read_days, read_length, read_time
from alerting.rules.matching import has_outlet, has_term, is_wanted
from alerting.rules.references import mistakes
from alerting.rules.roster import (
    KEYS,
    SECRETS,
    Digest,
    Expectation,
    QuietHours,
    Roster,
    Subscriber,
    SubscriptionFile,
    Target,
)
from deskwatch.configfile import Document, Key, Problem, nearest
from deskwatch.shapes import say

Parsed = tuple[Document, SubscriptionFile]

# Names become parts of keys, of file names and of Message-IDs.
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
NTFY: Final = re.compile(r"[-_A-Za-z0-9]{1,64}")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def check_files(files: Sequence[Parsed], themes: Iterable[str] | None, *, is_whole: bool = True) -> list[Problem]:
    """Return every problem of the files taken together.

    Args:
        themes: Those there are; None means that any will do.
        is_whole: No file is missing, so that who is in none of these does not exist.
    """
    problems: list[Problem] = []
    subscribers = {subscriber.name: None for _, file in files for subscriber in file.subscribers}  # in order
    targets = {f"{s.name}/{t.name}": None for _, file in files for s in file.subscribers for t in s.targets}
    known = None if themes is None else dict.fromkeys(sorted(themes))
    for kind in ("subscribers", "subscriptions"):
        problems += _duplicates(
            (document, (kind, i, "name"), item.name)
            for document, file in files
            for i, item in enumerate(getattr(file, kind))
        )
    for document, file in files:
        if file.owner is not None:
            problems += _check_address(document, ("owner",), file.owner)
        for i, subscriber in enumerate(file.subscribers):
            problems += _check_subscriber(document, ("subscribers", i), subscriber)
        problems += _check_subscriptions(document, file, subscribers if is_whole else None, known)
        problems += _check_tests(document, file, targets if is_whole else None, known)
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
        and has_outlet(filter(None, (given.outlet,)), placed.subscription.only)
        and has_term(filter(None, (given.title,)), placed.subscription.only)
    }
    return {
        f"{subscriber.name}/{target.name}"
        for subscriber, target in roster.targets()
        if subscriber.name in wanting and not target.standby
    }


def _duplicates(items: Iterable[tuple[Document, Key, str]]) -> Iterator[Problem]:
    first: dict[str, tuple[Document, Key]] = {}
    for document, key, name in items:
        if name in first:
            other, at = first[name]
            yield document.problem(key, f"'{name}' is already in {other.file}:{other.position(at)[0]}")
        else:
            first[name] = (document, key)


def _check_name(document: Document, key: Key, name: str) -> Iterator[Problem]:
    if not NAME.fullmatch(name):
        yield document.problem(key, f"'{name}' is no name: lower-case letters, digits, '.', '_' and '-', at most 64")


def _check_subscriber(document: Document, at: Key, subscriber: Subscriber) -> Iterator[Problem]:
    yield from _check_name(document, (*at, "name"), subscriber.name)
    if not _is_zone(subscriber.timezone):
        hint = nearest(subscriber.timezone, _zones())
        yield document.problem((*at, "timezone"), f"'{subscriber.timezone}' is no time zone", hint)
    if not LANGUAGE.fullmatch(subscriber.language):
        yield document.problem((*at, "language"), f"'{subscriber.language}' is no language code, such as en or zh-Hans")
    if not subscriber.targets:
        yield document.problem((*at, "targets"), f"subscriber '{subscriber.name}' has no target")
    yield from _duplicates((document, (*at, "targets", i, "name"), t.name) for i, t in enumerate(subscriber.targets))
    names = [target.name for target in subscriber.targets]
    for i, target in enumerate(subscriber.targets):
        yield from _check_target(document, (*at, "targets", i), target)
        if target.fallback is not None:
            yield from _check_other(document, (*at, "targets", i, "fallback"), target.fallback, target.name, names)
    for i, escalation in enumerate(subscriber.escalate):
        yield from _check_other(document, (*at, "escalate", i, "to"), escalation.to, "", names)
        yield from _check_read(document, (*at, "escalate", i, "after"), escalation.after, read_length, nearest_length)
    if subscriber.targets and all(target.standby for target in subscriber.targets):
        yield document.problem(
            (*at, "targets"), f"all targets of '{subscriber.name}' are on standby: nobody is alerted"
        )


def _check_target(document: Document, at: Key, target: Target) -> Iterator[Problem]:
    yield from _check_name(document, (*at, "name"), target.name)
    given = [key for key in KEYS if getattr(target, key) is not None]
    hidden = next((word for key in KEYS if (word := document.hidden((*at, key)))), "")
    if not given and hidden:
        key = next(key for key in KEYS if document.hidden((*at, key)))
        message = f"{hidden} is a comment: a channel that begins with # must be quoted"
        yield document.problem((*at, key), message, f'"{hidden}"')
    elif len(given) != 1:
        *keys, last = (f"'{key}'" for key in KEYS)
        message = f"target '{target.name}' needs either {', '.join(keys)} or {last}"
        both = f"{message}: make a target of each" if given else message
        yield document.problem((*at, given[1], "") if given else at, both)
    if target.email is not None:
        yield from _check_address(document, (*at, "email"), target.email)
    if target.slack is not None and not SLACK.fullmatch(target.slack):
        yield document.problem(
            (*at, "slack"),
            f"{say(target.slack)} is no Slack channel: '#name' in lower case, or an id",
            nearest_channel(target.slack),
        )
    if target.ntfy is not None and not NTFY.fullmatch(target.ntfy):
        message = "is no ntfy topic: letters, digits, '_' and '-', at most 64; the server is a setting"
        yield document.problem((*at, "ntfy"), message)
    for key, secrets in SECRETS.items():
        if (where := getattr(target, key)) is not None:
            for secret in secrets:
                env, file = getattr(where, f"{secret}_env"), getattr(where, f"{secret}_file")
                for name, message in mistakes(env, file, secret):
                    yield document.problem((*at, key, name) if name else (*at, key), message)
    if target.quiet_hours is not None:
        yield from _check_quiet_hours(document, (*at, "quiet_hours"), target.quiet_hours)
    if target.digest is not None:
        yield from _check_digest(document, (*at, "digest"), target.digest)
    if target.max_per_hour is not None and target.max_per_hour < 1:
        yield document.problem((*at, "max_per_hour"), f"{target.max_per_hour} is not at least 1")


def _check_address(document: Document, key: Key, address: str) -> Iterator[Problem]:
    if not EMAIL.fullmatch(address):
        message = f"{say(address)} is no e-mail address (plain ASCII, without a name)"
        yield document.problem(key, message, nearest_address(address))


def _check_other(document: Document, key: Key, name: str, own: str, names: Sequence[str]) -> Iterator[Problem]:
    if name not in names:
        yield document.problem(key, f"unknown target '{name}' of this subscriber", nearest(name, names))
    elif name == own:
        yield document.problem(key, f"'{name}' cannot stand in for itself")


def _check_quiet_hours(document: Document, at: Key, quiet: QuietHours) -> Iterator[Problem]:
    yield from _check_read(document, (*at, "from"), quiet.start, read_time, nearest_time)
    yield from _check_read(document, (*at, "to"), quiet.end, read_time, nearest_time)
    yield from _check_read(document, (*at, "days"), quiet.days, read_days, nearest_days)
    if quiet.start == quiet.end:
        yield document.problem((*at, "to"), f"'{quiet.end}' is 'from' as well: quiet hours must begin and end")


def _check_digest(document: Document, at: Key, digest: Digest) -> Iterator[Problem]:
    if not digest.at:
        yield document.problem((*at, "at"), 'a digest needs a time of day, such as "07:00"')
    for i, text in enumerate(digest.at):
        yield from _check_read(document, (*at, "at", i), text, read_time, nearest_time)
    yield from _duplicates((document, (*at, "at", i), text) for i, text in enumerate(digest.at))
    yield from _check_read(document, (*at, "days"), digest.days, read_days, nearest_days)


def _check_read(
    document: Document, key: Key, text: str, read: Callable[[str], object], suggest: Callable[[str], str]
) -> Iterator[Problem]:
    try:
        read(text)
    except ValueError as error:
        yield document.problem(key, str(error), suggest(text))


def _check_subscriptions(
    document: Document, file: SubscriptionFile, subscribers: Collection[str] | None, themes: Collection[str] | None
) -> Iterator[Problem]:
    for i, subscription in enumerate(file.subscriptions):
        at: Key = ("subscriptions", i)
        yield from _check_name(document, (*at, "name"), subscription.name)
        name = subscription.subscriber
        if subscribers is not None and name not in subscribers:
            yield document.problem((*at, "subscriber"), f"unknown subscriber '{name}'", nearest(name, subscribers))
        if not subscription.themes:
            yield document.problem((*at, "themes"), f"subscription '{subscription.name}' names no theme")
        for j, theme in enumerate(subscription.themes):
            yield from _check_theme(document, (*at, "themes", j), theme, themes)
        for j, language in enumerate(subscription.only.languages):
            if not LANGUAGE.fullmatch(language):
                yield document.problem((*at, "only", "languages", j), f"'{language}' is no language code, such as en")
        for kind in ("outlets", "terms"):
            for j, text in enumerate(getattr(subscription.only, kind)):
                if not text.strip():
                    yield document.problem((*at, "only", kind, j), f"'{text}' is empty: it would be in everything")
        rate = subscription.false_alerts_per_month
        if rate is not None and not 0 < rate <= 1000:
            yield document.problem((*at, "false_alerts_per_month"), f"{rate:g} is not above 0 and at most 1000")


def _check_tests(
    document: Document, file: SubscriptionFile, targets: Collection[str] | None, themes: Collection[str] | None
) -> Iterator[Problem]:
    for i, test in enumerate(file.tests):
        yield from _check_theme(document, ("tests", i, "given", "theme"), test.given.theme, themes)
        for j, name in enumerate(test.expect):
            if targets is not None and name not in targets:
                message = f"unknown target '{name}'"
                yield document.problem(("tests", i, "expect", j), message, nearest(name, targets))


def _check_theme(document: Document, key: Key, theme: str, themes: Collection[str] | None) -> Iterator[Problem]:
    if themes is None:
        yield from _check_name(document, key, theme)
    elif theme not in themes:
        words = theme.replace(",", " ").split()
        hint = ", ".join(words) if len(words) > 1 and set(words) <= set(themes) else nearest(theme, themes)
        yield document.problem(key, f"unknown theme '{theme}'", hint)


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # an unknown zone is a KeyError, "Europe" alone is a directory
        return False
    return True


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(zoneinfo.available_timezones()))
