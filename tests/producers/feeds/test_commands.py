from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.feedrecords import Condition, Feed, FeedState
from producers.feeds import config
from producers.feeds.commands import feeds
from producers.feeds.kinds import Kind
from producers.feeds.opml import read_opml
from producers.feeds.showing import print_table, record_of, row_of, stamp
from producers.feeds.status import assess
from producers.state.poison import DIRECTORY
from producers.state.store import Store

FILE = "feeds:\n  - id: quay\n    url: https://quay.example/rss\n    source: Quay\n"
NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
OPML = (
    '<opml><body><outline text="Crane" xmlUrl="https://crane.example/"/>'
    '<outline text="Quay" xmlUrl="http://quay.example/rss/"/><outline xmlUrl="x:"/></body></opml>'
)


class Desk:
    """A config directory and the command line on it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / config.FILE
        self.path.write_text(FILE)
        self.environ = {
            "DESKWATCH_CONFIG_DIR": str(directory),
            "DESKWATCH_STATE_DIR": str(directory / "state"),
            "DESKWATCH_PRODUCERS_ALLOW_PRIVATE_ADDRESSES": "true",
        }

    def run(self, *arguments: str, **environ: str) -> Result:
        return CliRunner().invoke(feeds, list(arguments), env=self.environ | environ)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def post(site: Any) -> Any:
    """Return a site with a page, its feed and its comments."""
    page = (
        '<link rel="alternate" type="application/rss+xml" href="/comments.xml" title="Comments">'
        '<link rel="alternate" type="application/rss+xml" href="/rss.xml" title="News">'
    )
    news = site.rss(site.item("a", title="The crane at the quay is blue", published="Thu, 12 Mar 2026 08:00:00 GMT"))
    pages = {"/": page, "/rss.xml": news, "/comments.xml": site.rss()}
    site.pages = lambda path, *_: site.Answer(pages[path]) if path in pages else site.Answer(status=404)
    return site


def test_a_feed_is_found_through_its_page_and_added(desk: Desk, post: Any) -> None:
    result = desk.run("add", f"{post.url}/", "--category", "trade")
    assert result.exit_code == 0, result.output
    _, added = config.load(desk.path.parent)
    assert (added.id, added.url, added.source, added.category) == (
        "harbour-post",
        f"{post.url}/rss.xml",
        "Harbour Post",
        "trade",
    )
    assert desk.path.read_text().startswith(FILE)
    lines = result.stdout.splitlines()
    assert lines[0] == f"# found     {post.url}/rss.xml"
    assert lines[1:3] == ["# title     Harbour Post", "# items     1"]
    assert lines[3].startswith("# newest    2026-03-12T08:00:00Z, ")
    assert lines[4] == "# language  en"
    assert "\n".join(lines[5:]) in desk.path.read_text()
    assert f"also there: {post.url}/comments.xml  Comments" in result.stderr
    again = desk.run("add", f"{post.url}/")
    assert again.exit_code == 0
    assert "is there already: feed 'harbour-post' of Harbour Post" in again.stdout
    assert len(config.load(desk.path.parent)) == 2


def test_a_dry_run_changes_nothing(desk: Desk, post: Any) -> None:
    result = desk.run("add", f"{post.url}/rss.xml", "--dry-run", "--id", "hp", "--source", "The Post")
    assert result.exit_code == 0, result.output
    assert "  - id: hp\n" in result.stdout
    assert desk.path.read_text() == FILE


def test_a_feed_that_is_there_is_said_so_without_a_request(desk: Desk) -> None:
    result = desk.run("add", "quay.example/rss/?utm_source=x#top")
    assert result.exit_code == 0
    assert "https://quay.example/rss is there already: feed 'quay'" in result.stdout


def test_what_is_no_feed_and_has_none_ends_with_one(desk: Desk, site: Any) -> None:
    site.pages = lambda path, *_: site.Answer("<html>", status=200 if path == "/" else 404)
    result = desk.run("add", f"{site.url}/")
    assert result.exit_code == 1
    assert "/index.xml (status 404)" in result.stderr
    assert len(site.requests) <= 14
    missing = desk.run("add", f"{site.url}/page")
    assert missing.exit_code == 1
    assert "status 404; try the address of the site's front page" in missing.stderr


def test_private_addresses_are_not_asked_unless_the_setting_allows_it(desk: Desk, post: Any) -> None:
    result = desk.run("add", f"{post.url}/", DESKWATCH_PRODUCERS_ALLOW_PRIVATE_ADDRESSES="false")
    assert result.exit_code == 1
    assert "unless the setting allow_private_addresses says otherwise" in result.stderr
    assert post.requests == []


@pytest.mark.parametrize(
    "arguments", [["ftp://quay.example/"], ["https://"], ["a b"], ["https://a.example/", "--id", "quay"]]
)
def test_wrong_use_ends_with_two(desk: Desk, arguments: list[str]) -> None:
    result = desk.run("add", *arguments)
    assert result.exit_code == 2, result.output


def test_a_taken_id_is_answered_with_a_free_one(desk: Desk) -> None:
    assert "did you mean 'quay-2'?" in desk.run("add", "https://a.example/", "--id", "quay").stderr


def test_a_file_that_is_wrong_already_is_refused_before_anything_is_asked(desk: Desk) -> None:
    desk.path.write_text("feeds:\n  - id: quay\n")
    result = desk.run("add", "https://a.example/")
    assert isinstance(result.exception, ConfigError)
    assert all(isinstance(problem, Problem) for problem in result.exception.problems)


def test_import_prints_and_only_writes_when_told_to(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "list.opml"
    file.write_text(OPML)
    printed = desk.run("import", str(file))
    assert printed.exit_code == 0
    assert 'id: "crane"' in printed.stdout
    assert "2 feeds" in printed.stderr
    assert desk.path.read_text() == FILE
    written = desk.run("import", str(file), "--write")
    assert written.exit_code == 0, written.output
    assert written.stdout == "crane\thttps://crane.example/\n"
    assert "is there already, as 'quay'" in written.stderr
    assert [feed.id for feed in config.load(tmp_path)] == ["quay", "crane"]
    before = desk.path.read_text()
    assert desk.run("import", str(file), "--write").exit_code == 0
    assert desk.path.read_text() == before


def test_export_is_a_list_that_can_be_imported(desk: Desk) -> None:
    result = desk.run("export")
    assert result.exit_code == 0
    assert read_opml(result.stdout.encode(), "list.opml") == (list(config.load(desk.path.parent)), [])


def test_status_without_a_state_file_knows_new_feeds_only(desk: Desk) -> None:
    result = desk.run("status")
    assert result.exit_code == 0, result.output
    assert result.stdout == "quay\tnew\t-\t-\t-\t-\t-\t-\t\n"
    assert "1 new" in result.stderr
    assert "It has not been polled yet." in result.stderr
    (record,) = [json.loads(line) for line in desk.run("status", "--json").stdout.splitlines()]
    assert (record["id"], record["state"], record["since"]) == ("quay", "new", None)
    filtered = desk.run("status", "--state", "silent")
    assert filtered.stdout == ""
    assert "1 new" in filtered.stderr
    assert desk.run("status", "--state", "quiet").exit_code == 2


def test_a_row_is_one_line_whatever_the_reason_holds(capsys: pytest.CaptureFixture[str]) -> None:
    feed = Feed(id="quay", url="https://quay.example/rss", source="Quay")
    state = FeedState(
        feed_id="quay",
        condition=Condition.FAILING,
        errors=3,
        last_error="status 500\tx\n\x1b[31m[red]",
        last_success_at=NOW - timedelta(hours=2),
        last_new_at=NOW - timedelta(days=1),
        next_poll_at=NOW + timedelta(minutes=5),
        per_day=3.25,
        delay_s=90.0,
    )
    status = assess(feed, state, NOW)
    row = row_of(feed, state, status, show=stamp)
    assert row == [
        "quay",
        "failing",
        "2026-03-12T10:00:00Z",
        "2026-03-12T10:00:00Z",
        "2026-03-11T12:00:00Z",
        "3.2",
        "1.5 min",
        "2026-03-12T12:05:00Z",
        "status 500 x  [31m[red] (3 polls)",
    ]
    record = record_of(feed, state, status)
    assert (record["state"], record["since"], record["errors"]) == (Kind.FAILING, NOW - timedelta(hours=2), 3)
    print_table([(feed, state, status)], NOW)
    table = capsys.readouterr().out
    assert "2 h ago" in table
    assert "\x1b[31m" not in table


def test_status_is_read_beside_a_running_producer(desk: Desk, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    desk.path.write_text(FILE + "  - id: crane\n    url: https://crane.example/\n    source: Crane\n")
    store = Store(tmp_path / "state")  # stays open
    try:
        store.record(
            FeedState(
                feed_id="quay",
                url="https://quay.example/rss",
                condition=Condition.QUARANTINED,
                kills=3,
                errors=3,
                last_error="cpu",
            )
        )
        store.record(
            FeedState(
                feed_id="crane", url="https://crane.example/", condition=Condition.OK, ok_since=now, last_success_at=now
            )
        )
        store.flush()
        kept = tmp_path / "state" / DIRECTORY / "quay.body"
        kept.parent.mkdir()
        kept.write_bytes(b"<rss")
        rows = [line.split("\t") for line in desk.run("status").stdout.splitlines()]
    finally:
        store.close()
    assert [row[:2] for row in rows] == [["quay", "quarantined"], ["crane", "ok"]]
    assert rows[0][-1] == f"cpu (3 polls); its document is kept in {kept}"
    assert rows[1][2] == stamp(now)
