from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deskwatch.cli import group


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
    assert "page.html: parsing feed page: this is a web page" in result.stderr
    assert "missing.xml" in result.stderr
    assert "1 items dropped: duplicate" in result.stderr


def test_parse_of_good_files_succeeds(site: Any, tmp_path: Path) -> None:
    file = tmp_path / "post.xml"
    file.write_text(site.rss(site.item("a")))
    assert run("parse", str(file)).exit_code == 0


@pytest.mark.parametrize("arguments", [["--replay-until", "2026-03-01"], ["--max-lag", "5"], ["--replay-from", "noon"]])
def test_produce_refuses_options_that_make_no_sense(arguments: list[str]) -> None:
    assert run("produce", *arguments).exit_code == 2
