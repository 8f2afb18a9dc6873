"""`deskwatch backtest` over archives written here: what it finds, by what it counts, and what becomes of bad lines."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from classifiers.loading import load_classifier
from deskwatch.cli import group
from deskwatch.owners import load as load_owners
from streams import lessonfile
from streams.identity import identify
from streams.rules import DayRules, Rules
from streams.teaching import fitting

RULES = DayRules()
DAY0 = date(2024, 1, 1)
EVENT = DAY0 + timedelta(days=45)
WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "mesa", "ridge")
THEME = """
title: {name}
definition: Of {name}.
terms:
  en: {{decisive: [{name}]}}
must_match: [Of {name} we sing]
must_not_match: [Of nothing]
"""
SUBSCRIPTIONS = """
subscribers:
  - name: port-desk
    targets: [{name: mail, email: port@example.org}]
subscriptions:
  - {name: ports, subscriber: port-desk, themes: [harbours], min_severity: low}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path / "config", ["harbours", "railways"])


def write_config(directory: Path, themes: Iterable[str]) -> Path:
    (directory / "themes").mkdir(parents=True)
    (directory / "subscriptions").mkdir()
    for name in themes:
        (directory / "themes" / f"{name}.yaml").write_text(THEME.format(name=name))
    (directory / "subscriptions" / "ports.yaml").write_text(SUBSCRIPTIONS)
    return directory


def archive(*, days: int = 60, event: date | None = EVENT, sources: int = 4, timed: bool = False) -> list[Any]:
    """Return articles of two themes, two a day each, and thirty on harbours on the day of the event."""
    chance = random.Random(5)
    found: list[Any] = []
    for n in range(days):
        day = DAY0 + timedelta(days=n)
        for theme in ("harbours", "railways", "weather"):
            count = 30 if theme == "harbours" and day == event else chance.randrange(5)
            for _ in range(count):
                at = datetime(day.year, day.month, day.day, chance.randrange(24), chance.randrange(60), tzinfo=UTC)
                title = " ".join([f"Strike in the {theme}:", *chance.choices(WORDS, k=7)])
                found.append(
                    {
                        "id": f"a{len(found)}",
                        "title": title,
                        "source": f"Outlet {chance.randrange(sources)}",
                        "published": at.isoformat() if timed else day.isoformat(),
                    }
                )
    return found


def run(config: Path, lines: Iterable[Any], *options: str, file: Path | None = None) -> Result:
    path = file or config.parent / "archive.jsonl"
    if file is None:
        path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return CliRunner().invoke(group, ["backtest", str(path), "--config", str(config), *options])


def episodes(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("sources", [1, 2, 4])
def test_event_opens_one_episode_on_its_day(config: Path, sources: int, timed: bool) -> None:
    result = run(config, archive(sources=sources, timed=timed))
    (episode,) = episodes(result)
    assert (episode["theme"], episode["onset"][:10]) == ("harbours", str(EVENT))
    assert episode["detected"] == f"{EVENT + timedelta(days=1)}T00:00:00Z"
    assert episode["observed"] > 3 * episode["expected"]
    assert episode["owners"] == sources
    assert episode["articles"] == 30
    assert "counted by days" in result.stderr


def test_without_an_event_nothing_opens(config: Path) -> None:
    assert episodes(run(config, archive(event=None))) == []


def test_flood_of_one_outlet_among_many_counts_to_its_cap(config: Path) -> None:
    lines = archive(event=None, sources=8)
    flood = [line | {"id": f"f{i}", "source": "Outlet 3"} for i, line in enumerate(archive(days=1, event=DAY0)[:30])]
    lines += [line | {"published": str(EVENT), "title": line["title"] + f" {i}"} for i, line in enumerate(flood)]
    assert all(episode["observed"] <= 4 + RULES.owner_cap + 1 for episode in episodes(run(config, lines)))


def test_order_of_the_lines_changes_nothing(config: Path) -> None:
    lines = archive()
    told = run(config, lines).stdout
    random.Random(1).shuffle(lines)
    assert run(config, lines).stdout == told


@pytest.mark.slow
def test_processes_side_by_side_give_what_one_gives(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = archive(days=400)
    assert len(lines) > 2_000
    told = run(config, lines).stdout
    monkeypatch.setattr("streams.backtesting.os.cpu_count", lambda: 1)
    assert run(config, lines).stdout == told != ""


def test_gzip_and_standard_input_are_read_too(config: Path) -> None:
    told = run(config, archive()).stdout
    plain = (config.parent / "archive.jsonl").read_bytes()
    packed = config.parent / "archive.jsonl.gz"
    packed.write_bytes(gzip.compress(plain))
    assert run(config, (), file=packed).stdout == told
    piped = CliRunner().invoke(group, ["backtest", "--config", str(config)], input=plain)
    assert piped.stdout == told


def test_bad_lines_are_named_and_the_others_counted(config: Path) -> None:
    lines = [*archive(), "{broken", '["no object"]', {"title": "no id"}, {"id": 1, "title": "x", "published": 7e99}]
    lines += [{"id": "late", "title": "Of harbours", "published": "2099-01-01"}, {"id": "none", "title": "Of harbours"}]
    lines += [{"id": "old", "title": "Of harbours", "published": "1970-01-01T00:00:00Z"}, {"id": 2, "title": None}]
    lines += [{"id": 3, "title": "x", "published": str(EVENT), "themes": [4]}]
    result = run(config, lines)
    assert result.exit_code == 1
    assert [json.loads(line)["theme"] for line in result.stdout.splitlines()] == ["harbours"]
    first = len(archive()) + 1
    for number in (first, first + 1, first + 2, first + 8):
        assert f"archive.jsonl:{number}:1: " in result.stderr
    assert "2 date far from all others" in result.stderr
    assert "3 no date" in result.stderr


@pytest.mark.parametrize("content", [b"", b"\n\n", b"{}\n", b"\x1f\x8b broken", bytes(range(256))])
def test_file_without_articles_is_no_episode_and_no_crash(config: Path, content: bytes) -> None:
    file = config.parent / "odd"
    file.write_bytes(content)
    result = run(config, (), file=file)
    assert result.exit_code in (0, 1)
    assert result.stdout == ""
    assert "episodes: none" in result.stderr


def test_stored_themes_are_not_judged_again(config: Path) -> None:
    lines = [line | {"themes": ["railways"] if "weather" in line["title"] else []} for line in archive()]
    result = run(config, lines)
    assert "no theme" in result.stderr
    assert episodes(result) == []


def test_exported_topic_is_read_as_it_is(config: Path) -> None:
    told = episodes(run(config, archive(timed=True)))
    lines: list[Any] = [{"topic": "articles", "schema": "tick/1", "key": None, "value": {"shard": 1}}]
    for line in archive(timed=True):
        value = {
            "article_id": line["id"],
            "feed_id": "f",
            "source": line["source"],
            "url": "",
            "title": line["title"],
            "first_seen_at": line["published"],
            "fetched_at": line["published"],
        }
        lines.append({"topic": "articles", "schema": "article/1", "key": "k", "value": value})
    lines.append({"topic": "articles", "schema": "article/1", "key": "k", "value": {"title": 4}})
    lines.append({"topic": "articles", "schema": None, "key": "k", "value_base64": "AAAA"})
    result = run(config, lines)
    assert result.exit_code == 1
    assert "2 no article" in result.stderr
    assert f"archive.jsonl:{len(lines) - 1}:1: " in result.stderr
    assert [json.loads(line) for line in result.stdout.splitlines()] == told


def test_hole_in_the_archive_is_neither_silence_nor_spike(config: Path) -> None:
    lines = [
        line
        for line in archive(days=90, event=None)
        if not DAY0 + timedelta(days=40) <= date.fromisoformat(line["published"]) < DAY0 + timedelta(days=60)
    ]
    result = run(config, lines)
    assert episodes(result) == []
    assert "1 gaps" in result.stderr


def test_owners_of_one_house_are_one(config: Path) -> None:
    (config / "owners.yaml").write_text("House: [outlet 0, Outlet 1, OUTLET 2]\n")
    (episode,) = episodes(run(config, archive()))
    assert episode["owners"] == 2


def test_subscriptions_say_who_would_have_received_it(config: Path) -> None:
    (episode,) = episodes(run(config, archive(), "--subscriptions", str(config / "subscriptions")))
    assert episode["recipients"] == ["port-desk/mail"]
    table = run(config, archive(), "--subscriptions", str(config / "subscriptions"), "--table").stdout
    assert "port-desk/mail" in table
    assert "harbours 1" in table


def test_against_another_configuration_only_the_difference_is_told(config: Path, tmp_path: Path) -> None:
    same = run(config, archive(), "--against", str(config))
    assert episodes(same) == []
    other = write_config(tmp_path / "other", ["railways"])
    (lost,) = episodes(run(config, archive(), "--against", str(other)))
    assert (lost["theme"], lost["change"]) == ("harbours", "lost")
    (gained,) = episodes(run(other, archive(), "--against", str(config)))
    assert (gained["theme"], gained["change"]) == ("harbours", "gained")


@pytest.mark.slow
def test_by_minutes_counts_as_the_stream_does(config: Path) -> None:
    start = datetime(2024, 2, 15, 10, tzinfo=UTC)
    burst = [
        {
            "id": f"b{i}",
            "title": f"Harbours closed {' '.join(random.Random(i).choices(WORDS, k=7))}",
            "source": f"Outlet {i % 7}",
            "published": (start + timedelta(minutes=i)).isoformat(),
        }
        for i in range(20)
    ]
    found = episodes(run(config, [*archive(event=None, timed=True, sources=7), *burst], "--by", "minutes"))
    detected = [datetime.fromisoformat(episode["detected"]) for episode in found if episode["theme"] == "harbours"]
    assert any(start <= at < start + timedelta(minutes=30) for at in detected)


def test_table_shows_no_control_characters(config: Path) -> None:
    lines = [
        line | {"title": line["title"] + "\x1b\u202e[/]"} if line["published"] == str(EVENT) else line
        for line in archive()
    ]
    table = run(config, lines, "--table").stdout
    assert "harbours" in table
    assert "\x1b" not in table
    assert "\u202e" not in table


def test_pictures_of_the_themes_that_had_anything(config: Path, tmp_path: Path) -> None:
    result = run(config, archive(), "--png", str(tmp_path / "pictures"))
    assert result.exit_code == 0
    assert len(episodes(result)) == 1
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"railways.png", "harbours.png"}
    assert (tmp_path / "pictures" / "railways.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_learnt_goes_into_a_file_that_a_stream_with_the_same_themes_takes(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "lessons.jsonl"
    result = run(config, archive(days=20, timed=True), "--learn", str(path))
    assert result.exit_code == 0, result.output
    assert "counted by buckets of five minutes" in result.stderr
    assert f"learnt: 2 themes in {path}" in result.stderr
    identity = identify(load_classifier(config).classifier, Rules(), load_owners(config))
    lessons = lessonfile.load(path)
    assert fitting(lessons, identity) == lessons
    learnt = lessons["harbours"]
    assert learnt.learnt_from.startswith("backtest of 2024-01-01..2024-01-20, ")
    assert learnt.normal is not None
    assert learnt.normal.buckets == pytest.approx(20 * 288 - 72, abs=300)
    assert learnt.normal.feeds == {}  # those of an archive are not those of a desk


def test_lessons_are_for_the_rules_of_the_stream(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKWATCH_STREAMS_OWNER_CAP", "3")
    path = tmp_path / "lessons.jsonl"
    run(config, archive(days=3, timed=True), "--learn", str(path))
    classifier, owners = load_classifier(config).classifier, load_owners(config)
    lessons = lessonfile.load(path)
    assert fitting(lessons, identify(classifier, Rules(owner_cap=3), owners)) == lessons
    assert fitting(lessons, identify(classifier, Rules(), owners)) == {}


@pytest.mark.parametrize(
    ("options", "lines", "said"),
    [
        (["--by", "days"], archive(days=3, timed=True), "leave out --by days"),
        ([], archive(days=3), "only say on which day they appeared"),
        ([], archive(days=3, timed=True)[:1], "the archive is too short"),
    ],
)
def test_archive_that_teaches_no_hours_is_refused(
    config: Path, tmp_path: Path, options: list[str], lines: list[Any], said: str
) -> None:
    path = tmp_path / "lessons.jsonl"
    result = run(config, lines, "--learn", str(path), *options)
    assert result.exit_code != 0
    assert said in result.output + str(result.exception)
    assert not path.exists()
