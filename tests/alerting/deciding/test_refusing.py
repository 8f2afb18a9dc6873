from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from alerting.channels.folder import FolderChannel
from alerting.deciding.intake import Arrival
from alerting.deciding.refusing import SHOWN, Refusal, compose_problems, freeze_refusal
from alerting.ledger.ledger import Change, Ledger
from alerting.rules.subscriptions import load
from alerting.service import Service
from alerting.settings import AlertingSettings
from deskwatch.clock import SystemClock
from deskwatch.configfile import Problem
from deskwatch.records import DeadLetter, Delivery, DeliveryKind

CONFIG = Path("/etc/deskwatch")
SINCE = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
PROBLEM = Problem(str(CONFIG / "subscriptions" / "asia.yaml"), 3, 7, "unknown key 'targts'", "targets")


def refusal(*problems: Problem) -> Refusal:
    return Refusal(digest="abc", problems=problems, config_dir=CONFIG, held_since=SINCE)


def test_the_mail_names_each_problem_by_its_place_and_what_holds_meanwhile() -> None:
    frozen = freeze_refusal(refusal(PROBLEM), "owner@example.org", AlertingSettings(), SINCE)
    mail = message_from_bytes(frozen.body, policy=default)

    assert (mail["To"], mail["Subject"]) == ("owner@example.org", "[CONFIG] Your change was not taken over: 1 problem")
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content().replace("\r\n", "\n")
    assert "  subscriptions/asia.yaml:3:7: error: unknown key 'targts' (did you mean 'targets'?)\n" in text
    assert "what held since 2026-11-25 07:30 UTC still holds" in text
    assert str(CONFIG) not in text


def test_the_same_content_is_one_message_for_each_owner(ledger: Ledger) -> None:
    made = [
        freeze_refusal(refusal(PROBLEM), owner, AlertingSettings(), SINCE)
        for owner in ("a@b.org", "a@b.org", "c@d.org")
    ]

    new = ledger.add(made)

    assert [one.key for one in new] == ["config|abc|a@b.org|mail", "config|abc|c@d.org|mail"]
    assert {one.kind for one in new} == {DeliveryKind.CONFIG}
    assert [one.address for one in ledger.due(SINCE.timestamp())] == ["a@b.org", "c@d.org"]


def test_an_address_is_no_part_of_a_file_name() -> None:
    frozen = freeze_refusal(refusal(PROBLEM), "x/y@example.org", AlertingSettings(), SINCE)
    assert "/" not in frozen.subscriber


@given(st.lists(st.text(max_size=500), min_size=1, max_size=2 * SHOWN))
def test_what_files_say_cannot_make_a_line_or_a_header_of_its_own(messages: list[str]) -> None:
    notice = compose_problems([Problem("a.yaml", 1, 1, message) for message in messages], CONFIG, SINCE)

    assert "\n" not in notice.subject
    lines = [line for line in notice.text.splitlines() if line.startswith("  ")]
    assert len(lines) == min(len(messages), SHOWN) + (len(messages) > SHOWN)
    assert all(line.startswith(("  a.yaml:1:1: error:", "  and ")) for line in lines)


class QuietBroker:
    """Source and mirror of a broker on which nothing happens."""

    def __init__(self) -> None:
        self.mirrored: list[Change] = []

    async def read(self) -> Sequence[Arrival]:
        await asyncio.sleep(0.01)
        return []

    async def earlier(self) -> Sequence[Arrival]:
        return []

    async def commit(self) -> None:
        pass

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        raise AssertionError(letters)

    async def publish(self, changes: Sequence[Change]) -> None:
        self.mirrored += changes

    def is_assigned(self) -> bool:
        return True

    async def take_over(self) -> None:
        pass

    async def deliveries(self) -> Sequence[Delivery]:
        return []


def test_a_running_service_mails_the_owner_of_a_file_that_was_edited_badly(tmp_path: Path, config_dir: Path) -> None:
    file, outbox, broker = config_dir / "subscriptions" / "desks.yaml", tmp_path / "outbox", QuietBroker()
    file.write_text(f"owner: owner@example.org\n{file.read_text()}")

    async def scenario(ledger: Ledger) -> list[bytes]:
        stop = asyncio.Event()
        service = Service(
            ledger,
            load(config_dir),
            broker,
            broker,
            {"mail": FolderChannel(outbox), "slack": FolderChannel(outbox)},
            settings=AlertingSettings(),
            registry=CollectorRegistry(),
            clock=SystemClock(),
            config_dir=config_dir,
        )
        running = asyncio.create_task(service.run(stop))
        file.write_text(file.read_text().replace("targets:", "targts:", 1))
        async with asyncio.timeout(10):
            while not (found := list(outbox.glob("config-*"))):
                await asyncio.sleep(0.01)
            stop.set()
            await running
        return [path.read_bytes() for path in found]

    with Ledger(tmp_path / "state") as ledger:
        [raw] = asyncio.run(scenario(ledger))

    mail = message_from_bytes(raw, policy=default)
    assert mail["To"] == "owner@example.org"
    assert "subscriptions/desks.yaml:5:5: error: unknown key 'targts' (did you mean 'targets'?)" in mail.get_content()
    [last] = {msgspec.json.decode(change.record, type=Delivery).delivery_key for change in broker.mirrored}
    assert last.startswith("config|")
    assert last.endswith("|owner@example.org|mail")
