"""Dead addresses: what follows from the mails in a directory and from the ledger, and from nothing else."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes.dsn import ANSWER, make_dsn
from fakes.frozen import make_frozen
from prometheus_client import CollectorRegistry

from alerting.answers.bouncing import BarredChannel, Bounces
from alerting.delivery import Found, Frozen, Lookup, Outcome, Reason
from alerting.ledger.ledger import Ledger
from alerting.metrics import AnsweringMetrics
from deskwatch.records import DeliveryState

NOW = datetime(2026, 11, 24, 14, tzinfo=UTC)


class Clock:
    def now(self) -> datetime:
        return NOW

    async def sleep_until(self, at: datetime) -> None:
        raise AssertionError("nothing here sleeps")


@dataclass
class Desk:
    """A ledger with mails that were sent, and a maildir."""

    ledger: Ledger
    maildir: Path
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        (self.maildir / "new").mkdir(parents=True)
        (self.maildir / "cur").mkdir()
        self.bounces = Bounces(self.maildir, self.ledger, AnsweringMetrics(self.registry), Clock())

    def sent(self, number: int, address: str = "china-desk@example.org") -> str:
        """Send a mail, and return its Message-ID."""
        mail = make_frozen(number, channel="mail", target="mail", address=address)
        self.ledger.add([mail])
        name = f"<{number:024x}@desk.example>"
        self.ledger.settle(self.ledger.begin(mail, 1000.0), DeliveryState.SENT, 1001.0, provider_ref=name)
        return name

    def come(self, name: str, raw: bytes, *, place: str = "new", age: timedelta = timedelta()) -> Path:
        """Let a mail come."""
        path = self.maildir / place / name
        path.write_bytes(raw)
        at = (NOW - age).timestamp()
        os.utime(path, (at, at))
        return path

    def look(self) -> None:
        asyncio.run(self.bounces.look())

    def is_dead(self, address: str = "china-desk@example.org") -> bool:
        self.look()
        return self.bounces.is_dead(address)

    def counted(self, kind: str) -> float | None:
        return self.registry.get_sample_value("deskwatch_mail_bounces", {"kind": kind})


@pytest.fixture
def desk(ledger: Ledger, tmp_path: Path) -> Desk:
    return Desk(ledger, tmp_path / "bounces")


def test_two_messages_that_came_back_for_good_make_an_address_dead(desk: Desk) -> None:
    desk.come("1", make_dsn(desk.sent(1)))
    assert not desk.is_dead()

    desk.come("2", make_dsn(desk.sent(2)))
    assert desk.is_dead()
    assert not desk.bounces.is_dead("other@example.org")
    assert desk.counted("hard") == 2
    assert desk.registry.get_sample_value("deskwatch_mail_addresses_dead") == 1


def test_one_message_that_came_back_twice_does_not(desk: Desk) -> None:
    name = desk.sent(1)
    desk.come("1", make_dsn(name))
    desk.come("2", make_dsn(name))

    assert not desk.is_dead()


def test_what_came_back_for_now_does_not(desk: Desk) -> None:
    for number in range(3):
        desk.come(str(number), make_dsn(desk.sent(number), status="4.4.7"))

    assert not desk.is_dead()
    assert desk.counted("soft") == 3


def test_forged_reports_do_nothing_to_the_address_they_name(desk: Desk) -> None:
    desk.sent(1)
    for number in range(5):
        desk.come(str(number), make_dsn(f"<{number + 50:024x}@desk.example>"))
    desk.come("answer", make_dsn("<x@y>", template=ANSWER))

    assert not desk.is_dead()
    assert (desk.counted("unmatched"), desk.counted("unreadable")) == (5, 1)


def test_the_address_is_that_of_our_message_and_not_that_of_the_report(desk: Desk) -> None:
    for number in (1, 2):
        desk.come(str(number), make_dsn(desk.sent(number), recipient="chief@example.org"))

    assert desk.is_dead()
    assert not desk.bounces.is_dead("chief@example.org")


def test_old_reports_do_not_count_and_who_removes_the_files_revives_the_address(desk: Desk) -> None:
    desk.come("1", make_dsn(desk.sent(1)), age=timedelta(days=31))
    desk.come("2", make_dsn(desk.sent(2)))
    assert not desk.is_dead()

    path = desk.come("3", make_dsn(desk.sent(3)))
    assert desk.is_dead()
    path.unlink()
    assert not desk.is_dead()


def test_another_service_with_the_same_files_knows_as_much_wherever_they_lie(desk: Desk) -> None:
    path = desk.come("1", make_dsn(desk.sent(1)))
    desk.come("2", make_dsn(desk.sent(2)), place="")
    desk.look()
    path.rename(desk.maildir / "cur" / "1:2,S")  # as mail programs do
    assert desk.is_dead()

    other = Bounces(desk.maildir, desk.ledger, AnsweringMetrics(CollectorRegistry()), Clock())
    asyncio.run(other.look())
    assert other.is_dead("china-desk@example.org")


def test_links_and_directories_among_the_mails_are_not_followed(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(make_dsn(desk.sent(1)))
    (desk.maildir / "new" / "link").symlink_to(secret)
    (desk.maildir / "new" / "directory").mkdir()
    os.mkfifo(desk.maildir / "new" / "pipe")
    desk.look()

    assert desk.counted("hard") == 0


def test_a_directory_that_is_not_there_is_said_and_changes_nothing(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        desk.come(str(number), make_dsn(desk.sent(number)))
    assert desk.is_dead()

    desk.maildir.rename(desk.maildir.with_name("gone"))

    assert desk.is_dead()
    assert "bounces.not_read" in capsys.readouterr().out


class Post:
    """A channel that sends everything."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, frozen: Frozen) -> Outcome:
        self.sent.append(frozen.address)
        return Outcome(state=DeliveryState.SENT)

    async def look_up(self, frozen: Frozen) -> Lookup:
        return Lookup(found=Found.NO)

    async def close(self) -> None:
        self.sent.append("closed")


def test_nothing_is_sent_to_a_dead_address(desk: Desk) -> None:
    for number in (1, 2):
        desk.come(str(number), make_dsn(desk.sent(number)))
    desk.look()
    post = Post()
    channel = BarredChannel(post, desk.bounces)

    dead, alive = (
        asyncio.run(channel.send(make_frozen(9, channel="mail", address=address)))
        for address in ("china-desk@example.org", "trade-desk@example.org")
    )

    assert (dead.state, dead.reason) == (DeliveryState.DEAD, Reason.BAD_TARGET)
    assert alive.state is DeliveryState.SENT
    assert post.sent == ["trade-desk@example.org"]
