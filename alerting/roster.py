"""The shape of a subscription file, and the roster that all files make together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from deskwatch.records import Severity


class QuietHours(msgspec.Struct, frozen=True, kw_only=True):
    """When a target wants to be left alone, in its subscriber's time zone; may wrap past midnight."""

    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    days: str = "mon-sun"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts go: an e-mail address or a Slack channel."""

    name: str
    email: str | None = None
    slack: str | None = None
    quiet_hours: QuietHours | None = None

    @property
    def channel(self) -> Literal["mail", "slack"]:
        """Return the kind of target."""
        return "mail" if self.email is not None else "slack"

    @property
    def address(self) -> str:
        """Return the e-mail address or the Slack channel."""
        return self.email or self.slack or ""


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """A desk or a person."""

    name: str
    targets: tuple[Target, ...]
    language: str = "en"
    timezone: str = "UTC"


class Only(msgspec.Struct, frozen=True, kw_only=True):
    """What an episode must have beside theme and severity."""

    languages: tuple[str, ...] = ()


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Which themes a subscriber wants to hear of, and from which severity on."""

    name: str
    subscriber: str
    themes: tuple[str, ...]
    min_severity: Severity = Severity.MEDIUM
    false_alerts_per_month: float | None = None
    only: Only = msgspec.field(default_factory=Only)


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """The episode of an in-file test."""

    theme: str
    severity: Severity
    language: str | None = None


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """An in-file test: exactly these targets (`subscriber/target`) are alerted."""

    given: Given
    expect: tuple[str, ...]


class SubscriptionFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the directory."""

    subscribers: tuple[Subscriber, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    tests: tuple[Expectation, ...] = ()


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription with the place where it is written, such as `subscriptions/asia.yaml:16`."""

    subscription: Subscription
    place: str


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """All subscribers and subscriptions that hold together."""

    subscribers: Mapping[str, Subscriber]
    subscriptions: tuple[Placed, ...]
    titles: Mapping[str, str] = {}  # of the themes, as their files call them

    def targets(self) -> Iterator[tuple[Subscriber, Target]]:
        """Yield every target with its subscriber."""
        for subscriber in self.subscribers.values():
            for target in subscriber.targets:
                yield subscriber, target
