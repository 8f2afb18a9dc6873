"""The Apprise channel with a library that does as the real one does; that one is an extra, and need not be there."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes.frozen import make_frozen

from alerting.channels.appriseapi import AppriseChannel
from alerting.channels.wiring import create_channels
from alerting.delivery import Found, Outcome, Reason
from alerting.rules.roster import Hook, Roster, Subscriber, Target
from alerting.settings import AlertingSettings
from deskwatch.errors import ConfigError
from deskwatch.records import DeliveryState

URL = "fake://hush"
MESSAGE = make_frozen(channel="apprise", address="$URL", body=b'{"title": "t", "body": "b", "notify_type": "warning"}')


@dataclass
class Service:
    """One service of a library, which by itself would try again."""

    url: str
    retry: int = 3


@dataclass
class FakeApprise:
    """A library that answers what it is told to."""

    answer: Any = True
    sent: list[dict[str, Any]] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)

    @property
    def Apprise(self) -> Any:  # its name
        library = self

        class Sender:
            @staticmethod
            def instantiate(url: str) -> Service | None:
                return Service(url) if url.startswith("fake://") else None

            def add(self, service: Service) -> bool:
                library.services.append(service)
                return True

            def notify(self, **message: Any) -> Any:
                for _ in range(library.services[-1].retry + 1):
                    library.sent.append(message)
                if isinstance(library.answer, Exception):
                    raise library.answer
                return library.answer

        return Sender


def send(library: FakeApprise, url: str = URL) -> Outcome:
    channel = AppriseChannel({"URL": url}, timeout_s=5.0, load=lambda: library)
    return asyncio.run(channel.send(MESSAGE))


def test_it_is_sent_once_as_plain_text() -> None:
    library = FakeApprise()

    assert send(library).state is DeliveryState.SENT

    assert library.sent == [{"title": "t", "body": "b", "notify_type": "warning", "body_format": "text"}]


@pytest.mark.parametrize("answer", [False, None, TypeError(f"to {URL}"), OSError(URL)])
def test_what_did_not_succeed_may_have_arrived_and_nobody_can_tell(answer: Any) -> None:
    outcome = send(FakeApprise(answer=answer))

    assert (outcome.state, outcome.reason) == (DeliveryState.UNKNOWN, Reason.SERVER_FAULT)
    assert "hush" not in repr(outcome)
    lookup = asyncio.run(AppriseChannel({}, timeout_s=1.0).look_up(MESSAGE))
    assert lookup.found is Found.CANNOT_TELL


def test_an_address_that_apprise_does_not_know_is_dead_and_none_at_all_is_waited_for() -> None:
    library = FakeApprise()

    assert send(library, "nonsense://hush").reason is Reason.BAD_TARGET
    assert send(library, "").reason is Reason.CREDENTIALS
    assert library.sent == []


def test_without_the_extra_a_service_that_needs_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)  # as if it were not installed
    target = Target(name="it", apprise=Hook(url_env="URL"))
    roster = Roster(
        subscribers={"desk": Subscriber(name="desk", targets=(target,))},
        subscriptions=(),
    )
    with pytest.raises(ConfigError, match=r"pip install 'deskwatch\[apprise\]'"):
        create_channels(AlertingSettings(), roster, {"URL": URL})
    channel = AppriseChannel({"URL": URL}, timeout_s=1.0)
    assert asyncio.run(channel.send(MESSAGE)).reason is Reason.CREDENTIALS
