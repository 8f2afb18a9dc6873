"""The shape of a subscription file, and the roster that all files make together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec

from alerting.rules.references import refer
from deskwatch.records import Severity

KEYS: Final = {  # of a target: which channel each stands for
    "email": "mail",
    "slack": "slack",
    "teams": "teams",
    "ntfy": "ntfy",
    "webhook": "webhook",
    "pagerduty": "pagerduty",
    "apprise": "apprise",
}
CHANNELS: Final = tuple(KEYS.values())
SECRETS: Final = {  # of such a target: what of it is kept elsewhere, as `*_env` or `*_file`
    "teams": ("url",),
    "webhook": ("url", "secret"),
    "pagerduty": ("key",),
    "apprise": ("url",),
}


class QuietHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a target wants to be left alone, in its subscriber's time zone; may wrap past midnight.

    `days` are those on which it begins. From `except_severity` on an alert is sent all the same; None: none is.
    """

    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    days: str = "mon-sun"
    except_severity: Severity | None = Severity.CRITICAL


class Digest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a target gets what was held back for it, in its subscriber's time zone."""

    at: tuple[str, ...]
    days: str = "mon-sun"


class Escalation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told next if nobody acknowledges an episode of this severity; `after` is a length such as 10m or 2h."""

    to: str
    after: str = "10m"
    severity: Severity = Severity.CRITICAL


class Hook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that is a secret: the variable or the file that holds it."""

    url_env: str = ""
    url_file: str = ""


class SignedHook(Hook, frozen=True, kw_only=True):
    """The same, and where the secret is with which we sign what we post."""

    secret_env: str = ""
    secret_file: str = ""


class Pager(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the routing key of a PagerDuty service is."""

    key_env: str = ""
    key_file: str = ""


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where alerts go: exactly one of the keys from `email` to `apprise`.

    `on_ambiguous` says what becomes of a message of which nobody can tell whether it has arrived: it goes again, and
    may be a duplicate, or it does not, and may be lost.
    What goes beyond `max_per_hour` waits for the digest, or for the next full hour where there is none. `fallback` is
    the subscriber's target that gets what cannot be delivered here; one on `standby` gets nothing but that, and
    escalations.
    """

    name: str
    email: str | None = None
    slack: str | None = None
    teams: Hook | None = None
    ntfy: str | None = None  # a topic
    webhook: SignedHook | None = None
    pagerduty: Pager | None = None
    apprise: Hook | None = None
    on_ambiguous: Literal["resend", "hold"] = "resend"
    quiet_hours: QuietHours | None = None
    digest: Digest | None = None
    max_per_hour: int | None = None
    fallback: str | None = None
    standby: bool = False

    @property
    def channel(self) -> str:
        """Return the kind of target, one of `CHANNELS`."""
        return next((channel for key, channel in KEYS.items() if getattr(self, key) is not None), "")

    @property
    def address(self) -> str:
        """Return what tells this target from others of its kind; of what is a secret, the references to it."""
        match next((value for key in KEYS if (value := getattr(self, key)) is not None), ""):
            case SignedHook() as hook:
                return f"{refer(hook.url_env, hook.url_file)} {refer(hook.secret_env, hook.secret_file)}"
            case Hook() as hook:
                return refer(hook.url_env, hook.url_file)
            case Pager() as pager:
                return refer(pager.key_env, pager.key_file)
            case address:
                return str(address)


class Subscriber(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A desk or a person; `all_quiet` asks for a word each day on which there was nothing to tell."""

    name: str
    targets: tuple[Target, ...]
    language: str = "en"
    timezone: str = "UTC"
    all_quiet: bool = True
    escalate: tuple[Escalation, ...] = ()

    def target(self, name: str) -> Target | None:
        """Return the target of this name."""
        return next((target for target in self.targets if target.name == name), None)


class Only(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an episode must have beside theme and severity: one of each that is given.

    Outlets by their names, capitals or not; terms as they stand in a headline, or were found in it.
    """

    languages: tuple[str, ...] = ()
    outlets: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()


class Subscription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which themes a subscriber wants to hear of, and from which severity on."""

    name: str
    subscriber: str
    themes: tuple[str, ...]
    min_severity: Severity = Severity.MEDIUM
    false_alerts_per_month: float | None = None
    only: Only = msgspec.field(default_factory=Only)


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The episode of an in-file test."""

    theme: str
    severity: Severity
    language: str | None = None
    outlet: str | None = None
    title: str | None = None


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An in-file test: exactly these targets (`subscriber/target`) are alerted."""

    given: Given
    expect: tuple[str, ...]


class SubscriptionFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the directory; `owner` is whom to tell, by mail, when an edit of it is refused."""

    owner: str | None = None
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
    owners: Mapping[str, str] = {}  # of each file that names one, by its path

    def targets(self) -> Iterator[tuple[Subscriber, Target]]:
        """Yield every target with its subscriber."""
        for subscriber in self.subscribers.values():
            for target in subscriber.targets:
                yield subscriber, target

    def on_ambiguous(self, subscriber: str, target: str) -> str:
        """Return what becomes of a message to a target of which nobody can tell whether it has arrived."""
        found = self.subscribers[subscriber].target(target) if subscriber in self.subscribers else None
        return found.on_ambiguous if found is not None else "resend"
