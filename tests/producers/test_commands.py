from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deskwatch.cli import group
from deskwatch.settings import Settings


def run(*arguments: str, environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(group, list(arguments), env=environ)


def test_parse_prints_articles_and_a_bad_file_stops_nothing(site: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "post.xml", tmp_path / "page.html"
    good.write_text(site.rss(site.item("a", title="Quay & crane", link="/a"), site.item("a")))
    bad.write_text("<html/>")
    result = run("parse", str(bad), str(tmp_path / "missing.xml"), str(good), "--url", "https://post.example/rss")
    assert result.exit_code == 1
    (article,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (article["title"], article["url"], article["feed_id"]) == ("Quay & crane", "https://post.example/a", "post")
    assert "page.html: parsing feed page: no feed" in result.stderr
    assert "missing.xml" in result.stderr
    assert "1 items dropped: duplicate" in result.stderr


def test_parse_of_good_files_succeeds(site: Any, tmp_path: Path) -> None:
    file = tmp_path / "post.xml"
    file.write_text(site.rss(site.item("a")))
    assert run("parse", str(file)).exit_code == 0


def test_feeds_import_prints_config(tmp_path: Path) -> None:
    file = tmp_path / "list.opml"
    file.write_text(
        '<opml><body><outline text="Post" xmlUrl="https://post.example/"/><outline xmlUrl="x:"/></body></opml>'
    )
    result = run("feeds", "import", str(file))
    assert result.exit_code == 0
    assert 'id: "post"' in result.stdout
    assert "1 feeds" in result.stderr


def test_feeds_status_tells_how_each_feed_is(site: Any, command: Any, settings: Settings) -> None:
    site.pages = lambda path, *_: site.Answer(site.rss(site.item("a")), status=200 if path == "/good" else 404)
    feeds = [{"id": name, "url": f"{site.url}/{name}", "source": "S"} for name in ("good", "gone")]
    command.write_feeds(feeds)
    command.use(settings, tick_s=60)
    process = command.start(
        "produce", "--replay-from", "2026-03-01T06:00:00Z", "--replay-until", "2026-03-01T06:00:00Z"
    )
    assert process.wait(30) == 0, command.read_log()
    command.write_feeds([*feeds, {"id": "fresh", "url": f"{site.url}/fresh", "source": "S"}])
    good, gone, fresh = run("feeds", "status", environ=command.environ).stdout.splitlines()
    assert good == "good\tok\tlast success 2026-03-01T06:00:00+00:00\tnext poll 2026-03-01T06:05:00+00:00"
    assert gone == "gone\tfailing (1 polls)\tlast success never\tnext poll 2026-03-01T06:10:00+00:00"
    assert fresh == "fresh\tnew"


@pytest.mark.parametrize("arguments", [["--replay-until", "2026-03-01"], ["--max-lag", "5"], ["--replay-from", "noon"]])
def test_produce_refuses_options_that_make_no_sense(arguments: list[str]) -> None:
    assert run("produce", *arguments).exit_code == 2
