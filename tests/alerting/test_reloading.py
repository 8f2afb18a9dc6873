from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from alerting.deciding.refusing import Refusal
from alerting.metrics import Metrics
from alerting.reloading import Reloader
from alerting.rules.roster import Roster
from alerting.rules.subscriptions import load
from deskwatch.clock import SystemClock


class Desk:
    def __init__(self, config_dir: Path) -> None:
        self.registry = CollectorRegistry()
        self.accepted: list[Roster] = []
        roster = load(config_dir)
        self.told: list[tuple[str, Refusal]] = []
        self.reloader = Reloader(
            config_dir,
            roster,
            self.accepted.append,
            Metrics(self.registry),
            SystemClock(),
            lambda owner, refusal: self.told.append((owner, refusal)),
        )

    def look(self) -> list[set[str]]:
        """Return the subscribers of each roster accepted so far."""
        asyncio.run(self.reloader.look())
        return [set(roster.subscribers) for roster in self.accepted]

    @property
    def is_good(self) -> bool:
        return self.registry.get_sample_value("deskwatch_config_last_reload_successful") == 1


def write(path: Path, name: str) -> None:
    path.write_text(f"subscribers:\n  - {{name: {name}, targets: [{{name: mail, email: {name}@example.org}}]}}\n")


def test_nothing_is_taken_over_while_nothing_changes(config_dir: Path) -> None:
    desk = Desk(config_dir)

    assert desk.look() == []
    assert desk.is_good


def test_files_that_come_change_and_go_are_taken_over(config_dir: Path) -> None:
    desk, path = Desk(config_dir), config_dir / "subscriptions" / "more.yaml"
    write(path, "second-desk")
    assert desk.look() == [{"china-desk", "trade-desk", "second-desk"}]

    draft = path.with_suffix(".draft")  # as most editors save
    write(draft, "renamed-desk")
    draft.replace(path)
    assert desk.look()[-1] == {"china-desk", "trade-desk", "renamed-desk"}

    path.unlink()
    assert desk.look()[-1] == {"china-desk", "trade-desk"}


def test_a_link_that_is_swapped_under_all_files_is_taken_over(tmp_path: Path) -> None:
    for version in ("first", "second"):
        (tmp_path / version).mkdir()
        write(tmp_path / version / "desks.yaml", f"{version}-desk")
    config_dir = tmp_path / "config"
    (config_dir / "subscriptions").mkdir(parents=True)
    (config_dir / "subscriptions" / "desks.yaml").symlink_to(tmp_path / "data" / "desks.yaml")
    (tmp_path / "data").symlink_to("first")
    desk = Desk(config_dir)
    (tmp_path / "next").symlink_to("second")
    os.replace(tmp_path / "next", tmp_path / "data")  # noqa: PTH105  # as the name says, atomically

    assert desk.look() == [{"second-desk"}]


def test_a_bad_edit_keeps_what_holds_and_says_where_it_is_wrong(
    config_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk, path = Desk(config_dir), config_dir / "subscriptions" / "more.yaml"
    path.write_text("subscribers:\n  - {name: second-desk, targts: []}\n")

    assert desk.look() == []
    assert not desk.is_good
    assert "more.yaml:2:25: error: unknown key 'targts' (did you mean 'targets'?)" in capsys.readouterr().out

    write(path, "second-desk")
    assert desk.look() == [{"china-desk", "trade-desk", "second-desk"}]
    assert desk.is_good


def own(path: Path, owner: str, name: str) -> None:
    write(path, name)
    path.write_text(f"owner: {owner}\n{path.read_text()}")


def test_a_refused_edit_is_told_to_the_owner_of_the_file_once(config_dir: Path) -> None:
    first, second = config_dir / "subscriptions" / "first.yaml", config_dir / "subscriptions" / "second.yaml"
    own(first, "first@example.org", "first-desk")
    own(second, "second@example.org", "second-desk")
    desk = Desk(config_dir)
    good = first.read_text()

    first.write_text(good.replace("targets", "targts"))
    desk.look()
    desk.look()
    assert [(owner, len(refusal.problems)) for owner, refusal in desk.told] == [("first@example.org", 1)]

    first.write_text(first.read_text())  # saved anew, not changed
    desk.look()
    assert len({refusal.digest for _, refusal in desk.told}) == 1

    first.write_text(good)
    desk.look()
    first.write_text(good.replace("targets", "targts"))  # the same mistake made again is told again
    desk.look()
    assert len({refusal.digest for _, refusal in desk.told}) == 2


def test_who_broke_anothers_file_is_told_as_well(config_dir: Path) -> None:
    subscribers, rules = config_dir / "subscriptions" / "people.yaml", config_dir / "subscriptions" / "rules.yaml"
    own(subscribers, "people@example.org", "a-desk")
    rules.write_text("owner: rules@example.org\nsubscriptions:\n  - {name: a, subscriber: a-desk, themes: [taiwan]}\n")
    desk = Desk(config_dir)

    subscribers.write_text(subscribers.read_text().replace("a-desk", "b-desk"))
    desk.look()

    assert [owner for owner, _ in desk.told] == ["people@example.org", "rules@example.org"]


def test_a_new_file_without_a_known_owner_is_told_to_all_owners(config_dir: Path) -> None:
    own(config_dir / "subscriptions" / "first.yaml", "first@example.org", "first-desk")
    desk = Desk(config_dir)

    (config_dir / "subscriptions" / "new.yaml").write_text("owner: evil@example.org\nsubscribers: [\n")
    desk.look()

    assert [owner for owner, _ in desk.told] == ["first@example.org"]
